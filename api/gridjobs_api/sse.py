"""Server-sent events: a job's CloudEvents as a stream that survives reconnects."""

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gridjobs.errors import GridjobsError
from gridjobs.events import Event
from gridjobs_api.call import Call
from gridjobs_api.waiting import Waiters

KEEPALIVE = b": keep-alive\n\n"
RETRY = b"retry: 1000\n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def event_stream(call: Call, job_id: str, after: int) -> Response:
    """Answer with the events above a sequence, until the terminal one.

    Raises JobNotFound and JobGone before the stream begins; a store that fails later ends the stream, and the
    client comes again with `Last-Event-ID`.
    """
    await call.services.jobs.get(call.tenant, job_id)
    if call.scope["method"] == "HEAD":
        return Response(headers=HEADERS, media_type="text/event-stream")
    return EventStream(_frames(call, job_id, after), call.services.waiters)


class EventStream(StreamingResponse):
    """A stream that counts as one waiter while it lasts."""

    def __init__(self, frames: AsyncIterator[bytes], waiters: Waiters) -> None:
        super().__init__(frames, headers=HEADERS, media_type="text/event-stream")
        self.waiters = waiters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the end, or until the client leaves."""
        with self.waiters.one():
            await super().__call__(scope, receive, send)


async def _frames(call: Call, job_id: str, after: int) -> AsyncIterator[bytes]:
    idle_s = call.services.settings.sse_keepalive_s
    yield RETRY
    try:
        async for event in call.services.jobs.follow_events(call.tenant, job_id, after, idle_s):
            yield KEEPALIVE if event is None else frame(event)
    except GridjobsError:
        return


def frame(event: Event) -> bytes:
    """Write one event: its sequence as id, its CloudEvent type as name, the CloudEvent as data."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.sequence, event.type.encode(), event.to_json())
