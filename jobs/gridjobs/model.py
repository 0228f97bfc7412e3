"""What a job is: its type, its states, and the record that everybody reads."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Self, TypeVar

import orjson

from gridjobs import keys
from gridjobs.errors import UnroutableName

T = TypeVar("T")

ROUTABLE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class JobType(StrEnum):
    """The job types of this release. The store takes any routable name: queues derive from it."""

    GRID_IMPORT = "grid-import"
    ESTIMATION = "estimation"
    FORECAST = "forecast"
    POWER_FLOW = "power-flow"
    TIME_SERIES = "time-series"
    CONTINGENCY = "contingency"
    SHORT_CIRCUIT = "short-circuit"
    DYNAMIC = "dynamic"


class Status(StrEnum):
    """Where a job stands. `running` goes back to `queued` only when an attempt fails or its lease expires."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def done(self) -> bool:
        """Whether nothing will change the status any more."""
        return self not in (Status.QUEUED, Status.RUNNING)


def queue_name(job_type: str) -> str:
    """Return the queue that carries the hints of a job type; raises UnroutableName."""
    return f"gridjobs.{routable(job_type)}"


def routable(name: str) -> str:
    """Return `name` if it can be part of a routing key and a topic; raises UnroutableName."""
    if not ROUTABLE.fullmatch(name):
        raise UnroutableName(name)
    return name


