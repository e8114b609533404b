#!/usr/bin/env python3
"""Figures read from ptxas's messages, occupancy, and the committed table. Needs no nvcc."""

import json
import pathlib
import re
import unittest

import kernel_resources

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "results" / "reference" / "kernel_resources.json"

MESSAGES = """\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z5FirstPf' for 'sm_80'
ptxas info    : Function properties for _Z5FirstPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 24 registers, used 1 barriers, 64 bytes smem, 376 bytes cmem[0]
ptxas info    : Compiling entry function '_Z5FirstPf' for 'sm_90'
ptxas info    : Function properties for _Z5FirstPf
    8 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads
ptxas info    : Used 255 registers, used 0 barriers
"""


class MessagesTest(unittest.TestCase):
    def test_reads_each_kernel_and_architecture(self):
        self.assertEqual(
            kernel_resources.read_messages(MESSAGES),
            {
                "_Z5FirstPf": {
                    "sm_80": {"registers": 24, "shared_bytes": 64, "spill_bytes": 0, "stack_bytes": 0},
                    "sm_90": {"registers": 255, "shared_bytes": 0, "spill_bytes": 28, "stack_bytes": 8},
                }
            },
        )

    def test_names_kernels_without_namespaces_and_parameters(self):
        mangled = "_ZN7kvscope12_GLOBAL__N_112MatMulKernelILNS_5DTypeE3EEEvNS_12WeightMatrixEmPKfmPf"
        self.assertEqual(kernel_resources.short_names([mangled]), {mangled: "MatMulKernel<kQ8_0>"})


class OccupancyTest(unittest.TestCase):
    LIMITS = {"registers": 65536, "warps": 64, "blocks": 32, "shared_bytes": 167936}

    def test_is_what_the_scarcest_resource_allows(self):
        blocks = lambda *args: kernel_resources.blocks_per_multiprocessor(self.LIMITS, *args)
        self.assertEqual(blocks(32, 16, 0), 32)  # places for blocks
        self.assertEqual(blocks(256, 32, 0), 8)  # places for warps
        self.assertEqual(blocks(128, 128, 0), 4)  # registers: 128 * 128 of 65,536
        self.assertEqual(blocks(128, 129, 0), 3)  # in units of 256 a warp
        self.assertEqual(blocks(128, 32, 54 * 1024), 2)  # 164 KB, and 1 KB a block is the system's
        self.assertEqual(blocks(128, 32, 200 * 1024), 0)


class ProblemsTest(unittest.TestCase):
    def test_a_spill_is_one_and_so_is_a_missing_architecture(self):
        good = {"registers": 24, "shared_bytes": 0, "spill_bytes": 0, "stack_bytes": 0, "blocks": 8}
        kernels = [
            {"kernel": "Good", "sm_80": good, "sm_90": good},
            {"kernel": "Spills", "sm_80": good, "sm_90": good | {"spill_bytes": 4}},
            {"kernel": "Old", "sm_80": good},
        ]
        found = kernel_resources.problems({"kernels": kernels})
        self.assertEqual([line.partition(":")[0] for line in found], ["Spills", "Old"])


class CommittedTableTest(unittest.TestCase):
    table = json.loads(TABLE.read_text())

    def test_has_every_kernel_and_no_problem(self):
        self.assertEqual(kernel_resources.problems(self.table), [])
        named = {row["kernel"].partition("<")[0] for row in self.table["kernels"]}
        written = set()
        for source in (ROOT / "kernels" / "cuda").glob("*.cu"):
            written.update(re.findall(r"__global__ [^;{]*?\b(\w+Kernel)\(", source.read_text(), re.DOTALL))
        self.assertGreater(len(written), 10)
        self.assertEqual(named, written)

    def test_is_written_as_rendered_and_summed_up_in_the_readme(self):
        self.assertEqual(TABLE.read_text(), kernel_resources.render(self.table))
        readme = (ROOT / "bench" / "roofline" / "README.md").read_text()
        self.assertIn(kernel_resources.summary(self.table), readme)


if __name__ == "__main__":
    unittest.main()
