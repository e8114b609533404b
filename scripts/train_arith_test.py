import contextlib
import io
import pathlib
import tempfile
import unittest
from unittest import mock

try:
    import torch

    import train_arith
except ImportError as error:
    raise unittest.SkipTest(str(error))

from arith.model import ModelConfig
from arith.texts import TaskShape
from arith.tokenizer import VOCABULARY
from arith.trainer import Phase, Recipe, Trainer

CONFIG = ModelConfig(vocab=len(VOCABULARY), layers=2, hidden=32, heads=2, kv_heads=1, head_dim=16, ffn=32)
RECIPE = Recipe(phases=(Phase("a", 8, TaskShape((3, 4), 512, (0,), 256), copy_share=0.5),))


class StoppedTrainer(Trainer):
    """Stops as a killed process does, in the middle of a step."""

    def train_step(self, tally):
        if self.step == 5:
            raise KeyboardInterrupt
        super().train_step(tally)


@mock.patch.multiple(train_arith, LOG_EVERY=2, CHECKPOINT_EVERY=4, EVALUATE_EVERY=1000)
class TrainTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        output = contextlib.redirect_stdout(io.StringIO())
        output.__enter__()
        self.addCleanup(output.__exit__, None, None, None)

    def test_a_stopped_run_goes_on_from_its_checkpoint(self):
        checkpoint = self.folder / "checkpoint.pt"
        with self.assertRaises(KeyboardInterrupt):
            train_arith.train(StoppedTrainer(CONFIG, RECIPE, seed=3), checkpoint)
        resumed = Trainer(CONFIG, RECIPE, seed=3)
        curve, _ = train_arith.train(resumed, checkpoint)
        whole = Trainer(CONFIG, RECIPE, seed=3)
        expected, _ = train_arith.train(whole, self.folder / "other.pt")

        def without_time(points):
            return [{key: value for key, value in point.items() if key != "seconds"} for point in points]

        self.assertEqual([point["step"] for point in curve], [2, 4, 6, 8])
        self.assertEqual(without_time(curve), without_time(expected))
        for a, b in zip(resumed.model.parameters(), whole.model.parameters()):
            self.assertTrue(torch.equal(a, b))

    def test_a_finished_run_trains_no_further(self):
        checkpoint = self.folder / "checkpoint.pt"
        first, _ = train_arith.train(Trainer(CONFIG, RECIPE, seed=3), checkpoint)
        again, _ = train_arith.train(StoppedTrainer(CONFIG, RECIPE, seed=3), checkpoint)
        self.assertEqual(first, again)


if __name__ == "__main__":
    unittest.main()
