import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from support.jobs import SUCCESS, TENANT, accepted, claimed, reading, settings
from support.redis import RedisServer

from gridjobs import calls
from gridjobs.errors import JobGone, JobNotFound
from gridjobs.events import Event
from gridjobs.model import Job, Status
from gridjobs.store import JobStore


async def later(delay_s: float, change: Callable[[], object]) -> None:
    await asyncio.sleep(delay_s)
    await asyncio.to_thread(change)


def test_a_waiter_learns_of_the_change_at_once(store: JobStore) -> None:
    claim = claimed(store)

    async def wait() -> tuple[Job, float]:
        async with reading(store) as reader:
            committed_at = 0.0

            def commit() -> None:
                nonlocal committed_at
                committed_at = time.monotonic()
                store.commit(claim.job.id, claim.fence, SUCCESS)

            change = asyncio.create_task(later(0.2, commit))
            job = await reader.wait_for_change(TENANT, claim.job.id, claim.job.sequence, 10)
            delay_s = time.monotonic() - committed_at
            await change
        return job, delay_s

    job, delay_s = asyncio.run(wait())
    assert job.status is Status.SUCCEEDED
    assert delay_s < 0.5  # the safety poll alone would take up to 5 s


def test_a_waiter_gets_the_job_as_it_is_when_nothing_happens(store: JobStore) -> None:
    job = accepted(store)

    async def wait() -> tuple[Job, float]:
        async with reading(store) as reader:
            started = time.monotonic()
            found = await reader.wait_for_change(TENANT, job.id, job.sequence, 0.3)
        return found, time.monotonic() - started

    found, waited_s = asyncio.run(wait())
    assert found == job
    assert 0.3 <= waited_s < 1.5


def test_nobody_waits_for_what_has_happened_already(store: JobStore) -> None:
    claim = claimed(store)
    done = store.commit(claim.job.id, claim.fence, SUCCESS)

    async def wait() -> Job:
        async with reading(store) as reader:
            async with asyncio.timeout(2):
                assert await reader.wait_for_change(TENANT, done.id, 1, 30) == done
                job = await reader.wait_for_change(TENANT, done.id, done.sequence, 30)
        return job

    assert asyncio.run(wait()) == done


def test_hundreds_wait_over_one_connection(store: JobStore) -> None:
    claims = [claimed(store) for _ in range(300)]
    others = len(
        store.client.client_list(_type="pubsub")
    )  # an API of other tests may listen on the same Redis

    async def wait() -> tuple[list[Job], int]:
        async with reading(store) as reader:
            waiters = [
                asyncio.create_task(reader.wait_for_change(TENANT, claim.job.id, 2, 90)) for claim in claims
            ]
            await asyncio.sleep(1.0)
            subscribers = 0
            for _ in range(200):  # a loaded machine takes its time
                subscribers = len(store.client.client_list(_type="pubsub")) - others
                if subscribers == 1:
                    break
                await asyncio.sleep(0.1)
            for claim in claims:
                await asyncio.to_thread(store.commit, claim.job.id, claim.fence, SUCCESS)
            async with asyncio.timeout(80):
                jobs = await asyncio.gather(*waiters)
        return jobs, subscribers

    jobs, subscribers = asyncio.run(wait())
    assert all(job.status is Status.SUCCEEDED for job in jobs)
    assert subscribers == 1


def test_waiting_for_a_job_of_another_tenant_is_waiting_for_none(store: JobStore) -> None:
    job = accepted(store)

    async def wait() -> None:
        async with reading(store) as reader:
            await reader.wait_for_change("other", job.id, 1, 5)

    with pytest.raises(JobNotFound):
        asyncio.run(wait())


async def follow(store: JobStore, job_id: str, after: int, idle_s: float) -> list[Event | None]:
    async with reading(store) as reader:
        async with asyncio.timeout(20):
            events = [event async for event in reader.follow_events(TENANT, job_id, after, idle_s)]
    return events


def test_events_are_followed_to_the_end_with_signs_of_life(store: JobStore) -> None:
    claim = claimed(store)

    async def run() -> list[Event | None]:
        change = asyncio.create_task(later(1.0, lambda: store.commit(claim.job.id, claim.fence, SUCCESS)))
        events = await follow(store, claim.job.id, 1, 0.3)
        await change
        return events

    events = asyncio.run(run())
    assert [event.name for event in events if event] == ["started", "succeeded"]
    assert 2 <= events.count(None) <= 3


def test_following_a_finished_job_from_its_end_ends(store: JobStore) -> None:
    claim = claimed(store)
    done = store.commit(claim.job.id, claim.fence, SUCCESS)

    assert asyncio.run(follow(store, done.id, done.sequence, 5)) == []


def test_a_job_purged_under_a_follower_ends_the_stream(store: JobStore) -> None:
    claim = claimed(store)

    def finish_and_purge() -> None:
        store.commit(claim.job.id, claim.fence, SUCCESS)
        store.run(calls.purge(claim.job.id, TENANT))

    async def run() -> None:
        change = asyncio.create_task(later(0.3, finish_and_purge))
        with suppress(JobGone):
            await follow(store, claim.job.id, 2, 5)
        await change

    asyncio.run(run())


def test_waiters_survive_a_restart_of_the_store(private_redis: RedisServer, tmp_path: Path) -> None:
    store = JobStore.connect(settings(private_redis.url, tmp_path))
    claim = claimed(store)

    async def wait() -> Job:
        async with reading(store) as reader:
            waiter = asyncio.create_task(reader.wait_for_change(TENANT, claim.job.id, 2, 30))
            await asyncio.sleep(0.3)
            await asyncio.to_thread(private_redis.restart)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(store.commit, claim.job.id, claim.fence, SUCCESS)
            async with asyncio.timeout(8):
                job = await waiter
        return job

    assert asyncio.run(wait()).status is Status.SUCCEEDED
    store.close()
