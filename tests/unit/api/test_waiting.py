import asyncio
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from gridjobs_api.waiting import MAX_WAIT_S, long_poll_s, seen_sequence, while_connected


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, None),
        ("", None),
        ("respond-async", None),
        ("wait=5", 5),
        ("respond-async, wait=5", 5),
        ("WAIT = 5; foo", 5),
        ('wait="7"', 7),
        ("wait=0", 0),
        ("wait=3600", MAX_WAIT_S),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("await=5", None),
    ],
)
def test_preference_to_wait_is_found_among_others(prefer: str | None, seconds: int | None) -> None:
    assert long_poll_s(prefer) == seconds


def test_newest_version_that_the_caller_has_counts() -> None:
    assert seen_sequence('"3", W/"5"') == 5
    assert seen_sequence("*") == seen_sequence(None) == 2**53


def test_waiting_ends_when_the_client_leaves() -> None:
    cancelled = []

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def scenario() -> None:
        with pytest.raises(ClientDisconnect):
            await while_connected(receive, for_ever())
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert cancelled == [True]


def test_answer_and_its_errors_come_through() -> None:
    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def fine() -> int:
        return 7

    async def broken() -> int:
        raise LookupError("x")

    assert asyncio.run(while_connected(never, fine())) == 7
    with pytest.raises(LookupError):
        asyncio.run(while_connected(never, broken()))
