"""The picture in the README is what the committed results make."""

import pathlib
import sys
import tempfile
import unittest

try:
    import matplotlib
except ImportError as error:
    raise unittest.SkipTest(str(error))

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import budget_curve  # noqa: E402

REFERENCE = pathlib.Path(__file__).parents[2] / "results/reference"


class BudgetCurveTest(unittest.TestCase):
    def setUp(self):
        self.full, self.curves = budget_curve.read_curves(REFERENCE / "arith_curve.csv")
        self.knees = budget_curve.read_knees(REFERENCE / "arith_curve_knees.json")

    def test_every_knee_is_a_point_of_a_curve(self):
        found = [budget_curve.knee_of(curve, self.knees) for curve in self.curves]
        self.assertEqual(sum(knee["window"] is not None for knee in self.knees), len(found) - found.count(None))
        self.assertEqual(len(self.knees), len(self.curves))

    def test_windows_rise_and_budgets_cost_memory(self):
        for curve in self.curves:
            self.assertEqual(curve.windows, [64, 128, 256, 512, 1024], curve.label)
            self.assertEqual(curve.shares, sorted(curve.shares), curve.label)

    def test_the_committed_pictures_are_made_from_the_committed_results(self):
        for name, theme in budget_curve.THEMES.items():
            committed = (REFERENCE / f"arith_curve-{name}.svg").read_text(encoding="utf-8")
            for curve in self.curves:
                self.assertIn(curve.label, committed)
            if f"Matplotlib v{matplotlib.__version__}," not in committed:
                continue  # another version draws the same with other bytes
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder, "curve.svg")
                budget_curve.draw(self.full, self.curves, self.knees, theme, path)
                self.assertEqual(path.read_text(encoding="utf-8"), committed)


if __name__ == "__main__":
    unittest.main()
