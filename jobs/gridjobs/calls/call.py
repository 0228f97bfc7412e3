"""One call to the store: a script, its arguments, and what its reply means."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Reply = list[Any]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One atomic step: a script, its arguments, and the meaning of its reply."""

    script: str
    args: Sequence[str | bytes | int]
    decode: Callable[[Reply], T]


def record(flat: Sequence[bytes]) -> dict[str, str]:
    """Return a resource's record from a flat list of names and values."""
    return {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}
