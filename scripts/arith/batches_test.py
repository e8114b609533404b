import unittest

try:
    import torch
except ImportError as error:
    raise unittest.SkipTest(str(error))

from arith.batches import IGNORED, copy_batch, task_batch
from arith.grammar import Role
from arith.texts import TaskShape, training_rng
from arith.tokenizer import decode

SHAPE = TaskShape(questions=(4, 12), max_position=4096, fillers_per_line=(0, 1), batch_tokens=1024)


class BatchesTest(unittest.TestCase):
    def test_a_batch_depends_on_seed_and_step_alone(self):
        first, again = (task_batch(training_rng(1, 7), SHAPE) for _ in range(2))
        self.assertTrue(torch.equal(first.tokens, again.tokens))
        self.assertTrue(torch.equal(first.positions, again.positions))
        self.assertFalse(torch.equal(first.tokens, task_batch(training_rng(1, 8), SHAPE).tokens))

    def test_targets_are_the_next_tokens_of_the_answers(self):
        for step in range(20):
            batch = task_batch(training_rng(1, step), SHAPE)
            for tokens, targets in zip(batch.tokens, batch.targets):
                asked = (targets != IGNORED).nonzero().flatten()
                inner = asked[asked < len(tokens) - 1]
                self.assertTrue(torch.equal(targets[inner], tokens[inner + 1]))
                self.assertRegex(decode(tokens.tolist()), r"Answers:\nAnswer_")
                self.assertTrue(decode(targets[asked].tolist()).startswith("Answer_"))

    def test_line_numbers_are_those_written(self):
        batch = task_batch(training_rng(1, 3), SHAPE)
        text = decode(batch.tokens[0].tolist())
        for number in set(batch.lines[0].tolist()) - {IGNORED}:
            line = decode(batch.tokens[0][batch.lines[0] == number].tolist())
            self.assertTrue(line.startswith(f"{number}:"))
            self.assertIn("Q" + line.split("\n")[0], text)

    def test_positions_rise_and_stay_in_range(self):
        highest = 0
        for step in range(50):
            positions = task_batch(training_rng(1, step), SHAPE).positions
            self.assertTrue((positions[:, 1:] > positions[:, :-1]).all())
            self.assertTrue((positions[:, 0] == 0).all())
            highest = max(highest, positions.max().item())
        self.assertLess(highest, SHAPE.max_position)
        self.assertGreater(highest, SHAPE.max_position // 2)

    def test_a_copy_batch_asks_for_its_first_tokens_again_but_the_very_first(self):
        for step in range(20):
            batch = copy_batch(training_rng(1, step))
            asked = batch.targets != IGNORED
            length = asked[0].sum().item()
            self.assertTrue(
                torch.equal(batch.targets[asked].view(-1, length), batch.tokens[:, 1 : length + 1])
            )
            self.assertTrue((batch.roles == Role.COPY).all())
            self.assertTrue((batch.lines == IGNORED).all())


if __name__ == "__main__":
    unittest.main()
