"""Whether jobs can be accepted: looked at often enough to notice, seldom enough to cost nothing."""

import time
from collections.abc import Mapping

from gridjobs.errors import StoreNotDurable
from gridjobs.store import AsyncJobStore, translated

KNOWN_FOR_S = 10.0
DURABLE: Mapping[str, str] = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


class Readiness:
    """Knows whether the store answers and is durable."""

    def __init__(self, jobs: AsyncJobStore) -> None:
        self.jobs = jobs
        self._good_until_s = 0.0

    async def check(self) -> None:
        """Look now; raises StoreUnavailable or StoreNotDurable."""
        self._good_until_s = 0.0
        with translated():
            found = await self.jobs.client.config_get(*DURABLE)
        present = {_text(name): _text(value) for name, value in found.items()}
        faults = [
            f"{name} is not {wanted}" for name, wanted in DURABLE.items() if present.get(name) != wanted
        ]
        if faults:
            raise StoreNotDurable(faults)
        self._good_until_s = time.monotonic() + KNOWN_FOR_S

    async def require(self) -> None:
        """Look unless it was good a moment ago; raises as `check` does."""
        if time.monotonic() > self._good_until_s:
            await self.check()


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
