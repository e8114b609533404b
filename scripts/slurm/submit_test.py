"""What `submit` writes and hands to Slurm, without one: its scripts are run by bash, with recorders in place of
kvscope, sbatch, scancel and scontrol."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SUBMIT = pathlib.Path(__file__).with_name("submit")

# Appends its name and arguments to $CALLS and ends with the code that $CODES has for it. A sweep in a run with
# $STOPPABLE waits for SIGTERM first. The array is job 7, the merge job 8.
RECORDER = f"""#!{sys.executable}
import json, os, pathlib, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
name = pathlib.Path(sys.argv[0]).name
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([name, *sys.argv[1:]]) + "\\n")
if sys.argv[1] == "sweep" and "STOPPABLE" in os.environ:
    signal.sigwait([signal.SIGTERM])
if sys.argv[1] == "--parsable":
    name = "sbatch merge" if "--dependency=afterany:7" in sys.argv else "sbatch array"
    print({{"sbatch array": "7;cluster", "sbatch merge": "8;cluster"}}[name])
sys.exit(json.loads(os.environ.get("CODES", "{{}}")).get(name, 0))
"""


class SubmitTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="with 'quotes' & \"more\" ")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.plan = self.folder / "my plan.json"
        self.plan.write_text("{}")
        self.out = self.folder / "out $HOME"
        self.programs = self.folder / "bin"
        self.programs.mkdir()
        for name in ("kvscope", "sbatch", "scancel", "scontrol"):
            (self.programs / name).write_text(RECORDER)
            (self.programs / name).chmod(0o755)
        self.kvscope = str(self.programs / "kvscope")
        self.environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "CALLS": str(self.folder / "calls"),
            "SLURM_JOB_ID": "77",
            "SLURM_ARRAY_TASK_ID": "2",
        }

    def calls(self):
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def run_submit(self, *arguments, **environment):
        command = [sys.executable, str(SUBMIT), *map(str, arguments)]
        return subprocess.run(
            command,
            env={**self.environment, **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def write_scripts(self, *arguments):
        result = self.run_submit(self.plan, "--out", self.out, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        (self.folder / "calls").unlink()
        return self.out / "slurm" / "shards.sbatch", self.out / "slurm" / "merge.sbatch"

    def start(self, script, **environment):
        return subprocess.Popen(["bash", script], env={**self.environment, **environment}, cwd="/")

    def run_script(self, script, **environment):
        return self.start(script, **environment).wait(timeout=30)

    def run_script_to_its_limit(self, script, **environment):
        """As when Slurm says with USR1 that the time limit is near."""
        job = self.start(script, STOPPABLE="1", **environment)
        deadline = time.monotonic() + 30
        while not self.calls() and time.monotonic() < deadline:
            time.sleep(0.01)
        job.send_signal(signal.SIGUSR1)
        return job.wait(timeout=30)

    def test_submits_the_array_and_then_the_merge(self):
        result = self.run_submit(self.plan, "--out", self.out)
        self.assertEqual((result.returncode, result.stdout), (0, "shards 7\nmerge 8\n"))
        scripts = str(self.out / "slurm")
        self.assertEqual(
            self.calls(),
            [
                ["sbatch", "--parsable", f"{scripts}/shards.sbatch"],
                ["sbatch", "--parsable", "--dependency=afterany:7", f"{scripts}/merge.sbatch"],
            ],
        )

    def test_no_array_is_left_when_the_merge_is_refused(self):
        result = self.run_submit(self.plan, "--out", self.out, CODES='{"sbatch merge": 1}')
        self.assertEqual((result.returncode, result.stdout), (5, ""))
        self.assertEqual(self.calls()[-1], ["scancel", "7"])

    def test_scripts_run_the_sweep_and_the_report_whatever_the_names(self):
        report = self.folder / "a report.md"
        shards, merge = self.write_scripts("--shards", 3, "--report", report, "--", "--model", "my model.gguf")
        sweep = ["kvscope", "sweep", str(self.plan), "--out", str(self.out), "--model", "my model.gguf"]
        self.assertEqual(self.run_script(shards), 0)
        self.assertEqual(self.calls(), [[*sweep, "--shard", "2/3"]])
        self.assertEqual(self.run_script(merge), 0)
        self.assertEqual(self.calls()[1:], [sweep, ["kvscope", "report", str(self.out), "-o", str(report)]])

    def test_options_of_the_jobs(self):
        arguments = ["--partition", "gpu", "--time", "2:00:00", "--cpus-per-task", "8", "--mem", "16G"]
        result = self.run_submit(
            self.plan, "--out", self.out, "--dry-run", "--gres", "gpu:1", "--account", "a b", *arguments
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertFalse(self.out.exists())
        self.assertEqual(self.calls(), [])
        lines = result.stdout.splitlines()
        for option in ("partition=gpu", "time=2:00:00", "cpus-per-task=8", "mem=16G", "gres=gpu:1", "account='a b'"):
            self.assertEqual(lines.count(f"#SBATCH --{option}"), 2, option)
        self.assertEqual(lines.count("#SBATCH --array=1-4"), 1)
        self.assertEqual(lines.count("#SBATCH --requeue"), 2)

    def test_near_its_time_limit_a_job_stops_the_sweep_and_goes_back_into_the_queue(self):
        for script in self.write_scripts("--report", self.folder / "r.md"):
            self.assertEqual(self.run_script_to_its_limit(script, CODES='{"kvscope": 4}'), 0)
            self.assertEqual(self.calls()[1:], [["scontrol", "requeue", "77"]])
            (self.folder / "calls").unlink()

    def test_a_sweep_that_completes_at_its_time_limit_is_done(self):
        shards, _ = self.write_scripts()
        self.assertEqual(self.run_script_to_its_limit(shards), 0)
        self.assertEqual(len(self.calls()), 1)

    def test_a_job_restarts_itself_so_often_and_no_more(self):
        shards, _ = self.write_scripts("--requeues", 3)
        stopped = {"CODES": '{"kvscope": 4}'}
        self.assertEqual(self.run_script_to_its_limit(shards, SLURM_RESTART_COUNT="2", **stopped), 0)
        (self.folder / "calls").unlink()
        self.assertEqual(self.run_script_to_its_limit(shards, SLURM_RESTART_COUNT="3", **stopped), 4)
        self.assertEqual(len(self.calls()), 1)

    def test_a_job_that_cannot_go_back_into_the_queue_has_failed(self):
        shards, _ = self.write_scripts()
        self.assertEqual(self.run_script_to_its_limit(shards, CODES='{"kvscope": 4, "scontrol": 1}'), 4)

    def test_failed_cells_fail_the_job_and_are_reported(self):
        _, merge = self.write_scripts("--report", self.folder / "r.md")
        self.assertEqual(self.run_script(merge, CODES='{"kvscope": 4}'), 4)
        self.assertEqual([call[:2] for call in self.calls()], [["kvscope", "sweep"], ["kvscope", "report"]])

    def test_what_is_wrong_is_named(self):
        plan, out = self.plan, ("--out", self.out)
        for code, name, arguments in (
            (5, "no plan", (self.folder / "none.json", *out)),
            (5, "no program none", (plan, *out, "--kvscope", "none")),
            (5, "for the report", (plan, *out, "--report", self.folder / "none" / "r.md")),
            (5, "Not a directory", (plan, "--out", plan / "below a file")),
            (2, "--out", (plan,)),
            (2, "one line", (plan, "--out", "two\nlines")),
            (2, "--shards", (plan, *out, "--shards", "0")),
            (2, "--shards", (plan, *out, "--shards", "two")),
            (2, "--cpus-per-task", (plan, *out, "--cpus-per-task", "-1")),
            (2, "--report", (plan, *out, "--report", "report.pdf")),
            (2, "--shard=1/2", (plan, *out, "--", "--shard=1/2")),
            (2, "--limit", (plan, *out, "--limit", "3")),
        ):
            result = self.run_submit(*arguments)
            self.assertEqual((result.returncode, result.stdout), (code, ""), arguments)
            self.assertIn(name, result.stderr)
        self.assertEqual(self.calls(), [])

    def test_without_slurm(self):
        result = self.run_submit(self.plan, "--out", self.out, "--kvscope", self.kvscope, PATH="/nonexistent")
        self.assertEqual(result.returncode, 5)
        self.assertIn("sbatch", result.stderr)


if __name__ == "__main__":
    unittest.main()
