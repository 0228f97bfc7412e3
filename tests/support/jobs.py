"""Jobs for tests of the job domain."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gridjobs import calls
from gridjobs.canonical import canonical_json
from gridjobs.model import Accepted, Claim, Completion, Job, Status, Submission
from gridjobs.settings import Settings
from gridjobs.store import AsyncJobStore, JobStore

TENANT = "tenant-a"
SUCCESS = Completion(status=Status.SUCCEEDED, result=b'{"answer":42}', engine={"name": "e", "version": "1"})


def settings(store_url: str, folder: Path, **changes: Any) -> Settings:
    """Settings of a test's own store."""
    return Settings(store_url=store_url, data_dir=folder, **changes)


def submission(**changes: Any) -> Submission:
    """A submission of one job."""
    fields: dict[str, Any] = {
        "type": "estimation",
        "tenant": TENANT,
        "principal": "alice",
        "input": canonical_json({"grid_id": "g"}),
        "route": "/v1/estimations",
    }
    return Submission(**(fields | changes))


def accepted(store: JobStore, **changes: Any) -> Job:
    """Accept a job."""
    outcome: Accepted = store.accept(submission(**changes))
    assert outcome.job is not None
    return outcome.job


def claimed(store: JobStore, **changes: Any) -> Claim:
    """Accept a job and claim it."""
    claim = store.claim(accepted(store, **changes).id)
    assert claim is not None
    return claim


def event_names(store: JobStore, job_id: str) -> list[str]:
    """The names of a job's events so far."""
    return [event.name for event in store.run(calls.events(job_id, "", 0, 1000))]


@asynccontextmanager
async def reading(store: JobStore) -> AsyncIterator[AsyncJobStore]:
    """The same store, as the API sees it."""
    reader = AsyncJobStore.connect(store.settings)
    try:
        yield reader
    finally:
        await reader.aclose()


@pytest.fixture
def store(redis_url: str, tmp_path: Path) -> Iterator[JobStore]:
    """A store on an empty Redis."""
    opened = JobStore.connect(settings(redis_url, tmp_path))
    yield opened
    opened.close()
