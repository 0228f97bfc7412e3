"""Calls of a job's owner: read, list, cancel, purge."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import orjson

from gridjobs import errors
from gridjobs.calls.call import Call, Reply
from gridjobs.calls.cursors import decode_cursor, encode_cursor
from gridjobs.events import Event
from gridjobs.model import (
    Job,
    Page,
    PartRef,
)
from gridjobs.packing import unpacked

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A job with what the store itself holds of its result."""

    job: Job
    inline: bytes | None  # None: the result is the blob `job.result_digest`
    parts: tuple[PartRef, ...]


def cancel(job_id: str, tenant: str) -> Call[Job]:
    """Cancel a job, or ask for it."""
    return Call("cancel", (job_id, tenant), lambda reply: _visible(reply, job_id, Job.from_values))


def purge(job_id: str, tenant: str) -> Call[None]:
    """Remove a finished job."""

    def decode(reply: Reply) -> None:
        if reply[0] == b"not_finished":
            raise errors.JobNotFinished(job_id)
        _require_visible(reply, job_id)

    return Call("purge", (job_id, tenant), decode)


def get(job_id: str, tenant: str) -> Call[Job]:
    """Read a job; an empty tenant sees all."""
    return Call("get", (job_id, tenant), lambda reply: _visible(reply, job_id, Job.from_values))


def get_input(job_id: str, tenant: str) -> Call[tuple[str, bytes | None]]:
    """Read a job's input: its digest, and its bytes unless they are a blob."""

    def decode(reply: Reply) -> tuple[str, bytes | None]:
        _require_visible(reply, job_id)
        return Job.from_values(reply[1]).input_digest, reply[2][0]

    return Call("get", (job_id, tenant, "input"), decode)


def get_result(job_id: str, tenant: str) -> Call[StoredResult]:
    """Read a job with its result and the list of its parts, in whatever state it is."""

    def decode(reply: Reply) -> StoredResult:
        _require_visible(reply, job_id)
        inline, parts = reply[2]
        body = None if inline is None else unpacked(inline)
        refs = tuple(PartRef(**part) for part in orjson.loads(parts or b"[]"))
        return StoredResult(Job.from_values(reply[1]), body, refs)

    return Call("get", (job_id, tenant, "result", "parts"), decode)


def list_jobs(
    tenant: str,
    *,
    job_type: str | None = None,
    status: str | None = None,
    labels: Iterable[tuple[str, str]] = (),
    limit: int = 50,
    cursor: str | None = None,
) -> Call[Page]:
    """Read a page of a tenant's jobs."""
    filters = [f"label:{name}={value}" for name, value in labels]
    if job_type is not None:
        filters.append(f"type:{job_type}")
    if status is not None:
        filters.append(f"status:{status}")
    indexes = [f"{tenant}:{name}" for name in filters or ["all"]]

    def decode(reply: Reply) -> Page:
        return Page([Job.from_values(values) for values in reply[1]], encode_cursor(reply[2]))

    return Call("list", (decode_cursor(cursor), limit, *indexes), decode)


def events(job_id: str, tenant: str, after: int, limit: int) -> Call[list[Event]]:
    """Read a job's events after a sequence number."""

    def decode(reply: Reply) -> list[Event]:
        _require_visible(reply, job_id)
        return [Event.from_fields(_fields(flat)) for _, flat in reply[1]]

    return Call("events", (job_id, tenant, after, limit), decode)


def _visible(reply: Reply, job_id: str, decode: Callable[[Sequence[bytes | None]], T]) -> T:
    _require_visible(reply, job_id)
    return decode(reply[1])


def _require_visible(reply: Reply, job_id: str) -> None:
    if reply[0] == b"gone":
        raise errors.JobGone(job_id)
    if reply[0] == b"not_found":
        raise errors.JobNotFound(job_id)


def _fields(flat: Sequence[bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
