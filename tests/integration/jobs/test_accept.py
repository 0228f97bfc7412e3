from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.jobs import TENANT, accepted, event_names, settings, submission

from gridjobs import calls, keys
from gridjobs.canonical import canonical_json, digest
from gridjobs.errors import IdempotencyConflict, QueueFull, UnroutableName
from gridjobs.model import Status
from gridjobs.outbox import Outbox
from gridjobs.store import JobStore


def test_an_accepted_job_is_queued_announced_and_has_an_event(store: JobStore) -> None:
    deadline = datetime(2030, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    job = accepted(store, labels={"site": "North"}, deadline_at=deadline, trace_id="t1")

    assert job == store.get(job.id, TENANT)
    assert (job.status, job.attempt, job.sequence, job.done) == (Status.QUEUED, 0, 1, False)
    assert (job.labels, job.deadline_at, job.trace_id) == ({"site": "North"}, deadline, "t1")
    assert job.expires_at - job.created_at == timedelta(days=30)
    assert event_names(store, job.id) == ["queued"]
    (hint,) = Outbox(store, keys.OUTBOX_HINTS, "test").take(10) or Outbox(
        store, keys.OUTBOX_HINTS, "test"
    ).take(10)
    assert hint.fields == {"type": b"estimation", "id": job.id.encode()}


def test_the_same_key_and_body_give_the_same_job(store: JobStore) -> None:
    first = store.accept(submission(idempotency_key="k"))
    again = store.accept(submission(idempotency_key="k"))

    assert (first.replayed, again.replayed) == (False, True)
    assert first.job is not None
    assert again.job is not None
    assert first.job.id == again.job.id
    assert store.client.xlen(keys.OUTBOX_HINTS) == 1


def test_a_replay_shows_the_job_as_it_is_now(store: JobStore) -> None:
    job = accepted(store, idempotency_key="k")
    store.claim(job.id)

    again = store.accept(submission(idempotency_key="k"))

    assert again.job is not None
    assert again.job.status is Status.RUNNING


def test_another_body_under_the_same_key_is_a_conflict(store: JobStore) -> None:
    accepted(store, idempotency_key="k")

    with pytest.raises(IdempotencyConflict):
        store.accept(submission(idempotency_key="k", input=canonical_json({"grid_id": "other"})))


@pytest.mark.parametrize("scope", [{"tenant": "b"}, {"principal": "bob"}, {"route": "/v1/forecasts"}])
def test_a_key_belongs_to_one_tenant_principal_and_route(store: JobStore, scope: dict[str, str]) -> None:
    first = accepted(store, idempotency_key="k")
    second = accepted(store, idempotency_key="k", **scope)

    assert first.id != second.id


def test_the_parts_of_a_keys_scope_cannot_be_shifted(store: JobStore) -> None:
    first = accepted(store, principal="ab", route="c", idempotency_key="k")
    second = accepted(store, principal="a", route="bc", idempotency_key="k")

    assert first.id != second.id


def test_of_many_at_the_same_time_one_is_accepted(store: JobStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: store.accept(submission(idempotency_key="k")), range(40)))

    assert sum(not outcome.replayed for outcome in outcomes) == 1
    assert len({outcome.job.id for outcome in outcomes if outcome.job}) == 1


def test_a_call_that_is_sent_again_accepts_nothing_new(store: JobStore) -> None:
    # As redis-py does when the connection breaks after the script has run.
    call = calls.accept(submission(), calls.new_job_id(), store.settings)
    first, second = store.run(call), store.run(call)

    assert first == second
    assert store.client.xlen(keys.OUTBOX_HINTS) == 1


def test_a_full_queue_refuses_but_still_replays(redis_url: str, tmp_path: Path) -> None:
    store = JobStore.connect(settings(redis_url, tmp_path, queue_bound=2))
    for key in ("1", "2"):
        accepted(store, idempotency_key=key)

    with pytest.raises(QueueFull):
        accepted(store)
    assert store.accept(submission(idempotency_key="1")).replayed
    accepted(store, type="forecast")  # the bound is each job type's own
    store.close()


@pytest.mark.parametrize("size_bytes", [64 * 1024, 64 * 1024 + 1, 2**20])
def test_input_comes_back_whole_whether_inline_or_a_blob(store: JobStore, size_bytes: int) -> None:
    padding = "x" * (size_bytes - len(canonical_json({"a": ""})))
    body = canonical_json({"a": padding})
    job = accepted(store, input=body)

    claim = store.claim(job.id)

    assert claim is not None
    assert claim.input == body
    assert job.input_digest == digest(body)
    assert store.blobs.exists(job.input_digest) == (size_bytes > 64 * 1024)


@pytest.mark.parametrize("tenant", ["a.b", "a/b", "a:b", "", "a b", "x" * 65, "a+", "#"])
def test_a_tenant_that_topics_do_not_allow_is_refused(store: JobStore, tenant: str) -> None:
    with pytest.raises(UnroutableName):
        accepted(store, tenant=tenant)


def test_ids_sort_by_time(store: JobStore) -> None:
    ids = [accepted(store).id for _ in range(50)]

    assert ids == sorted(ids)
    assert all(job_id[14] == "7" for job_id in ids)  # UUID version 7
