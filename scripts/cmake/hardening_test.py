"""How the built kvscope is linked: read with readelf."""

import os
import shutil
import subprocess
import unittest


@unittest.skipUnless(shutil.which("readelf"), "no readelf")
class HardeningTest(unittest.TestCase):
    def read(self, what):
        command = ["readelf", "--wide", what, os.environ["KVSCOPE_BINARY"]]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def test_is_position_independent(self):
        self.assertRegex(self.read("--file-header"), r"Type: +DYN")
        self.assertRegex(self.read("--dynamic"), r"FLAGS_1\).*\bPIE\b")

    def test_relocations_are_read_only_from_the_start(self):
        self.assertRegex(self.read("--program-headers"), r"GNU_RELRO")
        self.assertRegex(self.read("--dynamic"), r"BIND_NOW|FLAGS_1\).*\bNOW\b")

    def test_stack_is_not_executable(self):
        self.assertRegex(self.read("--program-headers"), r"GNU_STACK\s+(0x[0-9a-f]+ ){5}RW ")


if __name__ == "__main__":
    unittest.main()
