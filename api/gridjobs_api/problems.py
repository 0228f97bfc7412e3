"""Every way a request can fail, as problem details (RFC 9457): one table, from domain errors to HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

PROBLEM_JSON = "application/problem+json"
MAX_FAULTS = 1000
MAX_POINTER = 256


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem, named by its code."""

    status: HTTPStatus
    title: str
    retryable: bool = False


KINDS: Mapping[str, Kind] = {
    "malformed_body": Kind(HTTPStatus.BAD_REQUEST, "The body cannot be read"),
    "invalid_parameters": Kind(HTTPStatus.BAD_REQUEST, "Some parameters are wrong"),
    "invalid_cursor": Kind(HTTPStatus.BAD_REQUEST, "The cursor is not one of ours"),
    "not_found": Kind(HTTPStatus.NOT_FOUND, "There is no such thing"),
    "grid_not_found": Kind(HTTPStatus.NOT_FOUND, "There is no such grid"),
    "dataset_not_found": Kind(HTTPStatus.NOT_FOUND, "There is no such dataset"),
    "job_not_found": Kind(HTTPStatus.NOT_FOUND, "There is no such job"),
    "part_not_found": Kind(HTTPStatus.NOT_FOUND, "The result has no such part"),
    "method_not_allowed": Kind(HTTPStatus.METHOD_NOT_ALLOWED, "The path does not know this method"),
    "not_acceptable": Kind(HTTPStatus.NOT_ACCEPTABLE, "It cannot be given in the media types asked for"),
    "job_not_done": Kind(HTTPStatus.CONFLICT, "The job is not done", retryable=True),
    "grid_not_ready": Kind(HTTPStatus.CONFLICT, "The grid is being imported", retryable=True),
    "grid_unusable": Kind(HTTPStatus.CONFLICT, "The grid could not be imported"),
    "job_gone": Kind(HTTPStatus.GONE, "The job has been purged"),
    "result_expired": Kind(HTTPStatus.GONE, "The result has expired"),
    "body_too_large": Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large"),
    "unsupported_media_type": Kind(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The media type of the body is not among those documented"
    ),
    "invalid_input": Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "The input is wrong"),
    "invalid_file": Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "A file cannot be used"),
    "idempotency_key_reused": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY, "The idempotency key was used for another request"
    ),
    "rate_limited": Kind(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests", retryable=True),
    "internal_error": Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here", retryable=True),
    "queue_full": Kind(HTTPStatus.SERVICE_UNAVAILABLE, "The queue is full", retryable=True),
    "too_many_waiters": Kind(HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests wait", retryable=True),
    "store_unavailable": Kind(HTTPStatus.SERVICE_UNAVAILABLE, "The store does not answer", retryable=True),
    "store_not_durable": Kind(HTTPStatus.SERVICE_UNAVAILABLE, "The store could lose jobs", retryable=True),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where: a JSON pointer into the body, or `query/NAME`, `header/NAME`."""

    pointer: str
    code: str
    detail: str

    def as_json(self) -> dict[str, str]:
        """Return the fault as the contract writes it; an absurdly long pointer is cut."""
        return {"pointer": self.pointer[:MAX_POINTER], "code": self.code, "detail": self.detail}


@dataclass
class RequestProblem(Exception):
    """The request cannot be served; what the caller is told about it."""

    code: str
    detail: str
    faults: Sequence[Fault] = ()
    retry_after_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    own_kind: Kind | None = None  # of a code that is not in the table: a job's own

    @property
    def kind(self) -> Kind:
        """The kind of problem behind the code."""
        return self.own_kind or KINDS[self.code]


def faulty(code: str, faults: Sequence[Fault]) -> RequestProblem:
    """Return the problem that lists all faults."""
    first = f"{faults[0].pointer[:MAX_POINTER]} {faults[0].detail}".strip()
    detail = first if len(faults) == 1 else f"{len(faults)} faults; the first: {first}"
    return RequestProblem(code, detail, faults)


def as_json(problem: RequestProblem, trace_id: str) -> dict[str, Any]:
    """Write a problem as problem details."""
    kind = problem.kind
    document: dict[str, Any] = {
        "type": f"/problems/{problem.code}",
        "title": kind.title,
        "status": int(kind.status),
        "code": problem.code,
        "detail": problem.detail,
        "retryable": kind.retryable,
        "trace_id": trace_id,
    }
    if problem.faults:
        document["errors"] = [fault.as_json() for fault in problem.faults[:MAX_FAULTS]]
    return document
