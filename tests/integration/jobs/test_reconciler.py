import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.jobs import SUCCESS, TENANT, accepted, claimed, event_names, settings, submission
from support.redis import RedisServer

from gridjobs import calls, keys, scripts
from gridjobs.canonical import digest
from gridjobs.errors import IdempotencyConflict, JobGone, StaleFence, StoreUnavailable
from gridjobs.metrics import read
from gridjobs.model import Completion, NewResource, PartRef, Status
from gridjobs.outbox import Outbox
from gridjobs.problems import Problem
from gridjobs.reconciler import Reconciler
from gridjobs.store import JobStore


def quick(redis_url: str, folder: Path, **changes: Any) -> JobStore:
    return JobStore.connect(settings(redis_url, folder, **changes))


def hints(store: JobStore) -> list[str]:
    outbox = Outbox(store, keys.OUTBOX_HINTS, "test")
    entries = outbox.take(100, 0.01) + outbox.take(100, 0.01)
    if entries:
        outbox.mark_sent(entries)
    return [entry.fields["id"].decode() for entry in entries]


def test_a_job_whose_worker_is_silent_is_given_to_another(redis_url: str, tmp_path: Path) -> None:
    store = quick(redis_url, tmp_path, lease_s=0.1)
    claim = claimed(store)
    hints(store)
    time.sleep(0.15)

    Reconciler(store).reconcile()

    job = store.get(claim.job.id)
    assert (job.status, job.attempt) == (Status.QUEUED, 1)
    assert hints(store) == [job.id]


def test_a_job_that_kills_its_workers_fails(redis_url: str, tmp_path: Path) -> None:
    store = quick(redis_url, tmp_path, lease_s=0.05, max_attempts=2)
    job = accepted(store)
    for _ in range(2):
        assert store.claim(job.id) is not None
        time.sleep(0.08)
        Reconciler(store).reconcile()

    job = store.get(job.id)
    assert job.status is Status.FAILED
    assert job.error is not None
    assert (job.error["code"], job.error["retryable"]) == ("attempts_exhausted", True)


def test_a_lost_hint_is_given_again_with_growing_pauses(redis_url: str, tmp_path: Path) -> None:
    store = quick(redis_url, tmp_path, hint_stale_s=0.2)
    job = accepted(store)
    assert hints(store) == [job.id]
    given = 0
    end = time.monotonic() + 2.4  # due after 0.2, then 0.4, then 0.8, then 1.6 s
    while time.monotonic() < end:
        Reconciler(store).reconcile()
        given += len(hints(store))
        time.sleep(0.02)

    assert given == 3


def test_no_hints_are_added_to_a_long_backlog(redis_url: str, tmp_path: Path) -> None:
    store = quick(redis_url, tmp_path, hint_stale_s=0.01)
    accepted(store)
    time.sleep(0.02)

    store.run(calls.reconcile("reconcile_hints", 10, 1000, 0))

    assert store.client.xlen(keys.OUTBOX_HINTS) == 1


def test_a_pause_before_the_next_attempt_is_kept(redis_url: str, tmp_path: Path) -> None:
    store = quick(redis_url, tmp_path)
    claim = claimed(store)
    hints(store)
    store.release(claim.job.id, claim.fence, Problem("internal_error", "x"), delay_s=0.2)
    Reconciler(store).reconcile()
    assert hints(store) == []
    time.sleep(0.25)
    Reconciler(store).reconcile()
    assert hints(store) == [claim.job.id]


def test_a_queued_job_fails_at_its_deadline(redis_url: str, tmp_path: Path) -> None:
    store = quick(redis_url, tmp_path)
    job = accepted(store, deadline_at=datetime.now(UTC) + timedelta(seconds=0.1))
    Reconciler(store).reconcile()
    assert store.get(job.id).status is Status.QUEUED
    time.sleep(0.15)
    Reconciler(store).reconcile()

    job = store.get(job.id)
    assert job.error is not None
    assert (job.status, job.error["code"]) == (Status.FAILED, "deadline_exceeded")
    assert event_names(store, job.id) == ["queued", "failed"]


