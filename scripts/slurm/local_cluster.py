"""A Slurm of one node, in a folder of its own and on ports of its own, for tests.

It runs as whoever starts it, needs neither systemd nor cgroups, and shares nothing with another Slurm on the
machine. Its jobs run as the same user.
"""

import getpass
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 15
POLL_S = 0.1
SLURM_VARIABLE = re.compile("(SLURM|SBATCH|SQUEUE|SINFO|SCANCEL|SCONTROL)_")

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "sinfo", "squeue", "scancel", "scontrol", "setpriv")

# KillWait: seconds between SIGTERM and SIGKILL. The machine need not have the CPUs that the node claims.
CONFIG = """\
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
KillWait=5
ReturnToService=2
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=4096 State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class NoCluster(Exception):
    """Slurm is not installed, or does not start here."""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def wait_until(ready, timeout_s):
    """Whether it became ready in time."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


class LocalCluster:
    """`with LocalCluster(cpus) as cluster:` starts the daemons and stops them, and what they run, at the end."""

    def __init__(self, cpus):
        self.cpus = cpus
        # Without what a Slurm that this is itself a job of, or its user, has set.
        own = {name: value for name, value in os.environ.items() if not SLURM_VARIABLE.match(name)}
        self.environment = {**own, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
        self.daemons = []

    def __enter__(self):
        for program in PROGRAMS:
            if not shutil.which(program, path=self.environment["PATH"]):
                raise NoCluster(f"{program} is not installed")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kvscope-slurm-"))
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.run("scancel", f"--user={getpass.getuser()}")
            wait_until(lambda: not self.run("squeue", "-h"), STOP_TIMEOUT_S)
        finally:
            self._stop()

    def run(self, *command, check=True):
        """The command's stdout. CalledProcessError when it fails and `check` asks for it."""
        return subprocess.run(
            [str(argument) for argument in command],
            env=self.environment,
            check=check,
            stdout=subprocess.PIPE,
            stderr=None if check else subprocess.DEVNULL,
            text=True,
        ).stdout

    def _start(self):
        self.folder.chmod(0o711)  # munged refuses a socket that others could not reach
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        host = socket.gethostname().split(".")[0]
        controller_port, node_port = free_ports(2)
        config = self.folder / "slurm.conf"
        config.write_text(
            CONFIG.format(
                folder=self.folder,
                host=host,
                user=getpass.getuser(),
                cpus=self.cpus,
                controller_port=controller_port,
                node_port=node_port,
            )
        )
        self.environment["SLURM_CONF"] = str(config)
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        files = [f"--{name}-file={self.folder}/munge.{name}" for name in ("key", "pid", "seed")]
        self._start_daemon("munged", "--foreground", f"--socket={self.folder}/munge.socket", *files)
        self._wait_for((self.folder / "munge.socket").exists)
        self._start_daemon("slurmctld", "-D")
        self._start_daemon("slurmd", "-D", "-N", host)
        self._wait_for(lambda: self.run("sinfo", "-h", "-o", "%T", check=False).strip() == "idle")

    def _start_daemon(self, *command):
        # pdeathsig: no daemon outlives a test that was killed.
        with open(self.folder / f"{command[0]}.log", "w", encoding="utf-8") as log:
            self.daemons.append(
                subprocess.Popen(
                    ["setpriv", "--pdeathsig", "TERM", *command],
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )

    def _wait_for(self, ready):
        def one_has_ended():
            return any(daemon.poll() is not None for daemon in self.daemons)

        wait_until(lambda: ready() or one_has_ended(), START_TIMEOUT_S)
        if one_has_ended() or not ready():
            logs = [log.read_text(errors="replace")[-1000:] for log in sorted(self.folder.glob("*.log"))]
            raise NoCluster("Slurm does not start here:\n" + "\n".join(logs))

    def _stop(self):
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
