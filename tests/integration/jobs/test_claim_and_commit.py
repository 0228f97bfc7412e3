import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from support.jobs import SUCCESS, accepted, claimed, event_names, settings

from gridjobs import calls
from gridjobs.errors import StaleFence
from gridjobs.model import Claim, Completion, PartRef, Status
from gridjobs.problems import Problem
from gridjobs.reconciler import Reconciler
from gridjobs.store import JobStore

FAILED = Completion(status=Status.FAILED, error=Problem("not_converged", "no solution").to_dict())
CRASH = Problem("internal_error", "segmentation fault")


def lose_lease(store: JobStore, claim: Claim) -> None:
    store.run(calls.heartbeat(claim.job.id, claim.fence, -1.0, None))
    Reconciler(store).reconcile()


def test_a_claimed_job_runs_under_a_fence(store: JobStore) -> None:
    claim = claimed(store)

    assert (claim.fence, claim.job.attempt, claim.job.status) == (1, 1, Status.RUNNING)
    assert claim.job.started_at is not None
    assert event_names(store, claim.job.id) == ["queued", "started"]


def test_only_one_of_many_workers_gets_the_job(store: JobStore) -> None:
    job = accepted(store)
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: store.claim(job.id), range(40)))

    assert sum(claim is not None for claim in claims) == 1


def test_there_is_nothing_to_claim_in_a_job_that_is_done_or_unknown(store: JobStore) -> None:
    claim = claimed(store)
    store.commit(claim.job.id, claim.fence, SUCCESS)

    assert store.claim(claim.job.id) is None
    assert store.claim("01981c4e-5b5a-7c5e-9a53-0a3c8a9d1f00") is None


def test_a_claim_that_is_sent_again_gets_the_same_hold(store: JobStore) -> None:
    call = calls.claim(accepted(store).id, 10.0)
    first, second = store.run(call), store.run(call)

    assert first is not None
    assert first == second
    assert event_names(store, first.job.id) == ["queued", "started"]


def test_a_commit_ends_the_job_once(store: JobStore) -> None:
    claim = claimed(store)

    done = store.commit(claim.job.id, claim.fence, SUCCESS)
    again = store.commit(claim.job.id, claim.fence, SUCCESS)

    assert done == again
    assert (done.status, done.done, done.engine) == (
        Status.SUCCEEDED,
        True,
        {"name": "e", "version": "1"},
    )
    assert event_names(store, claim.job.id) == ["queued", "started", "succeeded"]


def test_of_many_commits_at_the_same_time_one_result_stands(store: JobStore) -> None:
    claim = claimed(store)
    completions = [Completion(status=Status.SUCCEEDED, result=b"%d" % i) for i in range(20)]

    def commit(completion: Completion) -> bool:
        try:
            store.commit(claim.job.id, claim.fence, completion)
        except StaleFence:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(commit, completions)) == 1
    assert event_names(store, claim.job.id).count("succeeded") == 1


def test_another_outcome_after_the_commit_is_stale(store: JobStore) -> None:
    claim = claimed(store)
    store.commit(claim.job.id, claim.fence, SUCCESS)

    for completion in (FAILED, Completion(status=Status.SUCCEEDED, result=b"{}")):
        with pytest.raises(StaleFence):
            store.commit(claim.job.id, claim.fence, completion)
    assert store.get(claim.job.id).status is Status.SUCCEEDED


def test_a_worker_that_lost_its_lease_can_write_nothing(store: JobStore) -> None:
    old = claimed(store)
    lose_lease(store, old)
    for write in (
        lambda: store.heartbeat(old.job.id, old.fence, {"fraction": 0.9}),
        lambda: store.commit(old.job.id, old.fence, SUCCESS),
        lambda: store.release(old.job.id, old.fence, CRASH),
    ):
        with pytest.raises(StaleFence):
            write()

    new = store.claim(old.job.id)
    assert new is not None
    assert (new.fence, new.job.attempt) == (2, 2)
    with pytest.raises(StaleFence):
        store.commit(old.job.id, old.fence, SUCCESS)
    assert store.commit(new.job.id, new.fence, SUCCESS).status is Status.SUCCEEDED
    assert event_names(store, old.job.id) == ["queued", "started", "queued", "started", "succeeded"]


def test_a_failed_job_keeps_its_problem_and_diagnostics(store: JobStore) -> None:
    claim = claimed(store)
    part = PartRef("residuals", store.blobs.put(b"rows"), "application/vnd.apache.parquet", 4, 3)
    failed = Completion(status=Status.FAILED, error=FAILED.error, parts=[part])

    job = store.commit(claim.job.id, claim.fence, failed)

    assert job.error is not None
    assert job.error["code"] == "not_converged"
    assert job.error["status"] == 422
    assert store.run(calls.get_result(job.id, "")).parts == (part,)


