"""A worker slot: one warm child process, replaced whenever it dies, is killed, or has served its time."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from threading import Thread
from typing import IO

import structlog

from gridjobs_workers.frames import Frame, Pipe, PipeClosed

CHILD = (sys.executable, "-m", "gridjobs_workers.child")
SINGLE_THREADED = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
TAIL_LINES = 40

log = structlog.get_logger(__name__)


class ChildDied(Exception):
    """The child ended in the middle of a job; the message says how."""


class Slot:
    """Feeds one child, one job at a time.

    To be started and used by threads that live as long as the worker: the kernel kills the child with the
    thread that started it.
    """

    def __init__(
        self,
        actors: Mapping[str, str],
        *,
        memory_bytes: int = 0,
        jobs_per_child: int = 1000,
        command: Sequence[str] = CHILD,
    ) -> None:
        self.actors = dict(actors)
        self.memory_bytes = memory_bytes
        self.jobs_per_child = jobs_per_child
        self.command = command
        self.job_id = ""
        self._jobs_done = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Pipe | None = None
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    @property
    def pid(self) -> int:
        """The child's process id; 0 when there is none."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start a child unless one lives; it warms up while the worker goes on."""
        if self._process is not None and self._process.poll() is None:
            return
        self.stop()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*self.command, str(theirs.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                env={**SINGLE_THREADED, **os.environ},
                start_new_session=True,
            )
        self._pipe, self._jobs_done = Pipe(ours), 0
        assert self._process.stdout is not None
        Thread(target=self._follow, args=(self._process.pid, self._process.stdout), daemon=True).start()
        greeting = Frame("hello", {"actors": self.actors, "memory_bytes": self.memory_bytes})
        with contextlib.suppress(PipeClosed):
            self._pipe.post(greeting)

    def submit(self, job_id: str, task: Frame) -> None:
        """Hand a job to the child, a new one if need be.

        Raises:
            ChildDied: It died before it took the job.
        """
        self.start()
        assert self._pipe is not None
        self.job_id = job_id
        self._tail.clear()
        try:
            self._pipe.post(task)
        except PipeClosed:
            raise ChildDied(self._how_it_died()) from None

    def wait(self, timeout_s: float) -> Frame | None:
        """Return the child's next frame, or None when there is none within the time.

        Raises:
            ChildDied: The child ended instead.
        """
        assert self._pipe is not None
        try:
            return self._pipe.exchange(timeout_s)
        except PipeClosed:
            raise ChildDied(self._how_it_died()) from None

    def interrupt(self) -> None:
        """Ask the running actor to end: `Cancelled` is raised in it as soon as it is in Python code."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGUSR1)

    def kill(self) -> None:
        """End the child and all it started, now, and start the next one."""
        self.stop()
        self.start()

    def finish(self) -> None:
        """Note that a job is done; a child that has served its time is replaced."""
        self.job_id = ""
        self._jobs_done += 1
        if self._jobs_done >= self.jobs_per_child:
            self.kill()

    def stop(self) -> None:
        """End the child and all it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _how_it_died(self) -> str:
        assert self._process is not None
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "closed its pipe"
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"
        log.warning("child died", how=how, job_id=self.job_id, last_lines=list(self._tail))
        return how

    def _follow(self, pid: int, output: IO[bytes]) -> None:
        """Pass what the child and the libraries in it print on to the log."""
        with output:
            for raw in output:
                line = raw.decode(errors="replace").rstrip()[:2000]
                self._tail.append(line)
                log.info("child output", line=line, child=pid, job_id=self.job_id)
