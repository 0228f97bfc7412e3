"""A whole installation under `gridjobs up`, in a folder of its own, for tests that kill parts of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import psutil

from gridjobs.settings import Settings
from gridjobs.store import JobStore
from support.actors import EXTRA_ACTORS
from support.process import end, free_port, spawn, wait_until

TESTS = Path(__file__).parents[1]
IMPATIENT = {  # what takes minutes in production takes seconds here
    "GRIDJOBS_LEASE_S": "3",
    "GRIDJOBS_HINT_STALE_S": "3",
    "GRIDJOBS_OUTBOX_CLAIM_S": "2",
    "GRIDJOBS_RECONCILE_S": "0.3",
    "GRIDJOBS_RETRY_DELAY_S": "0.1",
    "GRIDJOBS_DRAIN_S": "5",
    "GRIDJOBS_WORKER_TYPES": "probe",  # nothing that takes long to import
}


@dataclass
class Installation:
    """`gridjobs up` on the embedded default, or on the servers that `env` names."""

    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    slots: int = 2
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until the API listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        output = self.folder / "output.log"
        output.write_bytes(b"")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GRIDJOBS_")}
        env = {**inherited, "PYTHONPATH": str(TESTS), "GRIDJOBS_EXTRA_ACTORS": EXTRA_ACTORS}
        command = [sys.executable, "-m", "gridjobs.cli", "up", "--data", str(self.data)]
        command += ["--port", str(self.port), "--slots", str(self.slots)]
        self.process = spawn(command, self.folder, {**env, **IMPATIENT, **self.env})
        wait_until(lambda: self._is_up(output), 60, f"no start, see {self.folder}", poll_s=0.1)

    def _is_up(self, output: Path) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"it ended: {output.read_text()[-2000:]}")
        return b"Ctrl-C to stop" in output.read_bytes()

    def stop(self) -> None:
        """End it as an operator would."""
        if self.process is not None:
            end(self.process, signal.SIGTERM, timeout_s=30)

    def kill_all(self) -> None:
        """SIGKILL to it and everything it started, at once."""
        for process in self.processes():
            kill(process.pid)
        if self.process is not None:
            self.process.wait()

    def processes(self) -> list[psutil.Process]:
        """Return it and all its descendants, itself first."""
        if self.process is None or self.process.poll() is not None:
            return []
        itself = psutil.Process(self.process.pid)
        return [itself, *itself.children(recursive=True)]

    def pid_of(self, service: str) -> int:
        """Return the process id of a service; 0 when it is not known."""
        try:
            return int(orjson.loads((self.data / "run" / f"{service}.pid").read_bytes())["pid"])
        except (FileNotFoundError, orjson.JSONDecodeError):
            return 0

    def child_of(self, service: str) -> int:
        """Return the process id of the child that computes for a worker; 0 when there is none."""
        try:
            children = psutil.Process(self.pid_of(service)).children()
        except (psutil.NoSuchProcess, ValueError):
            return 0
        return children[0].pid if children else 0

    def store(self) -> JobStore:
        """Connect to its store."""
        url = self.env.get("GRIDJOBS_STORE_URL", f"unix://{self.data / 'store' / 'valkey.sock'}")
        settings = {name.removeprefix("GRIDJOBS_").lower(): value for name, value in self._settings().items()}
        return JobStore.connect(Settings(**{**settings, "store_url": url, "data_dir": self.data}))  # type: ignore[arg-type]

    def _settings(self) -> dict[str, str]:
        return {**IMPATIENT, **self.env}


def kill(pid: int, sig: signal.Signals = signal.SIGKILL) -> None:
    """Signal a process that may be gone already."""
    try:
        if pid:
            os.kill(pid, sig)
    except ProcessLookupError:
        pass
