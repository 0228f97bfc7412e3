"""Long polls: what the caller asks for, and how many may wait."""

import asyncio
import re
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from gridjobs_api.problems import RequestProblem

T = TypeVar("T")

MAX_WAIT_S = 30
WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?:$|[,;\s])", re.IGNORECASE)
SEQUENCE = re.compile(r'(?:W/)?"(\d{1,18})"')
LATER_S = 2.0


def long_poll_s(prefer: str | None) -> int | None:
    """Return how long the caller would wait (RFC 7240), 30 s at most; None when it would not."""
    match = WAIT.search(prefer or "")
    return min(int(match[1]), MAX_WAIT_S) if match else None


def seen_sequence(if_none_match: str | None) -> int:
    """Return the newest sequence that the caller has; one that no job reaches when it states none.

    Without a version to compare with, only the end of the job is worth waiting for.
    """
    found = [int(match[1]) for match in SEQUENCE.finditer(if_none_match or "")]
    return max(found) if found else 2**53


async def while_connected(receive: Receive, answer: Coroutine[Any, Any, T]) -> T:
    """Return what is awaited; raises ClientDisconnect, and gives up, when the client leaves before."""
    waiting, leaving = asyncio.create_task(answer), asyncio.create_task(_left(receive))
    try:
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        raise ClientDisconnect
    finally:
        for task in (waiting, leaving):
            task.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Waiters:
    """Counts requests that hold a connection while nothing happens; refuses those over the limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.present = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Be one of them; raises RequestProblem `too_many_waiters`."""
        if self.present >= self.limit:
            raise RequestProblem("too_many_waiters", "too many requests wait here", retry_after_s=LATER_S)
        self.present += 1
        try:
            yield
        finally:
            self.present -= 1
