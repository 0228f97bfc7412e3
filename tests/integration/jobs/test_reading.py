import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from support.jobs import SUCCESS, TENANT, accepted, claimed, reading

from gridjobs import calls, keys
from gridjobs.errors import (
    InvalidCursor,
    JobFailed,
    JobNotFinished,
    JobNotFound,
    PartNotFound,
    ResultExpired,
)
from gridjobs.model import Completion, Page, PartRef, Status
from gridjobs.problems import Problem
from gridjobs.store import AsyncJobStore, JobStore

T = TypeVar("T")


def ask(store: JobStore, question: Callable[[AsyncJobStore], Awaitable[T]]) -> T:
    async def asked() -> T:
        async with reading(store) as reader:
            return await question(reader)

    return asyncio.run(asked())


def walk(store: JobStore, limit: int, **filters: object) -> list[str]:
    async def pages(reader: AsyncJobStore) -> list[str]:
        found, cursor = [], None
        while True:
            page: Page = await reader.list_jobs(TENANT, limit=limit, cursor=cursor, **filters)  # type: ignore[arg-type]
            found += [job.id for job in page.items]
            if (cursor := page.next) is None:
                return found

    return ask(store, pages)


def test_jobs_are_listed_newest_first_over_any_page_size(store: JobStore) -> None:
    ids = [accepted(store).id for _ in range(7)]
    accepted(store, tenant="other")

    for limit in (1, 2, 3, 6, 7, 8):
        assert walk(store, limit) == ids[::-1]


def test_a_page_is_not_disturbed_by_newer_jobs(store: JobStore) -> None:
    ids = [accepted(store).id for _ in range(4)]
    first = ask(store, lambda reader: reader.list_jobs(TENANT, limit=2))
    accepted(store)

    second = ask(store, lambda reader: reader.list_jobs(TENANT, limit=2, cursor=first.next))

    assert [job.id for job in first.items + second.items] == ids[::-1]


def test_filters_are_all_to_be_met(store: JobStore) -> None:
    wanted = accepted(store, type="forecast", labels={"site": "North", "run": "1"}).id
    accepted(store, type="forecast", labels={"site": "North", "run": "2"})
    accepted(store, type="forecast", labels={"site": "South", "run": "1"})
    accepted(store, labels={"site": "North", "run": "1"})

    labels = [("site", "North"), ("run", "1")]
    assert walk(store, 1, job_type="forecast", labels=labels) == [wanted]
    assert walk(store, 10, job_type="forecast", labels=labels, status="queued") == [wanted]
    assert walk(store, 10, job_type="forecast", status="running") == []


def test_the_status_filter_follows_the_job(store: JobStore) -> None:
    claim = claimed(store)
    assert walk(store, 10, status="queued") == []
    assert walk(store, 10, status="running") == [claim.job.id]
    store.commit(claim.job.id, claim.fence, SUCCESS)
    assert walk(store, 10, status="running") == []
    assert walk(store, 10, status="succeeded") == [claim.job.id]


@pytest.mark.parametrize("cursor", ["!", "a", "\x00", "Li4v", "x" * 200])
def test_a_made_up_cursor_is_refused(store: JobStore, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        ask(store, lambda reader: reader.list_jobs(TENANT, cursor=cursor))


def test_a_result_is_read_with_its_parts(store: JobStore) -> None:
    part = PartRef("nodes", store.blobs.put(b"table"), "application/vnd.apache.parquet", 5, 2)
    claim = claimed(store)
    completion = Completion(status=Status.SUCCEEDED, result=b'{"x":1}', parts=[part])
    job = store.commit(claim.job.id, claim.fence, completion)

    result = ask(store, lambda reader: reader.result(TENANT, job.id))

    assert (result.job, result.body, result.parts) == (job, b'{"x":1}', (part,))
    assert ask(store, lambda reader: reader.part(TENANT, job.id, "nodes")) == part
    with pytest.raises(PartNotFound):
        ask(store, lambda reader: reader.part(TENANT, job.id, "lines"))


def test_a_large_result_is_read_from_the_blob_store(store: JobStore) -> None:
    body = b'"' + b"x" * 2**17 + b'"'
    claim = claimed(store)
    store.commit(claim.job.id, claim.fence, Completion(status=Status.SUCCEEDED, result=body))

    assert ask(store, lambda reader: reader.result(TENANT, claim.job.id)).body == body


def test_why_there_is_no_result_is_told(store: JobStore) -> None:
    claim = claimed(store)
    with pytest.raises(JobNotFinished):
        ask(store, lambda reader: reader.result(TENANT, claim.job.id))
    with pytest.raises(JobNotFound):
        ask(store, lambda reader: reader.result("other", claim.job.id))

    error = Problem("not_observable", "too few measurements").to_dict()
    store.commit(claim.job.id, claim.fence, Completion(status=Status.FAILED, error=error))
    with pytest.raises(JobFailed) as caught:
        ask(store, lambda reader: reader.result(TENANT, claim.job.id))
    assert caught.value.problem["code"] == "not_observable"


def test_an_expired_result_is_told_apart_from_a_missing_one(store: JobStore) -> None:
    claim = claimed(store)
    store.commit(claim.job.id, claim.fence, SUCCESS)
    store.client.zadd(keys.RESULT_EXPIRY, {claim.job.id: 0})
    store.run(calls.reconcile("expire_results", 10))

    with pytest.raises(ResultExpired):
        ask(store, lambda reader: reader.result(TENANT, claim.job.id))


def test_input_can_be_read_back(store: JobStore) -> None:
    job = accepted(store, input=b'{"a":1}')

    assert ask(store, lambda reader: reader.input(TENANT, job.id)) == b'{"a":1}'


def test_events_are_read_after_a_sequence(store: JobStore) -> None:
    claim = claimed(store)
    store.commit(claim.job.id, claim.fence, SUCCESS)

    events = ask(store, lambda reader: reader.events(TENANT, claim.job.id, after=1))

    assert [(event.sequence, event.name) for event in events] == [(2, "started"), (3, "succeeded")]
    assert [event.job.status for event in events] == [Status.RUNNING, Status.SUCCEEDED]
