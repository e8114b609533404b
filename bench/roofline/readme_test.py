#!/usr/bin/env python3
"""Every table below a roofline command of the README is what the command prints."""

import json
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

    def test_json_has_the_figures_of_the_table_and_their_sources(self):
        printed = subprocess.run(
            [os.environ["KVSCOPE_ROOFLINE"], "--json", "--batch", "32"],
            capture_output=True, text=True, check=True,
        ).stdout
        report = json.loads(printed)
        self.assertEqual(report["what"], "bounds by calculation, not measurements")
        self.assertEqual([gpu["gpu"] for gpu in report["gpus"]], ["a100", "h100", "h200", "b200"])
        for gpu in report["gpus"]:
            self.assertTrue(gpu["sources"])
            self.assertAlmostEqual(gpu["tokens_per_s"] * gpu["step_s"], report["batch"])
            self.assertLessEqual(gpu["kernels_tokens_per_s"], gpu["tokens_per_s"])
            self.assertLessEqual(gpu["prefill_s"], gpu["kernels_prefill_s"])

    def test_wrong_flags_are_named(self):
        for arguments, message in (
            (["--model", "gpt"], "model: expected one of smollm2-135m, llama-3.1-8b-instruct, found 'gpt'"),
            (["--weights", "int3"], "weights: expected one of F32"),
            (["--batch", "0"], "batch: expected 1 to 2^20, found 0"),
            (["--nonsense"], "--nonsense"),
        ):
            result = subprocess.run([os.environ["KVSCOPE_ROOFLINE"], *arguments], capture_output=True, text=True)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn(message, result.stderr)


if __name__ == "__main__":
    unittest.main()
