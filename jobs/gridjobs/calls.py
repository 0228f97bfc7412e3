"""Every call to the store: which script, with what arguments, and what its reply means.

Written once; `store.JobStore` sends them blocking, `store.AsyncJobStore` on an event loop.
"""

import base64
import binascii
import hashlib
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import orjson
import uuid_utils

from gridjobs import errors, keys
from gridjobs.canonical import digest
from gridjobs.events import Event
from gridjobs.model import (
    Accepted,
    Claim,
    Completion,
    Heartbeat,
    Job,
    NewResource,
    Page,
    PartRef,
    Submission,
    routable,
)
from gridjobs.settings import Settings

T = TypeVar("T")
Reply = list[Any]

INLINE_BYTES: Final = 64 * 1024  # larger inputs and results go to the blob store
PROGRESS_PAUSE_MS: Final = 500
_ID: Final = re.compile(r"[0-9a-zA-Z:_-]{1,100}")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One atomic step: a script, its arguments, and the meaning of its reply."""

    script: str
    args: Sequence[str | bytes | int]
    decode: Callable[[Reply], T]


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A job with what the store itself holds of its result."""

    job: Job
    inline: bytes | None  # None: the result is the blob `job.result_digest`
    parts: tuple[PartRef, ...]


def new_job_id() -> str:
    """Return a UUIDv7, so that ids sort by time."""
    return str(uuid_utils.uuid7())


def is_inline(data: bytes) -> bool:
    """Say whether an input or result is small enough for the store."""
    return len(data) <= INLINE_BYTES


def accept(submission: Submission, job_id: str, settings: Settings) -> Call[Accepted]:
    """Accept a job, or find what an earlier call has accepted."""
    routable(submission.tenant)
    routable(submission.type)
    spec = {
        "id": job_id,
        "tenant": submission.tenant,
        "principal": submission.principal,
        "type": submission.type,
        "input_digest": digest(submission.input),
        "labels": orjson.dumps(submission.labels).decode(),
        "refs": {
            role: keys.resource(ref.kind, submission.tenant, ref.id)
            for role, ref in submission.refers_to.items()
        },
        "blobs": [],
        "queue_bound": settings.queue_bound,
        "job_ttl_ms": round(settings.job_ttl_s * 1000),
        "result_ttl_ms": round(settings.result_ttl_s * 1000),
        "max_attempts": settings.max_attempts,
        "stale_ms": round(settings.hint_stale_s * 1000),
    }
    optional = {
        "deadline_ms": _milliseconds(submission.deadline_at),
        "trace_id": submission.trace_id,
        "idem": _idempotency_scope(submission),
        "creates": None
        if submission.creates is None
        else _new_resource(submission.creates, submission.tenant),
    }
    spec.update((name, value) for name, value in optional.items() if value is not None)
    inline = submission.input if is_inline(submission.input) else b""
    if not inline:
        spec["blobs"] = [spec["input_digest"]]
    return Call("accept", (orjson.dumps(spec), inline), lambda reply: _accepted(reply, submission))


def replay(submission: Submission) -> Call[Job | None]:
    """Find the job that the same submission brought before; None when it is new or has no key."""

    def decode(reply: Reply) -> Job | None:
        if reply[0] == b"conflict":
            raise errors.IdempotencyConflict("the idempotency key was used with another body")
        return Job.from_values(reply[1]) if reply[0] == b"replayed" else None

    return Call("replay", (_idempotency_scope(submission) or "", digest(submission.input)), decode)


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
    stored_apart = result is not None and not is_inline(result)
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
    inline = b"" if result is None or stored_apart else result
    args = (job_id, fence, completion.status.value, orjson.dumps(document), inline)
    return Call("commit", args, lambda reply: _held(reply, lambda: Job.from_values(reply[1])))


def release(job_id: str, fence: int, exhausted: bytes, counted: bool, delay_s: float) -> Call[Job]:
    """Give up an attempt; `exhausted` is the problem for the case that it was the last allowed one."""
    args = (job_id, fence, exhausted, int(counted), round(delay_s * 1000))
    return Call("release", args, lambda reply: _held(reply, lambda: Job.from_values(reply[1])))


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
        return StoredResult(
            Job.from_values(reply[1]), inline, tuple(PartRef(**part) for part in orjson.loads(parts or b"[]"))
        )

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


def create_resource(resource: NewResource, tenant: str) -> Call[tuple[bool, dict[str, str]]]:
    """Create a resource that no job has to make; returns whether it is new, and the record."""
    spec = orjson.dumps({**_new_resource(resource, tenant), "tenant": routable(tenant)})
    return Call("resource_create", (spec,), lambda reply: (reply[0] == b"created", record(reply[1])))


def get_resource(kind: str, tenant: str, resource_id: str) -> Call[dict[str, str]]:
    """Read a resource's record; empty when there is none."""
    return Call("resource_get", (keys.resource(kind, tenant, resource_id),), record)


def delete_resource(kind: str, tenant: str, resource_id: str) -> Call[None]:
    """Delete a resource."""

    def decode(reply: Reply) -> None:
        if reply[0] == b"not_found":
            raise errors.resource_not_found(kind, resource_id)
        if reply[0] == b"not_ready":
            raise errors.ResourceNotReady(kind, resource_id, reply[1].decode())

    return Call("resource_delete", (keys.resource(kind, tenant, resource_id),), decode)