def timestamp(moment: datetime) -> str:
    """Return an RFC 3339 UTC timestamp of fixed width, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as its owner sees it, at one sequence number."""

    id: str
    tenant: str
    principal: str
    type: str
    status: Status
    attempt: int  # how often it was started
    sequence: int  # grows with every change
    created_at: datetime
    updated_at: datetime
    expires_at: datetime  # when the record is purged
    started_at: datetime | None = None  # of the latest attempt
    finished_at: datetime | None = None
    deadline_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    progress: dict[str, Any] | None = None  # {"fraction", "stage", "message"}
    error: dict[str, Any] | None = None  # a problem, as in the contract
    input_digest: str = ""
    result_digest: str | None = None
    result_expired: bool = False
    engine: dict[str, str] | None = None
    labels: dict[str, str] = field(default_factory=dict)
    trace_id: str | None = None

    @property
    def done(self) -> bool:
        """Whether the job is in its terminal state."""
        return self.status.done

    @classmethod
    def from_fields(cls, fields: Mapping[str, bytes]) -> Self:
        """Build a job from its fields in the store."""
        text = {name: value.decode() for name, value in fields.items()}
        return cls(
            id=text["id"],
            tenant=text["tenant"],
            principal=text["principal"],
            type=text["type"],
            status=Status(text["status"]),
            attempt=int(text["attempt"]),
            sequence=int(text["sequence"]),
            created_at=_moment(text["created_ms"]),
            updated_at=_moment(text["updated_ms"]),
            expires_at=_moment(text["expires_ms"]),
            started_at=_optional(_moment, text.get("started_ms")),
            finished_at=_optional(_moment, text.get("finished_ms")),
            deadline_at=_optional(_moment, text.get("deadline_ms")),
            cancel_requested_at=_optional(_moment, text.get("cancel_requested_ms")),
            progress=_optional(orjson.loads, text.get("progress")),
            error=_optional(orjson.loads, text.get("error")),
            input_digest=text["input_digest"],
            result_digest=text.get("result_digest"),
            result_expired="result_expired" in text,
            engine=_optional(orjson.loads, text.get("engine")),
            labels=orjson.loads(text["labels"]),
            trace_id=text.get("trace_id"),
        )

    @classmethod
    def from_values(cls, values: Sequence[bytes | None]) -> Self:
        """Build a job from the values of `keys.JOB_FIELDS`, None where a field is absent."""
        return cls.from_fields(
            {name: value for name, value in zip(keys.JOB_FIELDS, values, strict=True) if value is not None}
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the contract's `Job`: JSON-ready, absent members left out, always in the same order."""
        moments = {f"{name}_at": getattr(self, f"{name}_at") for name in _MOMENTS}
        document = {
            "id": self.id,
            "type": self.type,
            "status": self.status.value,
            "done": self.done,
            "attempt": self.attempt,
            "sequence": self.sequence,
            **{name: timestamp(moment) for name, moment in moments.items() if moment is not None},
            "progress": self.progress,
            "error": self._error_with_trace(),
            "input_digest": self.input_digest,
            "result_digest": self.result_digest,
            "engine": self.engine,
            "labels": self.labels,
            "links": self.links(),
        }
        return {name: value for name, value in document.items() if value is not None}

    def to_json(self) -> bytes:
        """Return the contract's `Job` as JSON."""
        return orjson.dumps(self.to_dict())

    def links(self) -> dict[str, str]:
        """Return where to go from here, relative to the server."""
        base = f"/v1/jobs/{self.id}"
        links = {"self": base, "events": f"{base}/events", "stream": f"{base}/events/stream"}
        if not self.done:
            links["cancel"] = f"{base}/cancel"
        if self.status is Status.SUCCEEDED and not self.result_expired:
            links["result"] = f"{base}/result"
        return links

    def _error_with_trace(self) -> dict[str, Any] | None:
        if self.error is None or self.trace_id is None:
            return self.error
        return {**self.error, "trace_id": self.trace_id}


_MOMENTS: Final = ("created", "started", "finished", "updated", "expires", "deadline", "cancel_requested")


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _optional(convert: Callable[[str], T], text: str | None) -> T | None:
    return None if text is None else convert(text)


@dataclass(frozen=True, slots=True)
class ResourceRef:
    """Names a resource of the submitting tenant."""

    kind: str  # "grid", "dataset"
    id: str


@dataclass(frozen=True, slots=True)
class NewResource:
    """A resource that a job makes. It exists once the job is accepted and gets its status in the commit."""

    kind: str
    id: str
    fields: Mapping[str, str] = field(default_factory=dict)
    blobs: Sequence[str] = ()  # digests that live as long as the resource
    status: str = "importing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Everything that accepting a job needs."""

    type: str
    tenant: str
    principal: str
    input: bytes  # canonical JSON, see gridjobs.canonical
    labels: Mapping[str, str] = field(default_factory=dict)
    deadline_at: datetime | None = None
    refers_to: Mapping[str, ResourceRef] = field(default_factory=dict)  # by role: {"grid": ResourceRef(...)}
    creates: NewResource | None = None
    idempotency_key: str | None = None
    route: str = ""  # the path that was called; scopes the idempotency key
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a submission."""

    job: Job | None  # None when the resource to be created was there already
    replayed: bool  # the same idempotency key and body had been accepted before
    resource: dict[str, str] | None = None  # the record created, or found


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on a job. Every later write needs its fence."""

    job: Job
    fence: int
    input: bytes  # the request body as canonical JSON
    resources: dict[str, dict[str, str]]  # by role, as they were when the job was accepted


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a worker learns when it renews its lease."""

    cancel_requested: bool
    deadline_passed: bool


@dataclass(frozen=True, slots=True)
class PartRef:
    """A part of a result, kept as a blob."""

    name: str
    digest: str
    media_type: str
    bytes: int
    rows: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form."""
        document = {name: getattr(self, name) for name in ("name", "digest", "media_type", "bytes", "rows")}
        return {name: value for name, value in document.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """How an attempt ended for good; what `commit` writes."""

    status: Status  # succeeded, failed or cancelled
    result: bytes | None = None  # JSON, when succeeded
    parts: Sequence[PartRef] = ()  # blobs that are already stored; a failed job may have some too
    error: dict[str, Any] | None = None  # a problem as a dict, when failed
    engine: Mapping[str, str] = field(default_factory=dict)
    resource: Mapping[str, str] = field(default_factory=dict)  # fields of the resource that the job makes


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a succeeded job."""

    job: Job
    body: bytes  # JSON
    parts: tuple[PartRef, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, newest first, and where to go on."""

    items: list[Job]
    next: str | None
