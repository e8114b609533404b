#!/usr/bin/env python3
"""Every table below a roofline command of the README is what the command prints."""

import os
import pathlib
import re
import shlex
import subprocess
import unittest

README = pathlib.Path(__file__).resolve().parent / "README.md"
COMMAND = re.compile(r"^    build/cpu/bench/roofline/roofline (.*)\n\n((?:\|.*\n)+)", re.MULTILINE)


class ReadmeTest(unittest.TestCase):
    def test_tables_are_what_the_program_prints(self):
        found = COMMAND.findall(README.read_text())
        self.assertGreaterEqual(len(found), 2)
        for arguments, table in found:
            with self.subTest(arguments):
                printed = subprocess.run(
                    [os.environ["KVSCOPE_ROOFLINE"], *shlex.split(arguments)],
                    capture_output=True, text=True, check=True,
                ).stdout
                self.assertTrue(printed.startswith("bounds by calculation, not measurements"))
                self.assertEqual(printed.partition("\n\n")[2], table)


if __name__ == "__main__":
    unittest.main()
