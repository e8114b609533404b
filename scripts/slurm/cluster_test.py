"""A plan on a real Slurm, disturbed, gives what the same sweep gives in one undisturbed process.

Needs $KVSCOPE_BINARY. Skips where Slurm is not installed or does not start.
"""

import json
import os
import pathlib
import sys
import tempfile
import unittest

from local_cluster import LocalCluster, NoCluster, wait_until

SUBMIT = pathlib.Path(__file__).with_name("submit")
KVSCOPE = os.environ.get("KVSCOPE_BINARY")
TIMEOUT_S = 120  # of each step; all of them take 20 seconds on two free cores

# Two shards of two cells, seconds of work each.
PLAN = {
    "model": "arith-tiny",
    "task": "arith+",
    "questions": 24,
    "limit": 24,
    "threads": 1,
    "method": ["full", "full+slide"],
    "recent": 32,
    "window": [64, 96, 128],
}


def results(folder):
    """The bytes of the files that do not say when and where they were made, by path."""
    names = ("prompts.jsonl", "samples.jsonl", "scores.json")
    return {str(path.relative_to(folder)): path.read_bytes() for name in names for path in folder.rglob(name)}


@unittest.skipUnless(KVSCOPE, "KVSCOPE_BINARY is not set")
class ClusterTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="it's \"100%j\" # ")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.plan = self.folder / "plan.json"
        self.plan.write_text(json.dumps(PLAN))
        self.out = self.folder / "out"
        self.hastened = set()
        try:
            self.cluster = self.enterContext(LocalCluster(cpus=2))
        except NoCluster as reason:
            self.skipTest(str(reason))

    def wait_until(self, ready):
        self.assertTrue(wait_until(ready, TIMEOUT_S), self.state())

    def state(self):
        logs = [f"{log.name}:\n{log.read_text()}" for log in sorted(self.out.glob("slurm/*.log"))]
        return "\n".join([self.cluster.run("squeue", "-r"), *logs])

    def cells_of(self, shard):
        path = self.out / f"sweep.{shard}-of-2.json"
        return [self.out / cell["cell"] for cell in json.loads(path.read_text())["cells"]] if path.exists() else []

    def is_generating(self, shard):
        samples = [cell / "samples.jsonl" for cell in self.cells_of(shard)]
        return any(path.exists() and path.stat().st_size for path in samples)

    def queue_is_empty(self):
        """Slurm lets a job that was requeued rest for two minutes. This leaves it the time that the node needs to
        tell the new start from the old."""
        jobs = [line.split() for line in self.cluster.run("squeue", "-rh", "-o", "%i %T %r").splitlines()]
        for job, *state in jobs:
            if state == ["PENDING", "BeginTime"] and job not in self.hastened:
                self.hastened.add(job)
                self.cluster.run("scontrol", "update", f"JobId={job}", "StartTime=now+3")
        return not jobs

    def test_a_disturbed_array_gives_what_one_process_gives(self):
        report = self.folder / "report.md"
        submitted = self.cluster.run(
            *(sys.executable, SUBMIT, self.plan, "--out", self.out, "--kvscope", KVSCOPE),
            *("--shards", 2, "--cpus-per-task", 1, "--mem", "1G", "--report", report),
            *("--", "--batch", 2),
        )
        jobs = dict(line.split() for line in submitted.splitlines())
        self.wait_until(lambda: self.is_generating(1))
        self.cluster.run("scontrol", "requeue", f"{jobs['shards']}_1")
        self.wait_until(lambda: self.is_generating(2))
        # What Slurm does near a time limit; limits are in minutes.
        self.cluster.run("scancel", "--signal=USR1", "--batch", f"{jobs['shards']}_2")
        self.wait_until(self.queue_is_empty)

        for job, restarts in ((f"{jobs['shards']}_1", 1), (f"{jobs['shards']}_2", 1), (jobs["merge"], 0)):
            shown = self.cluster.run("scontrol", "show", "job", job)
            self.assertIn("JobState=COMPLETED", shown, self.state())
            self.assertIn(f"Restarts={restarts}", shown)
        for shard in (1, 2):
            resumed = [json.loads((cell / "run.json").read_text())["resumed"] for cell in self.cells_of(shard)]
            self.assertTrue(any(resumed), f"shard {shard} was not cut off in the middle")
        sweep = json.loads((self.out / "sweep.json").read_text())
        self.assertEqual([cell["status"] for cell in sweep["cells"]], ["complete"] * 4)
        self.assertIn("full+slide", report.read_text())

        undisturbed = self.folder / "undisturbed"
        self.cluster.run(KVSCOPE, "sweep", self.plan, "--out", undisturbed)
        expected = results(undisturbed)
        self.assertEqual(len(expected), 4 * 3)
        self.assertEqual(results(self.out), expected)


if __name__ == "__main__":
    unittest.main()
