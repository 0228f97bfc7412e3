"""The store's atomic steps, one Lua script each; loaded with the key names and constants of Python."""

from functools import cache
from importlib.resources import files
from typing import Final

import orjson

from gridjobs import keys, problems

EVENT_LOG_LENGTH: Final = 500  # events kept per job, roughly; the oldest go first, so the terminal one stays
LOSSY_BACKLOG: Final = 5000  # events that may wait for the relay before progress is no longer added


@cache
def source(name: str) -> str:
    """Return the full text of a script: constants, shared functions, the script itself."""
    folder = files(__name__)
    parts = [(folder / f"{part}.lua").read_text() for part in ("common", "resource_common", name)]
    return "\n".join([_constants(), *parts])


def names() -> list[str]:
    """Return the names of all scripts."""
    stems = (
        entry.name.removesuffix(".lua") for entry in files(__name__).iterdir() if entry.name.endswith(".lua")
    )
    return sorted(stem for stem in stems if not stem.endswith("common"))


def _constants() -> str:
    named = {name: value for name, value in vars(keys).items() if name.isupper()}
    problem_json = {
        name: getattr(problems, name).to_json().decode()
        for name in ("CANCELLED", "DEADLINE_EXCEEDED", "LEASE_LOST")
    }
    limits = {"EVENT_LOG_LENGTH": EVENT_LOG_LENGTH, "LOSSY_BACKLOG": LOSSY_BACKLOG}
    constants = {**named, **problem_json, **limits}
    return "\n".join(f"local {name} = {_literal(value)}" for name, value in constants.items())


def _literal(value: str | int | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return "{" + ", ".join(_literal(item) for item in value) + "}"
    return str(value) if isinstance(value, int) else orjson.dumps(value).decode()
