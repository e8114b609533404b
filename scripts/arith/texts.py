"""Training texts: each batch's a function of seed and step alone, so that a resumed run sees the same ones."""

import dataclasses
import math
import random

from arith.grammar import MAX_NUMBER, draw_questions, write_text


def training_rng(seed, step):
    """Training draws from even streams and evaluation from odd ones: none is used for both."""
    return random.Random(2 * (seed * 10**9 + step))


def evaluation_rng(seed):
    return random.Random(2 * seed + 1)


@dataclasses.dataclass(frozen=True)
class TaskShape:
    """What the questions of a phase look like. Ranges are inclusive."""

    questions: tuple
    max_position: int
    fillers_per_line: tuple
    batch_tokens: int
    shuffled_share: float = 0.7


def draw_texts(rng, shape):
    """[(number of the first question, text)] of one number of questions. Half of the texts begin at a number
    other than 1, so that a line's number and its place are two things."""
    low, high = shape.questions
    count = round(math.exp(rng.uniform(math.log(low), math.log(high))))
    fillers = rng.choice(shape.fillers_per_line)
    row_tokens = int(count * (26.4 + 5 * fillers)) + 8
    texts = []
    for _ in range(max(1, shape.batch_tokens // row_tokens)):
        first = rng.randint(1, MAX_NUMBER - count + 1) if rng.random() < 0.5 else 1
        questions = draw_questions(rng, count, first)
        text = write_text(
            rng, questions, fillers, rng.random() < shape.shuffled_share, bos=rng.random() < 0.5
        )
        texts.append((first, text))
    return texts
