import math
import unittest

try:
    import torch
except ImportError as error:
    raise unittest.SkipTest(str(error))

from arith.model import ModelConfig
from arith.optimiser import orthogonalise
from arith.texts import TaskShape
from arith.tokenizer import VOCABULARY
from arith.trainer import Phase, Recipe, Tally, Trainer

CONFIG = ModelConfig(vocab=len(VOCABULARY), layers=2, hidden=32, heads=2, kv_heads=1, head_dim=16, ffn=32)
SHAPE = TaskShape(questions=(3, 4), max_position=512, fillers_per_line=(0,), batch_tokens=256)
RECIPE = Recipe(
    phases=(Phase("a", 4, SHAPE, copy_share=0.5), Phase("b", 4, SHAPE, copy_share=0.0)), warmup_steps=2
)


def trained(steps, trainer=None):
    trainer = trainer or Trainer(CONFIG, RECIPE, seed=3)
    tally = Tally()
    for _ in range(steps):
        trainer.train_step(tally)
    return trainer, tally


class TrainerTest(unittest.TestCase):
    def test_a_resumed_run_is_the_uninterrupted_one(self):
        whole, _ = trained(8)
        first, _ = trained(3)
        second = Trainer(CONFIG, RECIPE, seed=3)
        second.load_state_dict(first.state_dict())
        trained(5, second)
        self.assertEqual(second.step, 8)
        self.assertEqual(second.tokens, whole.tokens)
        for a, b in zip(second.model.parameters(), whole.model.parameters()):
            self.assertTrue(torch.equal(a, b))

    def test_another_seeds_checkpoint_is_refused(self):
        state = Trainer(CONFIG, RECIPE, seed=3).state_dict()
        with self.assertRaisesRegex(ValueError, "checkpoint's seed is 3, this run's is 4"):
            Trainer(CONFIG, RECIPE, seed=4).load_state_dict(state)

    def test_the_loss_falls(self):
        recipe = Recipe(phases=(Phase("a", 100, SHAPE, copy_share=0.0),), warmup_steps=2)
        trainer, first = trained(5, Trainer(CONFIG, recipe, seed=1))
        trained(35, trainer)
        _, last = trained(5, trainer)
        self.assertLess(last.summary()["loss"], 0.7 * first.summary()["loss"])

    def test_phases_follow_each_other(self):
        self.assertEqual([RECIPE.phase_at(step).name for step in range(8)], ["a"] * 4 + ["b"] * 4)
        with self.assertRaises(ValueError):
            RECIPE.phase_at(8)

    def test_rate_warms_up_holds_and_decays(self):
        recipe = Recipe(
            phases=(Phase("a", 1000, SHAPE, 0.0),), warmup_steps=10, decay_from=0.5, final_rate=0.02
        )
        self.assertAlmostEqual(recipe.rate_at(0), 0.1)
        self.assertEqual({recipe.rate_at(step) for step in range(10, 500)}, {1.0})
        self.assertAlmostEqual(recipe.rate_at(750), 0.51)
        self.assertAlmostEqual(recipe.rate_at(999), 0.02, places=4)

    def test_orthogonalise_brings_singular_values_near_one(self):
        for shape in ((8, 24), (24, 8), (16, 16)):
            matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
            values = torch.linalg.svdvals(orthogonalise(matrix))
            self.assertTrue(((values > 0.3) & (values < 1.3)).all(), values)

    def test_tally_is_a_mean_over_tokens(self):
        tally = Tally()
        tally.add(
            torch.tensor([1, 1, 3]), torch.tensor([1.0, 2.0, 6.0]), torch.tensor([1.0, 0.0, 1.0]), tokens=9
        )
        self.assertEqual(tally.summary(), {"loss": 3.0, "percent_by_role": {"number": 50.0, "sign": 100.0}})
        self.assertFalse(math.isnan(tally.summary()["loss"]))


if __name__ == "__main__":
    unittest.main()
