"""A byte-level BPE in which every number 0..99, word and sign of the Arith+ grammar is one token."""

import json

BOS, EOS = "<s>", "</s>"
BOS_ID, EOS_ID = 0, 1
SPACE, NEWLINE = "\u0120", "\u010a"  # what the byte alphabet writes for 0x20 and 0x0a

FILLERS = (
    "It is Monday .",
    "It is a warm day .",
    "The shop is open .",
    "The sky is blue .",
    "A dog sat down .",
    "Rain fell at noon .",
    "The bus was late .",
    "Tea is hot .",
)


def byte_alphabet():
    """GPT-2's 256 characters, by byte: printable bytes stand for themselves, the rest for U+0100 and up."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    rest = iter(range(256, 512))
    return [chr(byte if byte in printable else next(rest)) for byte in range(256)]


def _whole_words():
    """The words to be one token each, in the byte alphabet.

    Merges rank in this order, so words after a space come first: otherwise the digits of " 42" would join
    before the space reaches them.
    """
    numbers = [str(n) for n in range(100)]
    words = [word for filler in FILLERS for word in filler.split() if word != "."]
    words += ["The", "answer", "is", "A", "+", "-", "="]
    return [SPACE + word for word in words + numbers] + ["Questions", "Answers", "Answer"] + numbers


def _build():
    """The vocabulary in order of id, and the merges, which build each word from its left end."""
    vocabulary, merges = [BOS, EOS, *byte_alphabet()], []
    known = set(vocabulary)
    for word in _whole_words():
        for end in range(2, len(word) + 1):
            if word[:end] not in known:
                merges.append((word[: end - 1], word[end - 1]))
                vocabulary.append(word[:end])
                known.add(word[:end])
    return vocabulary, merges


VOCABULARY, MERGES = _build()
_IDS = {token: i for i, token in enumerate(VOCABULARY)}


def token_id(text):
    """The id of a text that is one token; KeyError if it is not."""
    return _IDS[str(text).replace(" ", SPACE).replace("\n", NEWLINE)]


def decode(ids):
    """The text of ids without special tokens. The grammar is ASCII: a stray byte shows as its stand-in."""
    text = "".join(VOCABULARY[i] for i in ids if i not in (BOS_ID, EOS_ID))
    return text.replace(SPACE, " ").replace(NEWLINE, "\n")


def write(folder, max_positions):
    """Writes tokenizer.json and tokenizer_config.json in Hugging Face's format. Encoding adds no BOS."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    added = [
        {
            "id": i,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for i, token in ((BOS_ID, BOS), (EOS_ID, EOS))
    ]
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": _IDS,
            "merges": [" ".join(merge) for merge in MERGES],
        },
    }
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": max_positions,
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, indent=0) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
