import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from support.jobs import TENANT, accepted, reading, submission

from gridjobs import calls, keys
from gridjobs.errors import DatasetNotFound, GridNotFound, ResourceNotReady
from gridjobs.model import Accepted, Completion, NewResource, ResourceRef, Status
from gridjobs.problems import Problem
from gridjobs.resources import Resources
from gridjobs.store import JobStore

T = TypeVar("T")
GRID = NewResource("grid", "g1", {"name": "North"}, blobs=["file1"])
IMPORT = {"type": "grid-import", "creates": GRID}
REJECTED = Problem("rejected", "nothing but errors").to_dict()


def grids(store: JobStore, question: Callable[[Resources], Awaitable[T]], kind: str = "grid") -> T:
    async def asked() -> T:
        async with reading(store) as reader:
            return await question(Resources(reader, kind))

    return asyncio.run(asked())


def grid(store: JobStore) -> dict[str, str]:
    return grids(store, lambda resources: resources.get(TENANT, "g1"))


def imported(store: JobStore, completion: Completion, **changes: object) -> Accepted:
    outcome = store.accept(submission(**IMPORT, **changes))
    assert outcome.job is not None
    claim = store.claim(outcome.job.id)
    assert claim is not None
    store.commit(claim.job.id, claim.fence, completion)
    return outcome


def ready(**fields: str) -> Completion:
    return Completion(status=Status.SUCCEEDED, result=b"{}", resource=fields)


def test_a_grid_exists_as_soon_as_its_import_is_accepted(store: JobStore) -> None:
    outcome = store.accept(submission(**IMPORT))

    assert outcome.job is not None
    assert outcome.resource == grid(store)
    assert outcome.resource["status"] == "importing"
    assert outcome.resource["job_id"] == outcome.job.id
    assert outcome.resource["name"] == "North"


def test_the_same_content_is_imported_once(store: JobStore) -> None:
    store.accept(submission(**IMPORT))
    again = store.accept(submission(**IMPORT))

    assert again.job is None
    assert again.resource == grid(store)
    assert store.client.xlen(keys.OUTBOX_HINTS) == 1


def test_the_same_content_of_another_tenant_is_another_grid(store: JobStore) -> None:
    store.accept(submission(**IMPORT))

    assert store.accept(submission(**IMPORT, tenant="other")).job is not None


def test_a_grid_becomes_ready_together_with_its_job(store: JobStore) -> None:
    imported(store, ready(model_digest="model1", summary='{"nodes":3}'))

    record = grid(store)
    assert (record["status"], record["model_digest"], record["summary"]) == (
        "ready",
        "model1",
        '{"nodes":3}',
    )


def test_a_grid_with_wrong_content_is_rejected_with_its_problems(store: JobStore) -> None:
    completion = Completion(status=Status.FAILED, error=REJECTED, resource={"problems": "[1]"})
    imported(store, completion)

    assert (grid(store)["status"], grid(store)["problems"]) == ("rejected", "[1]")
    assert store.accept(submission(**IMPORT)).job is None


def test_an_import_that_was_cancelled_can_be_tried_again(store: JobStore) -> None:
    first = store.accept(submission(**IMPORT)).job
    assert first is not None
    store.run(calls.cancel(first.id, TENANT))
    assert grid(store)["status"] == "failed"

    second = store.accept(submission(**IMPORT)).job

    assert second is not None
    assert (grid(store)["status"], grid(store)["job_id"]) == ("importing", second.id)


def test_a_job_gets_the_records_it_refers_to(store: JobStore) -> None:
    imported(store, ready(model_digest="model1", problems="x" * 2000))
    job = accepted(store, refers_to={"grid": ResourceRef("grid", "g1")})

    claim = store.claim(job.id)

    assert claim is not None
    assert claim.resources["grid"]["model_digest"] == "model1"
    assert "problems" not in claim.resources["grid"]  # over 1 KiB: for readers only


def test_a_job_cannot_refer_to_what_is_missing_unfinished_or_another_tenants(store: JobStore) -> None:
    refers_to = {"grid": ResourceRef("grid", "g1")}
    with pytest.raises(GridNotFound) as missing:
        accepted(store, refers_to=refers_to)
    assert missing.value.role == "grid"

    store.accept(submission(**IMPORT))
    with pytest.raises(ResourceNotReady) as unfinished:
        accepted(store, refers_to=refers_to)
    assert unfinished.value.status == "importing"
    with pytest.raises(GridNotFound):
        accepted(store, refers_to=refers_to, tenant="other")
    with pytest.raises(DatasetNotFound):
        accepted(store, refers_to={"dataset": ResourceRef("dataset", "d1")})


def test_a_refused_submission_leaves_no_trace(store: JobStore) -> None:
    before = store.client.dbsize()
    with pytest.raises(GridNotFound):
        accepted(store, refers_to={"grid": ResourceRef("grid", "g1")}, idempotency_key="k")

    assert store.client.dbsize() == before


def test_a_grid_cannot_be_deleted_while_it_is_imported(store: JobStore) -> None:
    store.accept(submission(**IMPORT))

    with pytest.raises(ResourceNotReady):
        grids(store, lambda resources: resources.delete(TENANT, "g1"))


def test_a_deleted_grid_is_gone_but_accepted_jobs_keep_it(store: JobStore) -> None:
    imported(store, ready(model_digest="model1"))
    job = accepted(store, refers_to={"grid": ResourceRef("grid", "g1")})

    grids(store, lambda resources: resources.delete(TENANT, "g1"))

    with pytest.raises(GridNotFound):
        grid(store)
    with pytest.raises(GridNotFound):
        grids(store, lambda resources: resources.delete(TENANT, "g1"))
    claim = store.claim(job.id)
    assert claim is not None
    assert claim.resources["grid"]["model_digest"] == "model1"
    assert store.client.hget(keys.BLOB_REFS, "model1") == b"1"  # held by the job
    assert store.client.hget(keys.BLOB_REFS, "file1") is not None


def test_the_commit_of_an_old_import_does_not_touch_a_new_grid(store: JobStore) -> None:
    imported(store, ready(model_digest="model1"))
    first_job_id = grid(store)["job_id"]
    grids(store, lambda resources: resources.delete(TENANT, "g1"))
    store.accept(submission(**IMPORT))
    store.run(calls.purge(first_job_id, TENANT))

    assert grid(store)["status"] == "importing"


def test_datasets_are_created_once_and_listed_newest_first(store: JobStore) -> None:
    def create(resource_id: str) -> bool:
        new = NewResource("dataset", resource_id, {"rows": "3"}, ["blob"], status="ready")
        return grids(store, lambda resources: resources.create(TENANT, new), "dataset")[0]

    assert [create("d1"), create("d2"), create("d1"), create("d3")] == [True, True, False, True]

    first, cursor = grids(store, lambda resources: resources.page(TENANT, limit=2), "dataset")
    second, end = grids(store, lambda resources: resources.page(TENANT, 2, cursor), "dataset")
    assert [record["id"] for record in first + second] == ["d3", "d2", "d1"]
    assert end is None
    assert grids(store, lambda resources: resources.page("other"), "dataset") == ([], None)