def test_a_requeued_job_still_fails_at_its_deadline(redis_url: str, tmp_path: Path) -> None:
    store = quick(redis_url, tmp_path, lease_s=0.05)
    claim = claimed(store, deadline_at=datetime.now(UTC) + timedelta(seconds=0.5))
    time.sleep(0.1)
    Reconciler(store).reconcile()
    assert store.get(claim.job.id).status is Status.QUEUED
    time.sleep(0.5)
    Reconciler(store).reconcile()

    assert store.get(claim.job.id).status is Status.FAILED


def test_results_expire_before_jobs_and_both_let_go_of_their_blobs(redis_url: str, tmp_path: Path) -> None:
    store = quick(redis_url, tmp_path, result_ttl_s=0.1, job_ttl_s=0.6, blob_grace_s=0.0)
    part = PartRef("nodes", store.blobs.put(b"table"), "text/csv", 5)
    body = b'"' + b"i" * 2**17 + b'"'
    claim = claimed(store, input=body)
    store.commit(claim.job.id, claim.fence, Completion(status=Status.SUCCEEDED, result=b"{}", parts=[part]))
    time.sleep(0.15)
    Reconciler(store).reconcile()

    job = store.get(claim.job.id)
    assert (job.status, job.result_expired) == (Status.SUCCEEDED, True)
    assert event_names(store, job.id)[-1] == "expired"
    assert not store.blobs.exists(part.digest)
    assert store.blobs.exists(job.input_digest)

    time.sleep(0.6)
    Reconciler(store).reconcile()
    with pytest.raises(JobGone):
        store.get(claim.job.id, TENANT)
    assert not store.blobs.exists(job.input_digest)


def test_a_blob_that_two_jobs_share_stays_until_both_are_gone(redis_url: str, tmp_path: Path) -> None:
    store = quick(redis_url, tmp_path, blob_grace_s=0.0)
    body = b'"' + b"i" * 2**17 + b'"'
    first, second = (claimed(store, input=body) for _ in range(2))
    digest = first.job.input_digest
    for claim, stays in ((first, True), (second, False)):
        store.commit(claim.job.id, claim.fence, SUCCESS)
        store.run(calls.purge(claim.job.id, TENANT))
        Reconciler(store).reconcile()
        assert store.blobs.exists(digest) == stays


def test_a_blob_is_kept_for_its_grace_period(redis_url: str, tmp_path: Path) -> None:
    store = quick(redis_url, tmp_path, blob_grace_s=60.0)
    claim = claimed(store, input=b'"' + b"i" * 2**17 + b'"')
    store.commit(claim.job.id, claim.fence, SUCCESS)
    store.run(calls.purge(claim.job.id, TENANT))
    Reconciler(store).reconcile()

    assert store.blobs.exists(claim.job.input_digest)


def test_an_import_whose_workers_die_leaves_the_grid_failed(redis_url: str, tmp_path: Path) -> None:
    store = quick(redis_url, tmp_path, lease_s=0.05, max_attempts=1)
    job = store.accept(submission(type="grid-import", creates=NewResource("grid", "g"))).job
    assert job is not None
    store.claim(job.id)
    time.sleep(0.08)
    Reconciler(store).reconcile()

    assert store.run(calls.get_resource("grid", TENANT, "g"))["status"] == "failed"


def test_one_of_many_reconcilers_works_at_a_time(redis_url: str, tmp_path: Path) -> None:
    store = quick(redis_url, tmp_path)
    first, second = Reconciler(store), Reconciler(store)

    assert first._holds_lock()
    assert not second._holds_lock()
    assert first._holds_lock()


def test_the_reconciler_outlives_an_outage_of_the_store(private_redis: RedisServer, tmp_path: Path) -> None:
    store = quick(private_redis.url, tmp_path, lease_s=0.2, reconcile_s=0.1)
    claim = claimed(store)
    stop = threading.Event()
    thread = threading.Thread(target=Reconciler(store).run, args=(stop,))
    thread.start()
    private_redis.kill()
    time.sleep(0.5)
    private_redis.start()
    end = time.monotonic() + 10
    while store.get(claim.job.id).status is not Status.QUEUED and time.monotonic() < end:
        time.sleep(0.05)
    stop.set()
    thread.join()

    assert store.get(claim.job.id).status is Status.QUEUED


