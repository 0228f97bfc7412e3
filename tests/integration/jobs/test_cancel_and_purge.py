import pytest
from support.jobs import SUCCESS, TENANT, accepted, claimed, event_names, submission

from gridjobs import calls, keys
from gridjobs.errors import JobGone, JobNotFinished, JobNotFound
from gridjobs.model import Completion, Job, Status
from gridjobs.problems import CANCELLED, Problem
from gridjobs.reconciler import Reconciler
from gridjobs.store import JobStore

CRASH = Problem("internal_error", "crash")


def cancel(store: JobStore, job_id: str) -> Job:
    return store.run(calls.cancel(job_id, TENANT))


def purge(store: JobStore, job_id: str, tenant: str = TENANT) -> None:
    store.run(calls.purge(job_id, tenant))


def test_a_queued_job_is_cancelled_at_once(store: JobStore) -> None:
    job = cancel(store, accepted(store).id)

    assert (job.status, job.done) == (Status.CANCELLED, True)
    assert job.error is not None
    assert job.error["code"] == "cancelled"
    assert store.claim(job.id) is None
    assert event_names(store, job.id) == ["queued", "cancelled"]


def test_a_running_job_is_asked_to_stop(store: JobStore) -> None:
    claim = claimed(store)
    assert not store.heartbeat(claim.job.id, claim.fence).cancel_requested

    job = cancel(store, claim.job.id)

    assert job.status is Status.RUNNING
    assert job.cancel_requested_at is not None
    assert store.heartbeat(claim.job.id, claim.fence).cancel_requested
    done = store.commit(
        claim.job.id, claim.fence, Completion(status=Status.CANCELLED, error=CANCELLED.to_dict())
    )
    assert done.status is Status.CANCELLED


def test_a_success_committed_before_the_worker_notices_stands(store: JobStore) -> None:
    claim = claimed(store)
    cancel(store, claim.job.id)

    assert store.commit(claim.job.id, claim.fence, SUCCESS).status is Status.SUCCEEDED
    assert cancel(store, claim.job.id).status is Status.SUCCEEDED


def test_cancelling_twice_changes_nothing(store: JobStore) -> None:
    claim = claimed(store)
    assert cancel(store, claim.job.id) == cancel(store, claim.job.id)


def test_a_cancelled_job_whose_worker_died_is_not_started_again(store: JobStore) -> None:
    claim = claimed(store)
    cancel(store, claim.job.id)
    store.run(calls.heartbeat(claim.job.id, claim.fence, -1.0, None))

    Reconciler(store).reconcile()

    assert store.get(claim.job.id).status is Status.CANCELLED


def test_a_failed_attempt_of_a_cancelled_job_is_its_end(store: JobStore) -> None:
    claim = claimed(store)
    cancel(store, claim.job.id)

    assert store.release(claim.job.id, claim.fence, CRASH).status is Status.CANCELLED


def test_another_tenants_job_does_not_exist(store: JobStore) -> None:
    job = accepted(store)
    for call in (calls.get(job.id, "other"), calls.cancel(job.id, "other"), calls.purge(job.id, "other")):
        with pytest.raises(JobNotFound):
            store.run(call)


def test_only_a_finished_job_can_be_purged(store: JobStore) -> None:
    claim = claimed(store)
    with pytest.raises(JobNotFinished):
        purge(store, claim.job.id)


def test_a_purged_job_is_gone_for_its_owner_and_unknown_to_others(store: JobStore) -> None:
    claim = claimed(store)
    store.commit(claim.job.id, claim.fence, SUCCESS)
    purge(store, claim.job.id)

    with pytest.raises(JobGone):
        store.get(claim.job.id, TENANT)
    with pytest.raises(JobGone):
        purge(store, claim.job.id)
    with pytest.raises(JobNotFound):
        store.get(claim.job.id, "other")


def test_purging_leaves_nothing_but_the_tombstone(store: JobStore) -> None:
    claim = claimed(store, idempotency_key="k", labels={"a": "b"})
    store.commit(claim.job.id, claim.fence, SUCCESS)
    purge(store, claim.job.id)

    left = {key.decode() for key in store.client.keys("*")}
    outbox = {keys.OUTBOX_HINTS, keys.OUTBOX_EVENTS}
    assert left == {f"{keys.GONE}{claim.job.id}", keys.COUNTS, keys.TOTALS} | outbox


def test_after_a_purge_the_idempotency_key_is_free_again(store: JobStore) -> None:
    job = cancel(store, accepted(store, idempotency_key="k").id)
    purge(store, job.id)

    assert not store.accept(submission(idempotency_key="k")).replayed
