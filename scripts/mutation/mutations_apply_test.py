"""Every fault still has its place in the source."""

import unittest

import faults


class MutationsApplyTest(unittest.TestCase):
    def test_each_changes_its_file_in_one_place(self):
        for fault in faults.load():
            with self.subTest(fault.name):
                source = (faults.ROOT / fault.file).read_text()
                self.assertNotEqual(fault.apply(source), source)

    def test_names_are_unique(self):
        names = [fault.name for fault in faults.load()]
        self.assertEqual(sorted(set(names)), sorted(names))

    def test_a_text_that_is_absent_or_ambiguous_is_an_error(self):
        fault = faults.Fault("f", "", "x.cc", "a = 1;", "a = 2;")
        self.assertEqual(fault.apply("b; a = 1; c"), "b; a = 2; c")
        for source in ("", "a = 1; a = 1;"):
            with self.assertRaisesRegex(faults.FaultError, "fault f: .* once in x.cc, found"):
                fault.apply(source)


if __name__ == "__main__":
    unittest.main()
