#!/usr/bin/env python3
"""The arithmetic of a comparison, and kvscope's side of its protocol. Needs none of the peers."""

import json
import os
import pathlib
import re
import tempfile
import unittest

import run
import table

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULT = ROOT / "results" / "reference" / "peers.json"


class SummaryTest(unittest.TestCase):
    def test_takes_the_faster_variant_and_the_median_of_paired_ratios(self):
        line = run.summary(
            {
                "ours": [10.0, 40.0, 30.0],
                "llama_cpp/flash": [5.0, 10.0, 10.0],
                "llama_cpp/no_flash": [1.0, 2.0, 30.0],
                "huggingface/f32": [3.0, 4.0, 5.0],
            },
            ["llama_cpp", "huggingface"],
        )
        self.assertEqual(line["ours"], 30.0)
        self.assertEqual(line["llama_cpp"], 10.0)
        self.assertEqual(line["ratio_llama_cpp"], 3.0)  # of 2, 4 and 3
        self.assertEqual(line["ratio_huggingface"], 6.0)  # of 3.3, 10 and 6
        self.assertEqual(line["variants"]["llama_cpp/no_flash"], 2.0)

    def test_leaves_out_a_peer_that_was_not_measured(self):
        line = run.summary({"ours": [1.0]}, ["llama_cpp"])
        self.assertEqual(line, {"ours": 1.0, "variants": {}})


class InterleaveTest(unittest.TestCase):
    def test_goes_round_in_turns_and_drops_the_first_round(self):
        calls = []

        def measure(name):
            calls.append(name)
            return float(len(calls))

        run.SETTLE_S = 0
        seconds = run.interleave({"a": lambda: measure("a"), "b": lambda: measure("b")}, rounds=2)
        self.assertEqual(calls, ["a", "b"] * 3)
        self.assertEqual(seconds, {"a": [3.0, 5.0], "b": [4.0, 6.0]})


class QualityTest(unittest.TestCase):
    def test_divergence_of_known_distributions(self):
        try:
            import numpy

            import quality
        except ImportError as error:
            self.skipTest(str(error))
        # KL(1/2, 1/2 || 1/4, 3/4) = ln 2 - ln 3 / 2, and 0 of equal rows; logits may be shifted.
        exact = numpy.log(numpy.array([[0.5, 0.5], [0.2, 0.8]], numpy.float32))
        other = numpy.log(numpy.array([[0.25, 0.75], [0.2, 0.8]], numpy.float32)) + 3
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("exact", "other")]
            for path, rows in zip(paths, (exact, other)):
                rows.tofile(path)
            divergence, agreed = quality.distance(*paths, rows=2)
        self.assertAlmostEqual(divergence, (numpy.log(2) - numpy.log(3) / 2) / 2, places=6)
        self.assertEqual(agreed, 0.5)


@unittest.skipUnless(os.path.exists(run.default_model()), "smollm2-135m is not in the cache")
class ProtocolTest(unittest.TestCase):
    def setUp(self):
        command = [os.environ["KVSCOPE_PEER"], str(run.default_model()), "1"]
        self.ours = run.Contender(command)
        self.addCleanup(self.ours.process.stdout.close)
        self.addCleanup(self.ours.stop)

    def test_decodes_a_batch(self):
        settings = {"precision": "bf16", "kv": "bf16"}
        self.ours("open", batch="a", prompts=[[100, 101, 102], [200, 201, 202]], **settings)
        answer = self.ours("decode", batch="a", steps=2)
        self.assertGreater(answer["seconds"], 0)
        self.assertGreater(answer["bytes"], 2 * 90e6)  # two steps read the weights
        self.ours("close", batch="a")
        with self.assertRaisesRegex(RuntimeError, "not open"):
            self.ours("decode", batch="a", steps=2)

    def test_logits_of_prefill_and_of_decoding_agree(self):
        tokens = list(range(300, 312))
        sizes = []
        with tempfile.TemporaryDirectory() as folder:
            for prompt in (4, 12):
                out = os.path.join(folder, str(prompt))
                settings = {"precision": "f32", "kv": "f32"}
                self.ours("logits", tokens=tokens + [1], prompt=prompt, out=out, **settings)
                sizes.append(os.path.getsize(out))
                with open(out, "rb") as file:
                    file.seek(-4 * 49152, os.SEEK_END)
                    last = file.read()
                if prompt == 4:
                    decoded = last
        self.assertEqual(sizes, [9 * 4 * 49152, 4 * 49152])
        self.assertEqual(decoded, last)  # float32 is exact in both phases

    def test_errors_do_not_end_it(self):
        with self.assertRaisesRegex(RuntimeError, "unknown"):
            self.ours("nope")
        with self.assertRaisesRegex(RuntimeError, "precision"):
            self.ours("prefill", tokens=[1], precision="f8", kv="f32")
        self.assertEqual(self.ours("tokenize", text="")["tokens"], [])


class ReadmeTest(unittest.TestCase):
    def test_table_is_the_committed_result(self):
        text = (ROOT / "README.md").read_text()
        found = re.search(r"<!-- peers -->\n(.*?)\n<!-- end of peers -->", text, re.DOTALL)
        self.assertIsNotNone(found)
        self.assertEqual(found[1], table.render(json.loads(RESULT.read_text())))


if __name__ == "__main__":
    unittest.main()
