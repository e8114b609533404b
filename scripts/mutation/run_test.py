"""`run` from faults to table, on a plan of one cell. $KVSCOPE_BUILD is an up-to-date Ninja build of this checkout."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

FOLDER = pathlib.Path(__file__).parent


class RunTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="with a space ")
        self.addCleanup(folder.cleanup)
        self.out = pathlib.Path(folder.name)

    def run_faults(self, *arguments):
        build, plan = os.environ["KVSCOPE_BUILD"], FOLDER / "smoke.json"
        command = [FOLDER / "run", *arguments, "--out", self.out, "--build", build, "--as-built", "--plan", plan]
        return subprocess.run(
            [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False
        )

    def test_says_what_the_gate_catches(self):
        # The plan has no prefill policy that scores by the observation window.
        result = self.run_faults("best-evicted", "pool-dropped")
        self.assertEqual(result.returncode, 1, result.stderr)
        rows = {line.split(" | ")[0]: line.split(" | ")[3:] for line in result.stdout.splitlines()}
        self.assertEqual(rows["| best-evicted"][0], "**fail**: accuracy")
        self.assertTrue(rows["| best-evicted"][1].startswith("**fail**: outputs"))
        self.assertEqual(rows["| pool-dropped"], ["pass", "pass |"])
        self.assertIn("Caught of 2 faults: by `regression` 1, by `identical` 1, by either 1.", result.stdout)

    def test_what_is_there_is_not_run_again(self):
        self.assertEqual(self.run_faults("best-evicted").returncode, 0)
        kept = self.out / "best-evicted/result.json"
        made = kept.stat().st_mtime_ns
        (self.out / "best-evicted/kvscope").unlink()
        self.assertEqual(self.run_faults("best-evicted").returncode, 0)
        self.assertEqual(kept.stat().st_mtime_ns, made)
        self.assertFalse((self.out / "best-evicted/kvscope").exists())

    def test_names_an_unknown_fault(self):
        result = self.run_faults("no-such-fault")
        self.assertEqual(result.returncode, 2)
        self.assertIn("unknown fault 'no-such-fault'", result.stderr)


if __name__ == "__main__":
    unittest.main()
