"""Keeps processes running: starts them, restarts the dead with growing pauses, ends them all with itself."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import orjson
import structlog

from gridjobs.processes import ProcessId, end, identify, tie_to_parent

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
HEALTHY_S = 10.0  # a process that lived so long is restarted without a pause
POLL_S = 0.1
LOG_LIMIT_BYTES = 32 * 2**20

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """A process to be kept running."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)  # added to our own environment
    folder: Path | None = None  # where it runs
    grace_s: float = 10.0  # how long it may take to end when told to
    stage: int = 0  # the highest end first, those of a stage together
    ready: Callable[[], bool] = lambda: True


class NotReady(Exception):
    """A service did not become ready in time, or kept dying."""


@dataclass(slots=True)
class _Run:
    service: Service
    process: "subprocess.Popen[bytes] | None" = None
    started_s: float = 0.0
    due_s: float = 0.0
    pause_s: float = 0.0


class Supervisor:
    """Runs services until told to stop. To be used from the main thread, which must not end before it."""

    def __init__(self, run_dir: Path | None = None, log_dir: Path | None = None) -> None:
        self.run_dir = run_dir
        self.log_dir = log_dir
        self._runs: list[_Run] = []
        self._stopping = False

    def end_leftovers(self) -> None:
        """End what an earlier instance with the same folder left running when it was killed."""
        for record in sorted(self.run_dir.glob("*.pid")) if self.run_dir else []:
            with contextlib.suppress(orjson.JSONDecodeError, TypeError):
                left = ProcessId(**orjson.loads(record.read_bytes()))
                if identify(left.pid) == left:
                    log.warning("ending a leftover", service=record.stem, pid=left.pid)
                    end(left)
            record.unlink(missing_ok=True)

    def start(self, service: Service, timeout_s: float = 30.0) -> None:
        """Start a service and wait until it is ready, restarting it as often as it dies.

        Raises:
            NotReady: It is not, within the time.
        """
        run = _Run(service)
        self._runs.append(run)
        deadline = time.monotonic() + timeout_s
        self._step(run)
        while not service.ready():
            if time.monotonic() > deadline or self._stopping:
                raise NotReady(service.name)
            time.sleep(0.02)
            self._step(run)

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Restart whatever dies, until `stop_on_signals` says stop or the condition holds."""
        while not self._stopping and not until():
            for run in self._runs:
                self._step(run)
            self._trim_logs()
            self._reap_strangers()
            time.sleep(POLL_S)

    def stop_on_signals(self) -> None:
        """Take SIGTERM, SIGINT and SIGHUP as the wish to stop."""
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(sig, self._on_signal)

    def stop(self) -> None:
        """End all services, stage by stage, each within its grace."""
        self._stopping = True
        for stage in sorted({run.service.stage for run in self._runs}, reverse=True):
            ending = [run for run in self._runs if run.service.stage == stage and run.process is not None]
            for run in ending:
                assert run.process is not None
                run.process.terminate()
            for run in ending:
                self._await_end(run)
        self._runs.clear()

    def pids(self) -> dict[str, int]:
        """Return the process id of each service that runs."""
        return {
            run.service.name: run.process.pid
            for run in self._runs
            if run.process is not None and run.process.poll() is None
        }

    def _on_signal(self, *_: object) -> None:
        self._stopping = True

    def _step(self, run: _Run) -> None:
        if run.process is not None and run.process.poll() is None:
            return
        now = time.monotonic()
        if run.process is not None:
            self._note_death(run, now)
        if now >= run.due_s and not self._stopping:
            self._spawn(run, now)

    def _note_death(self, run: _Run, now: float) -> None:
        assert run.process is not None
        healthy = now - run.started_s >= HEALTHY_S
        run.pause_s = 0.0 if healthy else min(max(2 * run.pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        run.due_s = now + run.pause_s
        log.warning("service ended", service=run.service.name, status=run.process.returncode)
        run.process = None

    def _spawn(self, run: _Run, now: float) -> None:
        service = run.service
        with self._output(service) as output:
            run.process = subprocess.Popen(
                service.command,
                cwd=service.folder,
                env={**os.environ, **service.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=tie_to_parent(os.getpid()),
                # Ctrl-C in a terminal is for us; we pass it on, in order.
                start_new_session=True,
            )
        run.started_s = now
        self._record(service.name, run.process.pid)
        log.info("service started", service=service.name, pid=run.process.pid)

    def _await_end(self, run: _Run) -> None:
        assert run.process is not None
        try:
            run.process.wait(run.service.grace_s)
        except subprocess.TimeoutExpired:
            log.warning("service does not end, killing it", service=run.service.name)
            run.process.kill()
            run.process.wait()
        if self.run_dir is not None:
            (self.run_dir / f"{run.service.name}.pid").unlink(missing_ok=True)

    def _record(self, name: str, pid: int) -> None:
        process = identify(pid)
        if self.run_dir is not None and process is not None:
            record = orjson.dumps({"pid": process.pid, "birth": process.birth})
            (self.run_dir / f"{name}.pid").write_bytes(record)

    def _output(self, service: Service) -> "IO[bytes] | contextlib.nullcontext[None]":
        if self.log_dir is None:
            return contextlib.nullcontext()
        return (self.log_dir / f"{service.name}.log").open("ab")

    def _reap_strangers(self) -> None:
        """Bury the orphans that fall to us when we are a container's first process."""
        ours = {run.process.pid for run in self._runs if run.process is not None}
        with contextlib.suppress(ChildProcessError):
            while (dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                if dead.si_pid in ours:
                    return  # its turn comes with the next look at the services
                os.waitpid(dead.si_pid, 0)

    def _trim_logs(self) -> None:
        """Keep one older file of each log; the services write on, at the end of what is now empty."""
        for file in self.log_dir.glob("*.log") if self.log_dir else []:
            if file.stat().st_size > LOG_LIMIT_BYTES:
                file.with_suffix(".log.1").write_bytes(file.read_bytes())
                os.truncate(file, 0)
