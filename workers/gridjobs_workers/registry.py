"""Which function runs which job type. Looking that up imports no actor: they are heavy."""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gridjobs_workers.task import Outcome, Task

Run = Callable[["Task"], "Outcome"]

FOLDERS: Mapping[str, str] = {
    "grid-import": "grids",
    "estimation": "estimation",
    "power-flow": "simulation.power_flow",
    "time-series": "simulation.time_series",
    "contingency": "simulation.contingency",
    "short-circuit": "simulation.short_circuit",
    "dynamic": "simulation.dynamic",
    "forecast": "forecasting",
}


class UnknownJobType(Exception):
    """No actor serves this job type in this environment."""


def actors(extra: str = "") -> dict[str, str]:
    """Return the entry point (`module:function`) of every job type that this environment can run.

    Args:
        extra: Further actors as `type=module:function`, separated by commas; they win over the built-in ones.
    """
    here = Path(__file__).parent
    built_in = {
        kind: f"gridjobs_workers.{folder}.actor:run"
        for kind, folder in FOLDERS.items()
        if (here / folder.replace(".", "/") / "actor.py").is_file()
    }
    return built_in | {kind: entry for kind, entry in _parsed(extra).items() if _exists(entry)}


def load(entry: str) -> Run:
    """Import an entry point.

    Raises:
        UnknownJobType: It names no function.
    """
    module, _, name = entry.partition(":")
    run = getattr(importlib.import_module(module), name, None)
    if not callable(run):
        raise UnknownJobType(entry)
    return run  # type: ignore[no-any-return]  # an actor is any callable of that shape


def _parsed(extra: str) -> dict[str, str]:
    pairs = (item.split("=", 1) for item in extra.split(",") if item.strip())
    return {kind.strip(): entry.strip() for kind, entry in pairs}


def _exists(entry: str) -> bool:
    try:
        return importlib.util.find_spec(entry.partition(":")[0]) is not None
    except ModuleNotFoundError:
        return False
