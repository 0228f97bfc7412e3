"""What a job type sees of the system: a task in, an outcome or a typed failure out.

An actor is a function `run(task: Task) -> Outcome` in `gridjobs_workers/<job type>/actor.py`. It runs inside
the killable subprocess and knows neither broker nor HTTP.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa


class BlobReader(Protocol):
    """Reads blobs by digest."""

    def get(self, digest: str) -> bytes:
        """Return the blob's bytes; raises `gridjobs.errors.BlobMissing`."""
        ...

    def put(self, data: bytes) -> str:
        """Store bytes durably and return their SHA-256 digest (hex)."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt of one job, as its actor sees it."""

    job_id: str
    type: str
    tenant: str
    attempt: int
    input: dict[str, Any]  # the request body, already valid against its schema
    resources: dict[str, dict[str, Any]]  # records the input refers to, e.g. {"grid": {...}}, as accepted
    blobs: BlobReader
    progress: Callable[[float, str, str], None]  # fraction 0..1, stage, message; cheap, at most 2/s get out


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a result that can be read on its own.

    A table is stored as Parquet and served as JSON, CSV, Parquet or Arrow. Rows (a list) are a table small enough to
    stand in the result itself, under the part's name. Bytes are kept and served as they are.
    """

    name: str
    content: pa.Table | list[dict[str, Any]] | bytes
    media_type: str = "application/vnd.apache.parquet"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a successful run leaves behind."""

    result: dict[str, Any]  # valid against the job type's result schema, less `parts`, which the runner adds
    parts: Sequence[Part] = ()
    engine: dict[str, str] = field(default_factory=dict)  # {"name": ..., "version": ...}
    resource: dict[str, str] = field(default_factory=dict)  # of the resource the job makes; set in commit


class JobFailure(Exception):
    """The job's own input or physics make success impossible: the job fails now, and is not tried again."""

    def __init__(
        self,
        code: str,
        detail: str,
        errors: Sequence[dict[str, Any]] = (),
        parts: Sequence[Part] = (),
        resource: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.errors = list(errors)  # [{"pointer": "/measurements/3", "code": ..., "detail": ...}]
        self.parts = parts
        self.resource = dict(resource or {})  # as in Outcome
