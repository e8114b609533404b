import pathlib
import tempfile
import unittest

try:
    import torch
    import safetensors  # noqa: F401
except ImportError as error:
    raise unittest.SkipTest(str(error))

from arith import export
from arith.evaluation import Decoder, free_running, score
from arith.grammar import Question
from arith.model import Llama, ModelConfig
from arith.tokenizer import EOS_ID, VOCABULARY

CONFIG = ModelConfig(vocab=len(VOCABULARY), layers=2, hidden=32, heads=4, kv_heads=2, head_dim=8, ffn=48)


def random_model():
    torch.manual_seed(5)
    model = Llama(CONFIG)
    for parameter in model.parameters():  # logits far apart: no near ties
        torch.nn.init.normal_(parameter, std=1.0 if parameter.ndim == 1 else 0.4)
    return model.eval()


@torch.no_grad()
def decode_without_cache(model, prompt, count):
    tokens = list(prompt)
    for _ in range(count):
        states = model.hidden_states(torch.tensor([tokens]), torch.arange(len(tokens))[None])
        tokens.append(model.logits(states[-1][0, -1]).argmax().item())
    output = tokens[len(prompt) :]
    return output[: output.index(EOS_ID)] if EOS_ID in output else output


class EvaluationTest(unittest.TestCase):
    @torch.no_grad()
    def test_a_cached_padded_batch_decodes_as_each_prompt_alone(self):
        model = random_model()
        prompts = [[5, 9, 17], [300, 4, 8, 90, 61, 7, 44], [11]]
        outputs = Decoder(model, prompts, max_new=12).run()
        for prompt, output in zip(prompts, outputs):
            expected = decode_without_cache(model, prompt, 12)
            self.assertEqual(output[:12], expected)
        self.assertGreater(len({tuple(output) for output in outputs}), 1)

    def test_score_takes_the_first_answer_of_each_number(self):
        asked = [Question(1, 42, True, 5), Question(2, 47, False, 3, refers=1), Question(3, 10, True, 1)]
        text = (
            "Answer_2: A1 47 - 3 = 44. The answer is 44. A2 44\n"
            "Answer_1: 42 + 5 = 48. The answer is 48. A1 48\n"
            "Answer_1: 42 + 5 = 47. The answer is 47. A1 47\n"
        )
        self.assertEqual(score(asked, text), [False, True, False])

    def test_an_untrained_model_scores_nothing(self):
        result = free_running(random_model(), questions=8, prompts=3, batch=2)
        self.assertEqual(result["counts"]["all"], 24)
        self.assertEqual(sum(result["counts"].values()), 48)
        self.assertLess(result["percent"]["all"], 10)

    def test_export_and_read_give_the_model_rounded_to_half(self):
        model = random_model()
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name) / "model"
            sha256 = export.write(folder, model)
            again = export.read(folder)
            self.assertEqual(len(sha256), 64)
        self.assertEqual(again.config, CONFIG)
        for a, b in zip(model.parameters(), again.parameters()):
            self.assertTrue(torch.equal(a.half().float(), b))


if __name__ == "__main__":
    unittest.main()