def test_a_heartbeat_shows_progress_at_most_twice_a_second(store: JobStore) -> None:
    claim = claimed(store)
    for step in range(20):
        store.heartbeat(claim.job.id, claim.fence, {"fraction": step / 20})
    time.sleep(0.55)
    store.heartbeat(claim.job.id, claim.fence, {"fraction": 1.0})

    assert event_names(store, claim.job.id).count("progress") == 2
    assert store.get(claim.job.id).progress == {"fraction": 1.0}


def test_progress_that_has_not_changed_is_no_change(store: JobStore) -> None:
    claim = claimed(store)
    store.heartbeat(claim.job.id, claim.fence, {"fraction": 0.5})
    sequence = store.get(claim.job.id).sequence
    time.sleep(0.55)
    store.heartbeat(claim.job.id, claim.fence, {"fraction": 0.5})
    store.heartbeat(claim.job.id, claim.fence)

    assert store.get(claim.job.id).sequence == sequence


def test_heartbeats_keep_the_job(redis_url: str, tmp_path: Path) -> None:
    store = JobStore.connect(settings(redis_url, tmp_path, lease_s=0.3))
    claim = claimed(store)
    for _ in range(5):
        time.sleep(0.1)
        store.heartbeat(claim.job.id, claim.fence)
        Reconciler(store).reconcile()

    assert store.commit(claim.job.id, claim.fence, SUCCESS).attempt == 1
    store.close()


def test_a_failed_attempt_is_tried_again_until_there_are_too_many(redis_url: str, tmp_path: Path) -> None:
    store = JobStore.connect(settings(redis_url, tmp_path, max_attempts=3))
    job = accepted(store)
    for attempt in (1, 2, 3):
        claim = store.claim(job.id)
        assert claim is not None
        assert claim.job.attempt == attempt
        job = store.release(job.id, claim.fence, CRASH)

    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error["code"] == "attempts_exhausted"
    assert "segmentation fault" in job.error["detail"]
    store.close()


def test_an_attempt_that_was_not_the_jobs_fault_is_not_counted(redis_url: str, tmp_path: Path) -> None:
    store = JobStore.connect(settings(redis_url, tmp_path, max_attempts=1))
    claim = claimed(store)

    job = store.release(claim.job.id, claim.fence, CRASH, counted=False)

    assert (job.status, job.attempt) == (Status.QUEUED, 1)
    store.close()


def test_a_release_that_is_sent_again_counts_once(store: JobStore) -> None:
    claim = claimed(store)

    first = store.release(claim.job.id, claim.fence, CRASH)
    second = store.release(claim.job.id, claim.fence, CRASH)

    assert first == second
    assert event_names(store, claim.job.id) == ["queued", "started", "queued"]


def test_a_worker_learns_that_the_deadline_has_passed(store: JobStore) -> None:
    claim = claimed(store, deadline_at=datetime.now(UTC) + timedelta(seconds=0.2))
    assert not store.heartbeat(claim.job.id, claim.fence).deadline_passed
    time.sleep(0.25)
    assert store.heartbeat(claim.job.id, claim.fence).deadline_passed

    job = store.release(claim.job.id, claim.fence, CRASH)

    assert job.error is not None
    assert job.error["code"] == "deadline_exceeded"


def test_a_job_is_not_started_after_its_deadline(store: JobStore) -> None:
    job = accepted(store, deadline_at=datetime.now(UTC) - timedelta(seconds=1))

    assert store.claim(job.id) is None
    assert store.get(job.id).status is Status.FAILED


def test_a_result_that_compresses_well_stays_in_the_store(store: JobStore) -> None:
    body = orjson.dumps({"a": "x" * 2**17})
    claim = claimed(store)
    job = store.commit(claim.job.id, claim.fence, Completion(status=Status.SUCCEEDED, result=body))

    assert store.run(calls.get_result(job.id, "")).inline == body


def test_a_large_result_lies_in_the_blob_store(store: JobStore) -> None:
    body = orjson.dumps({"a": random.Random(7).randbytes(2**17).hex()})  # does not compress below the bound
    claim = claimed(store)
    job = store.commit(claim.job.id, claim.fence, Completion(status=Status.SUCCEEDED, result=body))

    stored = store.run(calls.get_result(job.id, ""))

    assert stored.inline is None
    assert job.result_digest is not None
    assert store.blobs.get(job.result_digest) == body