def list_resources(
    kind: str, tenant: str, limit: int, cursor: str | None
) -> Call[tuple[list[dict[str, str]], str | None]]:
    """Read a page of resources and the cursor of the next."""
    args = (f"{kind}:{tenant}", decode_cursor(cursor), limit)
    return Call(
        "resource_list", args, lambda reply: ([record(flat) for flat in reply[1]], encode_cursor(reply[2]))
    )


def reconcile(script: str, *args: int) -> Call[int]:
    """Put one kind of thing right, some at a time; returns how many were looked at."""
    return Call(script, args, int)  # type: ignore[arg-type]


def unused_blobs(limit: int, grace_s: float) -> Call[list[str]]:
    """Take the digests of blobs that nobody has held for some time off the list."""
    args = (limit, round(grace_s * 1000))
    return Call("unused_blobs", args, lambda reply: [digest.decode() for digest in reply])


def orphans(digests: Sequence[str]) -> Call[list[str]]:
    """Tell which of these blobs nobody holds."""
    return Call("orphans", digests, lambda reply: [digest.decode() for digest in reply])


def tidy_outbox(stream: str, silent_s: float) -> Call[int]:
    """Forget relays that are long gone; returns how many."""
    return Call("outbox_tidy", (stream, round(silent_s * 1000)), int)  # type: ignore[arg-type]


def stats() -> Call[tuple[dict[str, int], dict[str, int], dict[str, int], tuple[int, int]]]:
    """Read jobs now by `type:status`, totals by `type:what`, age of the oldest queued job by type [ms], the
    length of the outbox (hints, events)."""

    def decode(reply: Reply) -> tuple[dict[str, int], dict[str, int], dict[str, int], tuple[int, int]]:
        counts, totals, oldest, hints, events = reply
        return _numbers(counts), _numbers(totals), _numbers(oldest), (int(hints), int(events))

    return Call("stats", (), decode)


def _numbers(flat: Sequence[bytes]) -> dict[str, int]:
    return {name: int(value) for name, value in record(flat).items()}


def record(flat: Sequence[bytes]) -> dict[str, str]:
    """Return a resource's record from a flat list of names and values."""
    return {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}


def encode_cursor(last: bytes) -> str | None:
    """Return the opaque cursor that goes on below an id; None at the end."""
    return base64.urlsafe_b64encode(last).decode().rstrip("=") or None


def decode_cursor(cursor: str | None) -> str:
    """Return the id that a cursor stands for; raises InvalidCursor."""
    if not cursor:
        return ""
    try:
        decoded = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        raise errors.InvalidCursor(cursor) from None
    if not _ID.fullmatch(decoded):
        raise errors.InvalidCursor(cursor)
    return decoded


def _fields(flat: Sequence[bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _accepted(reply: Reply, submission: Submission) -> Accepted:
    match reply[0]:
        case b"created" | b"replayed":
            return Accepted(Job.from_values(reply[1]), reply[0] == b"replayed", record(reply[2]) or None)
        case b"exists":
            return Accepted(None, replayed=False, resource=record(reply[1]))
        case b"conflict":
            raise errors.IdempotencyConflict("the idempotency key was used with another body")
        case b"full":
            raise errors.QueueFull(submission.type)
        case b"resource_not_found":
            role = reply[1].decode()
            ref = submission.refers_to[role]
            raise errors.resource_not_found(ref.kind, ref.id, role)
        case verdict:
            assert verdict == b"resource_not_ready", verdict
            role = reply[1].decode()
            ref = submission.refers_to[role]
            raise errors.ResourceNotReady(ref.kind, ref.id, reply[2].decode(), role)


def _claim(reply: Reply) -> Claim | None:
    if reply[0] != b"ok":
        return None
    _, values, fence, inline, resources = reply
    return Claim(Job.from_values(values), int(fence), inline or b"", orjson.loads(resources or b"{}"))


def _held(reply: Reply, decode: Callable[[], T]) -> T:
    if reply[0] == b"stale":
        raise errors.StaleFence("the job is no longer held under this fence")
    return decode()


def _visible(reply: Reply, job_id: str, decode: Callable[[Sequence[bytes | None]], T]) -> T:
    _require_visible(reply, job_id)
    return decode(reply[1])


def _require_visible(reply: Reply, job_id: str) -> None:
    if reply[0] == b"gone":
        raise errors.JobGone(job_id)
    if reply[0] == b"not_found":
        raise errors.JobNotFound(job_id)


def _new_resource(resource: NewResource, tenant: str) -> dict[str, Any]:
    return {
        "kind": resource.kind,
        "id": resource.id,
        "tenant": tenant,
        "status": resource.status,
        "fields": dict(resource.fields),
        "blobs": list(resource.blobs),
    }


def _idempotency_scope(submission: Submission) -> str | None:
    if submission.idempotency_key is None:
        return None
    scope = (submission.tenant, submission.principal, submission.route, submission.idempotency_key)
    return hashlib.sha256("\0".join(scope).encode()).hexdigest()


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
