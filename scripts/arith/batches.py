"""Training batches: each a function of seed and step alone, so that a resumed run sees the same ones."""

import dataclasses

import numpy as np
import torch

from arith.grammar import Role
from arith.texts import draw_texts
from arith.tokenizer import EOS_ID, VOCABULARY

IGNORED = -100  # cross_entropy's mark for "no target here"
_PADDING_MULTIPLE = 32


@dataclasses.dataclass
class Batch:
    """All int64 [batch, tokens]. Targets and roles at t are those of token t + 1, the rest of token t."""

    tokens: torch.Tensor
    positions: torch.Tensor
    targets: torch.Tensor  # IGNORED outside the answers
    roles: torch.Tensor
    lines: torch.Tensor  # number of the line that the token is in; IGNORED outside one


def copy_batch(rng, batch_tokens=3072):
    """Random tokens, a gap of others, and the first ones again, to be predicted: bare induction."""
    length = rng.choice((12, 16, 24, 32, 48, 64))
    generator = np.random.default_rng(rng.getrandbits(32))
    gap = int(generator.integers(0, length + 1))
    rows = max(4, batch_tokens // (2 * length + length // 2))
    run = generator.integers(EOS_ID + 1, len(VOCABULARY), (rows, length))
    between = generator.integers(EOS_ID + 1, len(VOCABULARY), (rows, gap))
    text = torch.from_numpy(np.concatenate([run, between, run], 1))
    targets = text[:, 1:].clone()
    targets[:, : length + gap] = IGNORED
    tokens = text[:, :-1].contiguous()
    return Batch(
        tokens=tokens,
        positions=torch.arange(tokens.shape[1]).repeat(rows, 1),
        targets=targets,
        roles=torch.full_like(tokens, Role.COPY),
        lines=torch.full_like(tokens, IGNORED),
    )


def _jumps(rng, breaks, length, max_position):
    """Positions 0..length-1 with up to four jumps at line breaks, the last one below max_position."""
    step = np.ones(length, np.int64)
    step[0] = 0
    count = rng.randint(1, 4)
    for _ in range(count):
        step[rng.choice(breaks)] += rng.randint(0, (max_position - length) // count)
    return np.cumsum(step)


def task_batch(rng, shape):
    """The texts of draw_texts. Half of the rows have jumps of position, so that all distances are seen."""
    texts = draw_texts(rng, shape)
    length = max(len(text.tokens) for _, text in texts) - 1
    length += -length % _PADDING_MULTIPLE

    def filled(value):
        return np.full((len(texts), length), value, np.int64)

    tokens, positions = filled(EOS_ID), filled(0)
    targets, roles, lines = filled(IGNORED), filled(0), filled(IGNORED)
    for row, (first, text) in enumerate(texts):
        end, prompt = len(text.tokens) - 1, text.prompt_tokens
        tokens[row, :end] = text.tokens[:-1]
        targets[row, prompt - 1 : end] = text.tokens[prompt:]
        roles[row, prompt - 1 : end] = text.roles[prompt:]
        if first != 1:
            targets[row, prompt + 1] = IGNORED  # nothing says which number comes first
        line = np.array(text.lines[:-1])
        lines[row, :end] = np.where(line > 0, line, IGNORED)
        spread = shape.max_position > length and rng.random() < 0.5
        positions[row] = _jumps(rng, text.breaks, length, shape.max_position) if spread else np.arange(length)
    return Batch(*map(torch.from_numpy, (tokens, positions, targets, roles, lines)))
