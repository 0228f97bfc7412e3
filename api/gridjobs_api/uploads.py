"""Large request bodies: read piece by piece, and everything that blocks happens in a thread."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.requests import ClientDisconnect

from gridjobs_api.bodies import too_large
from gridjobs_api.call import Call

PIECE_BYTES = 2**20


@asynccontextmanager
async def temporary_folder() -> AsyncIterator[Path]:
    """Give a folder that is gone afterwards."""
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="gridjobs-upload-")
    try:
        yield Path(folder.name)
    finally:
        await asyncio.to_thread(folder.cleanup)


async def read_into(sink: Callable[[bytes], None], call: Call, max_bytes: int) -> None:
    """Hand the body of a request to a blocking sink, in pieces of about a megabyte.

    Raises:
        RequestProblem: `body_too_large`, as soon as that is announced or found.
    """
    announced = call.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise too_large(max_bytes)
    total = 0
    async for piece in _pieces(call):
        total += len(piece)
        if total > max_bytes:
            raise too_large(max_bytes)
        await asyncio.to_thread(sink, piece)


async def _pieces(call: Call) -> AsyncIterator[bytes]:
    waiting, more = bytearray(), True
    while more:
        message = await call.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        waiting += message.get("body", b"")
        more = message.get("more_body", False)
        if len(waiting) >= PIECE_BYTES or (waiting and not more):
            yield bytes(waiting)
            waiting.clear()
