"""What we ask of the operating system about processes: identity, and not to outlive one's parent."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process, told apart from a later one that was given the same number."""

    pid: int
    birth: str  # when it began, in terms of the system's own; never the same again


def identify(pid: int) -> ProcessId | None:
    """Return who has this pid now; None when nobody has, or only a zombie."""
    if sys.platform != "linux":
        return _identify_by_ps(pid)
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else ProcessId(pid, f"{_boot()}:{fields[18]}")


def is_alive(process: ProcessId) -> bool:
    """Say whether this very process still runs."""
    return identify(process.pid) == process


def end(process: ProcessId, sig: signal.Signals = signal.SIGKILL, timeout_s: float = 5.0) -> bool:
    """Signal a process, which need not be our child, and wait for its end; False when it is still there."""
    deadline = time.monotonic() + timeout_s
    while is_alive(process):
        if time.monotonic() > deadline:
            return False
        os.kill(process.pid, sig)
        time.sleep(0.02)
    return True


def die_with_parent(parent_pid: int, sig: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send `sig` to this process as soon as its parent ends, however that happens.

    To be called early in the child. The parent must start it from a thread that lives as long as itself:
    the kernel watches the thread. Does nothing where the kernel cannot do it (it is Linux's `prctl`).
    """
    tie_to_parent(parent_pid, sig)()


def tie_to_parent(parent_pid: int, sig: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """Return what a process between fork and exec calls to die with its parent (`preexec_fn`)."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None

    def tie() -> None:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, sig)
        if os.getppid() != parent_pid:
            os.kill(os.getpid(), sig)

    return tie


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _identify_by_ps(pid: int) -> ProcessId | None:
    command = ["/bin/ps", "-o", "state=,lstart=", "-p", str(pid)]
    state, _, birth = subprocess.run(command, capture_output=True, text=True).stdout.strip().partition(" ")
    return ProcessId(pid, birth.strip()) if birth and not state.startswith("Z") else None
