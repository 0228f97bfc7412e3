"""Calls of a worker: take a job, hold it, end it or give it back."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import orjson

from gridjobs import errors
from gridjobs.calls.call import Call, Reply
from gridjobs.calls.submission import is_inline
from gridjobs.canonical import digest
from gridjobs.model import (
    Claim,
    Completion,
    Heartbeat,
    Job,
)
from gridjobs.packing import packed

T = TypeVar("T")

PROGRESS_PAUSE_MS: Final = 500


def claim(job_id: str, lease_s: float, token: str | None = None) -> Call[Claim | None]:
    """Take a queued job. None: there is nothing to do (taken, finished, gone)."""
    return Call("claim", (job_id, token or uuid.uuid4().hex, round(lease_s * 1000)), _claim)


def heartbeat(job_id: str, fence: int, lease_s: float, progress: Mapping[str, Any] | None) -> Call[Heartbeat]:
    """Renew a lease and show progress."""
    shown = orjson.dumps(progress) if progress else b""
    args = (job_id, fence, round(lease_s * 1000), shown, PROGRESS_PAUSE_MS)
    return Call(
        "heartbeat", args, lambda reply: _held(reply, lambda: Heartbeat(bool(reply[1]), bool(reply[2])))
    )


def commit(job_id: str, fence: int, completion: Completion) -> Call[Job]:
    """End a job."""
    result = completion.result
    inline = b"" if result is None else packed(result)
    stored_apart = not is_inline(inline)
    document = {
        "result_digest": "" if result is None else digest(result),
        "parts": orjson.dumps([part.to_dict() for part in completion.parts]).decode(),
        "blobs": [part.digest for part in completion.parts if part.digest],
        "resource": dict(completion.resource),
    }
    if result is not None and stored_apart:
        document["blobs"] = [digest(result), *document["blobs"]]
    if completion.error is not None:
        document["error"] = orjson.dumps(completion.error).decode()
    if completion.engine:
        document["engine"] = orjson.dumps(dict(completion.engine)).decode()
    shown = b"" if stored_apart else inline
    args = (job_id, fence, completion.status.value, orjson.dumps(document), shown)
    return Call("commit", args, lambda reply: _held(reply, lambda: Job.from_values(reply[1])))


def release(job_id: str, fence: int, exhausted: bytes, counted: bool, delay_s: float) -> Call[Job]:
    """Give up an attempt; `exhausted` is the problem for the case that it was the last allowed one."""
    args = (job_id, fence, exhausted, int(counted), round(delay_s * 1000))
    return Call("release", args, lambda reply: _held(reply, lambda: Job.from_values(reply[1])))


def _claim(reply: Reply) -> Claim | None:
    if reply[0] != b"ok":
        return None
    _, values, fence, inline, resources = reply
    return Claim(Job.from_values(values), int(fence), inline or b"", orjson.loads(resources or b"{}"))


def _held(reply: Reply, decode: Callable[[], T]) -> T:
    if reply[0] == b"stale":
        raise errors.StaleFence("the job is no longer held under this fence")
    return decode()
