"""Whether jobs can be accepted: looked at often enough to notice, seldom enough to cost nothing."""

import time

from gridjobs.durability import check_async
from gridjobs.store import AsyncJobStore

KNOWN_FOR_S = 10.0


class Readiness:
    """Knows whether the store answers and is durable."""

    def __init__(self, jobs: AsyncJobStore) -> None:
        self.jobs = jobs
        self._good_until_s = 0.0

    async def check(self) -> None:
        """Look now; raises StoreUnavailable or StoreNotDurable."""
        self._good_until_s = 0.0
        await check_async(self.jobs.client)
        self._good_until_s = time.monotonic() + KNOWN_FOR_S

    async def require(self) -> None:
        """Look unless it was good a moment ago; raises as `check` does."""
        if time.monotonic() > self._good_until_s:
            await self.check()
