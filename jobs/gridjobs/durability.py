"""Whether the store can lose an acknowledged write; asked by readiness and by `gridjobs doctor`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import redis
import redis.asyncio

from gridjobs.errors import StoreNotDurable
from gridjobs.store import translated

# What CONFIG must say, and what goes wrong otherwise.
_REQUIRED: Final = {
    "appendonly": ("yes", "nothing is written to disk as it happens"),
    "appendfsync": ("always", "a power cut loses the last writes"),
    "maxmemory-policy": ("noeviction", "jobs may be evicted when memory is short"),
}


def faults(config: Mapping[str, str]) -> list[str]:
    """Return what makes a server's configuration unsafe, in words; empty when it is safe."""
    return [
        f"{name} is {config.get(name, 'unknown')}, must be {wanted}: {why}"
        for name, (wanted, why) in _REQUIRED.items()
        if config.get(name) != wanted
    ]


def check(client: redis.Redis) -> None:
    """Raise StoreNotDurable if the store could lose an acknowledged write, StoreUnavailable if it is away."""
    with translated(), _shown():
        config = client.config_get(*_REQUIRED)
        role = client.info("replication")
    _judge(config, role)


async def check_async(client: redis.asyncio.Redis) -> None:
    """Do as `check` does, without blocking the event loop."""
    with translated(), _shown():
        config = await client.config_get(*_REQUIRED)
        role = await client.info("replication")
    _judge(config, role)


@contextmanager
def _shown() -> Iterator[None]:
    """A server that does not show its configuration cannot be trusted with jobs."""
    try:
        yield
    except redis.ResponseError as error:
        raise StoreNotDurable([f"the server does not show its configuration: {error}"]) from error


def _judge(config: Mapping[Any, Any], replication: Mapping[str, object]) -> None:
    found = faults({_text(name): _text(value) for name, value in config.items()})
    if replication.get("role") != "master":
        found.append("the server is a replica, must be the primary")
    if found:
        raise StoreNotDurable(found)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
