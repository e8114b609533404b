import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from arith.texts import TaskShape, draw_texts, evaluation_rng, training_rng
from arith.tokenizer import decode

RECORD = pathlib.Path(__file__).parents[2] / "datasets/arith/model/training_record.json"
EVERY = 4  # of the training steps, the share that a test of seconds can write anew


def asked(text):
    """What a prompt asks, in the order of the numbers."""
    lines = re.findall(r"^Q(\d+): (.*?\?)", text, re.MULTILINE)
    return tuple(question for _, question in sorted(lines, key=lambda line: int(line[0])))


class EvaluationTest(unittest.TestCase):
    """What the committed model is evaluated on it was not trained on."""

    @classmethod
    def setUpClass(cls):
        record = json.loads(RECORD.read_text(encoding="utf-8"))
        cls.seed = record["seed"]
        cls.shapes = []  # of each step
        for phase in record["recipe"]["phases"]:
            shape, copies = TaskShape(**phase["task"]), phase["copy_share"]
            cls.shapes += [(shape, copies)] * phase["steps"]

    def test_training_and_evaluation_draw_from_different_streams(self):
        training = {training_rng(self.seed, step).random() for step in range(len(self.shapes))}
        evaluation = {evaluation_rng(seed).random() for seed in range(3000)}
        self.assertEqual(len(training), len(self.shapes))
        self.assertFalse(training & evaluation)

    def trained_on(self):
        prompts = set()
        for step in range(0, len(self.shapes), EVERY):
            shape, copies = self.shapes[step]
            rng = training_rng(self.seed, step)
            if rng.random() >= copies:  # else a batch of random tokens
                prompts.update(asked(decode(text.tokens)) for _, text in draw_texts(rng, shape))
        return prompts

    @unittest.skipUnless("KVSCOPE_BINARY" in os.environ, "KVSCOPE_BINARY is not set")
    def test_no_prompt_of_the_program_was_trained_on(self):
        trained_on = self.trained_on()
        self.assertGreater(len(trained_on), 8000)
        for questions in (8, 24, 64):
            for seed in {0, self.seed}:
                with tempfile.TemporaryDirectory() as folder:
                    out = pathlib.Path(folder, "prompts.jsonl")
                    command = [os.environ["KVSCOPE_BINARY"], "build", "--task", "arith+", "--quiet"]
                    command += ["--questions", str(questions), "--seed", str(seed), "--out", str(out)]
                    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                    prompts = {asked(json.loads(line)["text"]) for line in out.read_text().splitlines()}
                self.assertEqual(len(prompts), 50)
                self.assertTrue(all(len(prompt) == questions for prompt in prompts))
                self.assertFalse(prompts & trained_on)


if __name__ == "__main__":
    unittest.main()
