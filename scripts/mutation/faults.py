"""Faults to seed into the source: `faults.toml`, read and checked."""

import dataclasses
import pathlib
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = pathlib.Path(__file__).with_name("faults.toml")


class FaultError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str
    breaks: str
    file: str  # below the source's root
    text: str  # stands in it once
    replacement: str
    escapes: str = ""  # why no gate need see it; empty: one must

    def apply(self, source):
        """`source`, the file's content, with the fault in it."""
        found = source.count(self.text)
        if found != 1:
            raise FaultError(f"fault {self.name}: its text is expected once in {self.file}, found {found} times")
        return source.replace(self.text, self.replacement)


def load():
    needed = {field.name for field in dataclasses.fields(Fault)} - {"escapes"}
    faults = []
    for number, table in enumerate(tomllib.loads(FILE.read_text())["fault"], start=1):
        if set(table) - {"escapes"} != needed:
            raise FaultError(f"{FILE}: fault {number}: expected {', '.join(sorted(needed))}, found {', '.join(table)}")
        faults.append(Fault(**table))
    return faults
