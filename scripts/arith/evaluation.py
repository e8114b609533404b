"""Free-running accuracy: greedy decoding with the full cache, scored by the answers that the text states."""

import collections
import re

import torch

from arith.grammar import draw_questions, write_text
from arith.model import rotary_tables
from arith.texts import evaluation_rng
from arith.tokenizer import EOS_ID, decode

_ANSWER = re.compile(r"^Answer_(\d+):.*?answer is (\d+)", re.MULTILINE)


class Decoder:
    """A batch of prompts, padded on the left to one length, and the cache of what has been read."""

    def __init__(self, model, prompts, max_new):
        self._model = model
        config = model.config
        longest = max(map(len, prompts))
        self._padding = torch.tensor([longest - len(prompt) for prompt in prompts])
        shape = (config.layers, 2, len(prompts), config.kv_heads, longest + max_new, config.head_dim)
        self._cache = torch.zeros(shape)
        self._length = 0
        self._prompt = torch.tensor([[EOS_ID] * (longest - len(prompt)) + prompt for prompt in prompts])

    def _read(self, tokens):
        """Appends tokens [batch, n] and returns the most likely token after the last."""
        begin, end = self._length, self._length + tokens.shape[1]
        self._length = end
        query, key = torch.arange(begin, end), torch.arange(end)
        visible = (key[None, None] <= query[None, :, None]) & (key >= self._padding[:, None])[:, None]
        # Padding sees itself: an empty softmax would be NaN.
        visible |= key[None, None] == query[None, :, None]
        positions = (query[None] - self._padding[:, None]).clamp_min(0)
        tables = rotary_tables(positions, self._model.config)
        x = self._model.embed_tokens(tokens)
        for layer, cache in zip(self._model.layers, self._cache):
            query_heads, *new = layer.self_attn.project(layer.input_layernorm(x), tables)
            cache[:, :, :, begin:end] = torch.stack(new)
            keys, values = cache[:, :, :, :end]
            x = x + layer.self_attn.attend(query_heads, keys, values, attn_mask=visible[:, None])
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        return self._model.logits(self._model.norm(x[:, -1])).argmax(-1)

    def run(self):
        """The new tokens of each prompt, up to and without EOS."""
        outputs = []
        token = self._read(self._prompt)
        done = torch.zeros_like(token, dtype=torch.bool)
        while True:
            done |= token == EOS_ID
            outputs.append(token)
            if done.all() or self._length == self._cache.shape[4]:
                break
            token = self._read(token[:, None])
        rows = torch.stack(outputs, 1).tolist()
        return [row[: row.index(EOS_ID)] if EOS_ID in row else row for row in rows]


def score(questions, text):
    """Right or wrong for each question, by the first answer that carries its number."""
    stated = {}
    for number, result in _ANSWER.findall(text):
        stated.setdefault(int(number), int(result))
    return [stated.get(question.number) == question.result for question in questions]


@torch.no_grad()
def free_running(model, questions, prompts, seed=0, fillers_per_line=0.0, bos=False, batch=16):
    """Percent right over `prompts` prompts of `questions` questions, in all and by kind, with the counts; and
    the share of outputs that end by themselves after exactly their last answer line."""
    rng = evaluation_rng(seed)
    right, total = collections.Counter(), collections.Counter()
    ended = 0
    for begin in range(0, prompts, batch):
        asked = [draw_questions(rng, questions) for _ in range(min(batch, prompts - begin))]
        texts = [write_text(rng, each, fillers_per_line, bos=bos) for each in asked]
        longest_output = max(len(text.tokens) - text.prompt_tokens for text in texts)
        outputs = Decoder(
            model, [text.tokens[: text.prompt_tokens] for text in texts], longest_output + 8
        ).run()
        for each, text, output in zip(asked, texts, outputs):
            ended += len(output) == len(text.tokens) - text.prompt_tokens - 1
            for question, is_right in zip(each, score(each, decode(output))):
                for kind in ("all", question.kind):
                    right[kind] += is_right
                    total[kind] += 1
    return {
        "questions": questions,
        "prompts": prompts,
        "fillers_per_line": fillers_per_line,
        "bos": bos,
        "ended_percent": round(100 * ended / prompts, 2),
        "counts": {kind: total[kind] for kind in sorted(total)},
        "percent": {kind: round(100 * right[kind] / total[kind], 2) for kind in sorted(total)},
    }
