import random
import unittest

from arith.grammar import MAX_NUMBER, Question, Role, draw_questions, write_text
from arith.tokenizer import BOS_ID, EOS_ID, decode

DIRECT = Question(number=1, operand=42, plus=True, addend=5)
CHAINED = Question(number=2, operand=47, plus=False, addend=3, refers=1)
ANSWERS = (
    "Answer_1: 42 + 5 = 47. The answer is 47. A1 47\nAnswer_2: A1 47 - 3 = 44. The answer is 44. A2 44\n"
)


def written(questions, **options):
    return write_text(random.Random(1), questions, **options)


class DrawQuestionsTest(unittest.TestCase):
    def test_chained_questions_use_an_earlier_result(self):
        for seed in range(200):
            asked = draw_questions(random.Random(seed), 24, first=5)
            by_number = {question.number: question for question in asked}
            self.assertEqual(list(by_number), list(range(5, 29)))
            for question in asked:
                self.assertIn(question.result, range(MAX_NUMBER + 1))
                self.assertIn(question.addend, range(1, 10))
                if question.refers:
                    self.assertLess(question.refers, question.number)
                    self.assertEqual(question.operand, by_number[question.refers].result)
                else:
                    self.assertIn(question.operand, range(10, 91))

    def test_shares(self):
        asked = [q for seed in range(400) for q in draw_questions(random.Random(seed), 50)[1:]]
        chained = [q for q in asked if q.refers]
        self.assertAlmostEqual(len(chained) / len(asked), 0.4, delta=0.02)
        self.assertTrue(
            all(q.kind == "direct" for q in draw_questions(random.Random(1), 50, chained_share=0))
        )
        near = draw_questions(random.Random(1), 50, chained_share=1, far_share=0)[1:]
        self.assertTrue(all(q.kind == "chained_near" for q in near))

    def test_kind_is_by_distance(self):
        self.assertEqual(DIRECT.kind, "direct")
        self.assertEqual(Question(9, 1, True, 1, refers=6).kind, "chained_near")
        self.assertEqual(Question(9, 1, True, 1, refers=5).kind, "chained_far")


class WriteTextTest(unittest.TestCase):
    def test_known_text(self):
        text = written([DIRECT, CHAINED])
        prompt, answers = text.tokens[: text.prompt_tokens], text.tokens[text.prompt_tokens :]
        self.assertEqual(decode(prompt), "Questions:\nQ1: 42 + 5?\nQ2: A1 - 3?\nAnswers:\n")
        self.assertEqual(decode(answers), ANSWERS)
        self.assertEqual(answers[-1], EOS_ID)
        self.assertNotIn(BOS_ID, text.tokens)
        self.assertEqual(written([DIRECT], bos=True).tokens[0], BOS_ID)

    def test_fillers_stand_before_a_lines_end(self):
        lines = decode(written([DIRECT, CHAINED], fillers_per_line=2.0).tokens).splitlines()
        self.assertRegex(lines[1], r"^Q1: 42 \+ 5\?( [A-Z][A-Za-z ]+\.){2}$")
        self.assertEqual("\n".join(lines[4:]) + "\n", ANSWERS)

    def test_shuffling_moves_questions_and_not_answers(self):
        asked = draw_questions(random.Random(3), 20)
        text = written(asked, shuffled=True)
        lines = decode(text.tokens).splitlines()
        self.assertNotEqual(lines[1:21], sorted(lines[1:21], key=lambda line: int(line[1 : line.index(":")])))
        self.assertEqual([line.split(":")[0] for line in lines[22:]], [f"Answer_{n}" for n in range(1, 21)])

    def test_roles_and_lines_stand_beside_their_tokens(self):
        text = written([DIRECT, CHAINED])
        of_role = lambda role: [decode([t]) for t, r in zip(text.tokens, text.roles) if r == role]
        self.assertEqual(of_role(Role.OPERAND), [" 42"])
        self.assertEqual(of_role(Role.SIGN), [" +", " -"])
        self.assertEqual(of_role(Role.ADDEND), [" 5", " 3"])
        self.assertEqual(of_role(Role.REFERENCE), [" A", "1"])
        self.assertEqual(of_role(Role.REFERRED_RESULT), [" 47"])
        self.assertEqual(of_role(Role.RESULT), [" 47", " 44"])
        self.assertEqual(of_role(Role.REPEAT), [" 47", " 47", " 44", " 44"])
        second = decode([t for t, line in zip(text.tokens, text.lines) if line == 2])
        self.assertEqual(second, "2: A1 - 3?\n2: A1 47 - 3 = 44. The answer is 44. A2 44\n")
        self.assertEqual(len(text.breaks), 5)
        self.assertTrue(all(decode([text.tokens[i - 1]]) == "\n" for i in text.breaks))


if __name__ == "__main__":
    unittest.main()
