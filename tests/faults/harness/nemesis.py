"""Does damage, the same for the same seed."""

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import psutil
from support.installation import Installation, kill


class Server(Protocol):
    """A server outside the installation that can be killed and restarted on its data."""

    def kill(self) -> None: ...

    def start(self) -> None: ...


@dataclass
class Nemesis:
    """Kills and stops parts of an installation, chosen at random."""

    installation: Installation
    rng: random.Random
    servers: dict[str, Server] = field(default_factory=dict)
    stop_s: float = 5.0  # longer than a lease
    deeds: list[str] = field(default_factory=list)
    _stopped: list[tuple[float, int]] = field(default_factory=list)

    def plan(self, count: int) -> list[str]:
        """Return a sequence of deeds: each kind at least once where there is room, in random order."""
        kinds = list(self._kinds())
        some = [kinds[index % len(kinds)] for index in range(max(count, len(kinds)))]
        self.rng.shuffle(some)
        return some

    def strike(self, kind: str) -> None:
        """Do one deed."""
        self.deeds.append(kind)
        self._kinds()[kind]()

    def tend(self) -> None:
        """Let go on what has been stopped long enough."""
        now = time.monotonic()
        for due in [entry for entry in self._stopped if entry[0] <= now]:
            kill(due[1], signal.SIGCONT)
            self._stopped.remove(due)

    def heal(self) -> None:
        """Let everything go on."""
        for _, pid in self._stopped:
            kill(pid, signal.SIGCONT)
        self._stopped.clear()

    def _kinds(self) -> dict[str, Callable[[], None]]:
        kinds = {
            "kill child": lambda: kill(self._child()),
            "stop child": lambda: self._stop(self._child()),
            "kill worker": lambda: kill(self.installation.pid_of(self._worker())),
            "stop worker": lambda: self._stop(self.installation.pid_of(self._worker())),
            "kill relay": lambda: kill(self.installation.pid_of("relay")),
            "stop relay": lambda: self._stop(self.installation.pid_of("relay")),
            "kill api": lambda: kill(self.installation.pid_of("api")),
            "kill everything": self._kill_everything,
        }
        for name in ("store", "mqtt"):
            if self.installation.pid_of(name):
                kinds[f"kill {name}"] = lambda name=name: kill(self.installation.pid_of(name))
        for name, server in self.servers.items():
            kinds[f"kill {name}"] = lambda server=server: self._restart(server)
        return kinds

    def _worker(self) -> str:
        return f"worker-{self.rng.randint(1, self.installation.slots)}"

    def _child(self) -> int:
        return self.installation.child_of(self._worker())

    def _stop(self, pid: int) -> None:
        if pid and psutil.pid_exists(pid):
            kill(pid, signal.SIGSTOP)
            self._stopped.append((time.monotonic() + self.stop_s, pid))

    def _kill_everything(self) -> None:
        self.installation.kill_all()
        self._stopped.clear()
        self.installation.start()

    @staticmethod
    def _restart(server: Server) -> None:
        server.kill()
        server.start()
