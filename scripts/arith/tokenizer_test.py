import itertools
import json
import pathlib
import tempfile
import unittest

from arith import tokenizer


def merge(word):
    """Byte-pair encoding by the definition: join the pair of lowest rank until no pair has one."""
    ranks = {pair: rank for rank, pair in enumerate(tokenizer.MERGES)}
    parts = list(word)
    while True:
        ranked = [(ranks[pair], i) for i, pair in enumerate(itertools.pairwise(parts)) if pair in ranks]
        if not ranked:
            return parts
        _, i = min(ranked)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


class TokenizerTest(unittest.TestCase):
    def test_numbers_words_and_signs_are_one_token(self):
        fillers = {word for filler in tokenizer.FILLERS for word in filler.split()} - {"."}
        spaced = [str(n) for n in range(100)] + ["+", "-", "=", "The", "answer", "is", "A", *fillers]
        bare = [str(n) for n in range(100)] + ["Questions", "Answers", "Answer", "Q", "A", "_", ":", ".", "?"]
        for word in [tokenizer.SPACE + word for word in spaced] + bare:
            self.assertEqual(merge(word), [word])

    def test_every_byte_has_a_token(self):
        alphabet = tokenizer.byte_alphabet()
        self.assertEqual(len(set(alphabet)), 256)
        self.assertEqual(alphabet[ord("a")], "a")
        self.assertEqual(alphabet[ord(" ")], tokenizer.SPACE)
        self.assertEqual(alphabet[ord("\n")], tokenizer.NEWLINE)
        self.assertLessEqual(set(alphabet), set(tokenizer.VOCABULARY))

    def test_ids_are_dense_and_merges_make_known_tokens(self):
        self.assertEqual(len(set(tokenizer.VOCABULARY)), len(tokenizer.VOCABULARY))
        for left, right in tokenizer.MERGES:
            self.assertLessEqual({left, right, left + right}, set(tokenizer.VOCABULARY))

    def test_decode_leaves_special_tokens_out(self):
        ids = [tokenizer.BOS_ID, tokenizer.token_id("A"), tokenizer.token_id(" 47"), tokenizer.token_id("\n")]
        self.assertEqual(tokenizer.decode(ids + [tokenizer.EOS_ID]), "A 47\n")

    def test_a_text_of_two_tokens_is_an_error(self):
        with self.assertRaises(KeyError):
            tokenizer.token_id("100")

    def test_written_files_hold_the_vocabulary(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            tokenizer.write(folder, max_positions=64)
            model = json.loads((folder / "tokenizer.json").read_text())["model"]
            config = json.loads((folder / "tokenizer_config.json").read_text())
        self.assertEqual(sorted(model["vocab"], key=model["vocab"].get), tokenizer.VOCABULARY)
        self.assertEqual([tuple(merge.split(" ")) for merge in model["merges"]], tokenizer.MERGES)
        self.assertEqual(config["model_max_length"], 64)


if __name__ == "__main__":
    unittest.main()