def test_counts_follow_the_jobs(store: JobStore) -> None:
    accepted(store)
    claim = claimed(store)
    store.commit(claim.job.id, claim.fence, SUCCESS)
    stats = read(store)

    assert {pair: n for pair, n in stats.jobs.items() if n} == {
        ("estimation", "queued"): 1,
        ("estimation", "succeeded"): 1,
    }
    assert stats.totals[("estimation", "accepted")] == 2
    assert stats.outbox_hints == 2
    assert stats.outbox_events == 4
    assert 0 <= stats.oldest_queued_s["estimation"] < 10


def test_a_store_that_is_away_is_unavailable(private_redis: RedisServer, tmp_path: Path) -> None:
    store = quick(private_redis.url, tmp_path)
    private_redis.kill()

    with pytest.raises(StoreUnavailable):
        accepted(store)


def test_what_is_stored_for_a_refused_call_is_swept(redis_url: str, tmp_path: Path) -> None:
    store = quick(redis_url, tmp_path, blob_grace_s=0.0)
    large = [b'"' + letter * 2**17 + b'"' for letter in (b"a", b"b")]
    accepted(store, idempotency_key="k", input=large[0])
    with pytest.raises(IdempotencyConflict):
        accepted(store, idempotency_key="k", input=large[1])
    Reconciler(store).reconcile()

    assert [store.blobs.exists(digest(body)) for body in large] == [True, False]


def test_the_parts_of_a_stale_commit_are_swept_unless_the_winner_has_them_too(
    redis_url: str, tmp_path: Path
) -> None:
    store = quick(redis_url, tmp_path, blob_grace_s=0.0)
    shared, stale = (
        PartRef(name, store.blobs.put(name.encode()), "text/csv", 6) for name in ("shared", "stale.")
    )
    claim = claimed(store)
    done = Completion(status=Status.SUCCEEDED, result=b"1", parts=[shared])
    store.commit(claim.job.id, claim.fence, done)
    late = Completion(status=Status.SUCCEEDED, result=b"2", parts=[shared, stale])
    with pytest.raises(StaleFence):
        store.commit(claim.job.id, claim.fence, late)
    Reconciler(store).reconcile()

    assert store.blobs.exists(shared.digest)
    assert not store.blobs.exists(stale.digest)


def test_blobs_that_a_crash_left_behind_are_found(redis_url: str, tmp_path: Path) -> None:
    store = quick(redis_url, tmp_path, blob_grace_s=0.0)
    kept = claimed(store, input=b'"' + b"i" * 2**17 + b'"').job.input_digest
    orphan = store.blobs.put(b"left behind")

    assert Reconciler(store).sweep_orphans() == 1
    assert [store.blobs.exists(name) for name in (kept, orphan)] == [True, False]


def test_workers_have_time_to_come_back_when_the_store_was_away(
    private_redis: RedisServer, tmp_path: Path
) -> None:
    store = quick(private_redis.url, tmp_path, lease_s=2.0, heartbeat_s=1.0)
    claim = claimed(store)
    private_redis.kill()
    time.sleep(2.1)
    private_redis.start()
    Reconciler(store).reconcile()

    assert store.get(claim.job.id).status is Status.RUNNING
    store.heartbeat(claim.job.id, claim.fence)
    time.sleep(1.0)
    Reconciler(store).reconcile()
    assert store.commit(claim.job.id, claim.fence, SUCCESS).attempt == 1


def test_progress_is_not_added_to_a_relay_that_is_far_behind(store: JobStore) -> None:
    claim = claimed(store)
    pipeline = store.client.pipeline()
    for _ in range(scripts.LOSSY_BACKLOG):
        pipeline.xadd(keys.OUTBOX_EVENTS, {"event": "x"})
    pipeline.execute()
    before = store.client.xlen(keys.OUTBOX_EVENTS)
    store.heartbeat(claim.job.id, claim.fence, {"fraction": 0.5})
    assert store.client.xlen(keys.OUTBOX_EVENTS) == before

    store.commit(claim.job.id, claim.fence, SUCCESS)
    assert store.client.xlen(keys.OUTBOX_EVENTS) == before + 1
    assert event_names(store, claim.job.id) == ["queued", "started", "progress", "succeeded"]
