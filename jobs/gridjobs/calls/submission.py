"""Calls that accept jobs."""

import hashlib
from datetime import datetime
from typing import Any, Final

import orjson
import uuid_utils

from gridjobs import errors, keys
from gridjobs.calls.call import Call, Reply, record
from gridjobs.canonical import digest
from gridjobs.model import (
    Accepted,
    Job,
    NewResource,
    Submission,
    routable,
)
from gridjobs.settings import Settings

INLINE_BYTES: Final = 64 * 1024  # larger inputs and results go to the blob store


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
        else new_resource(submission.creates, submission.tenant),
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


def new_resource(resource: NewResource, tenant: str) -> dict[str, Any]:
    """Return what the scripts need to create a resource."""
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
