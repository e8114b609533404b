"""The Arith+ text: numbered sums, some of which use an earlier sum's result, then an answer line for each.

Questions:
Q1: 42 + 5?
Q2: A1 - 3? Tea is hot.
Answers:
Answer_1: 42 + 5 = 47. The answer is 47. A1 47
Answer_2: A1 47 - 3 = 44. The answer is 44. A2 44
"""

import dataclasses
import enum

from arith.tokenizer import BOS_ID, EOS_ID, FILLERS, token_id

MAX_NUMBER = 99  # of a question, and of a result
NEAR = 3  # the largest distance to the referred question that counts as near


class Role(enum.IntEnum):
    """What a token to be predicted must be worked out from."""

    TEMPLATE = 0  # nothing but the form of the line
    NUMBER = 1
    OPERAND = 2  # the first one of a direct question, looked up in the prompt
    SIGN = 3
    ADDEND = 4
    REFERENCE = 5
    REFERRED_RESULT = 6  # looked up in an earlier answer line
    RESULT = 7
    REPEAT = 8  # the result, written again
    COPY = 9  # not of an answer: a token of a copying exercise


@dataclasses.dataclass(frozen=True)
class Question:
    number: int
    operand: int
    plus: bool
    addend: int
    refers: int = 0  # number of the question whose result is the operand; 0 where the prompt gives it

    @property
    def result(self):
        return self.operand + self.addend if self.plus else self.operand - self.addend

    @property
    def kind(self):
        if not self.refers:
            return "direct"
        return "chained_near" if self.number - self.refers <= NEAR else "chained_far"


def draw_questions(rng, count, first=1, chained_share=0.4, far_share=0.5):
    """`count` questions numbered from `first`; results stay within 0..99."""
    questions = []
    for i in range(count):
        refers = 0
        operand = rng.randint(10, 90)
        if i and rng.random() < chained_share:
            back = rng.randint(1, i if rng.random() < far_share else min(i, NEAR))
            refers, operand = first + i - back, questions[i - back].result
        addend = rng.randint(1, 9)
        plus = rng.random() < 0.5
        if operand + addend > MAX_NUMBER:
            plus = False
        elif operand < addend:
            plus = True
        questions.append(Question(first + i, operand, plus, addend, refers))
    return questions


def _ids(*texts):
    return [token_id(text) for text in texts]


_HEADING = _ids("Questions", ":", "\n")
_ANSWERS = _ids("Answers", ":", "\n")
_FILLERS = [[token_id(word if word == "." else " " + word) for word in filler.split()] for filler in FILLERS]


@dataclasses.dataclass
class Text:
    """Tokens, and beside each its role (None in the prompt) and the number of its line (0 outside one)."""

    tokens: list
    roles: list
    lines: list
    breaks: list  # where a line begins
    prompt_tokens: int = 0

    def add(self, tokens, role=None, line=0):
        self.tokens += tokens
        self.roles += [role] * len(tokens)
        self.lines += [line] * len(tokens)


def _add_question(text, question, fillers):
    text.breaks.append(len(text.tokens))
    text.add(_ids("Q"))
    source = _ids(" A", question.refers) if question.refers else _ids(f" {question.operand}")
    sign = " +" if question.plus else " -"
    text.add(
        _ids(question.number, ":") + source + _ids(sign, f" {question.addend}", "?"), line=question.number
    )
    for filler in fillers:
        text.add(filler, line=question.number)
    text.add(_ids("\n"), line=question.number)


def _add_answer(text, question):
    text.breaks.append(len(text.tokens))
    text.add(_ids("Answer", "_"), Role.TEMPLATE)
    result = f" {question.result}"

    def add(tokens, role=Role.TEMPLATE):
        text.add(tokens, role, question.number)

    add(_ids(question.number), Role.NUMBER)
    add(_ids(":"))
    if question.refers:
        add(_ids(" A", question.refers), Role.REFERENCE)
        add(_ids(f" {question.operand}"), Role.REFERRED_RESULT)
    else:
        add(_ids(f" {question.operand}"), Role.OPERAND)
    add(_ids(" +" if question.plus else " -"), Role.SIGN)
    add(_ids(f" {question.addend}"), Role.ADDEND)
    add(_ids(" ="))
    add(_ids(result), Role.RESULT)
    add(_ids(".", " The", " answer", " is"))
    add(_ids(result), Role.REPEAT)
    add(_ids(".", " A", question.number))
    add(_ids(result), Role.REPEAT)
    add(_ids("\n"))


def write_text(rng, questions, fillers_per_line=0.0, shuffled=False, bos=False):
    """Prompt and answers. `shuffled` puts the questions, not the answers, in random order: for training."""
    text = Text([], [], [], [])
    text.add([BOS_ID] * bos + _HEADING)
    for question in rng.sample(questions, len(questions)) if shuffled else questions:
        whole = int(fillers_per_line)
        count = whole + (rng.random() < fillers_per_line - whole)
        _add_question(text, question, [rng.choice(_FILLERS) for _ in range(count)])
    text.breaks.append(len(text.tokens))
    text.add(_ANSWERS)
    text.prompt_tokens = len(text.tokens)
    for question in questions:
        _add_answer(text, question)
    text.add([EOS_ID], Role.TEMPLATE)
    return text
