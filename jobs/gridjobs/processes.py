"""What we ask of the operating system about processes: identity, and not to outlive one's parent."""

import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process, told apart from a later one that was given the same number."""

    pid: int
    started_ticks: int  # since boot, as the kernel counts; 0 where it is not known


def identify(pid: int) -> ProcessId | None:
    """Return who has this pid now; None when nobody has, or only a zombie."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return _identify_without_proc(pid)
    return None if state in "ZX" else ProcessId(pid, int(fields[18]))


def _identify_without_proc(pid: int) -> ProcessId | None:
    if Path("/proc/self/stat").exists():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    return ProcessId(pid, 0)


def is_alive(process: ProcessId) -> bool:
    """Say whether this very process still runs."""
    return identify(process.pid) == process


def die_with_parent(parent_pid: int, sig: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send `sig` to this process as soon as its parent ends, however that happens.

    To be called early in the child. The parent must start it from a thread that lives as long as itself:
    the kernel watches the thread. Does nothing where the kernel cannot do it (it is Linux's `prctl`).
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, sig)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), sig)
