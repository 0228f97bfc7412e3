"""A runner on a real store: what is written down after each way an attempt may end."""

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from support.actors import EXTRA_ACTORS
from support.process import wait_until
from support.redis import RedisServer

from gridjobs import calls
from gridjobs.canonical import canonical_json
from gridjobs.model import Job, Status, Submission
from gridjobs.settings import Settings
from gridjobs.store import JobStore
from gridjobs_workers.attempt import Pace
from gridjobs_workers.registry import actors
from gridjobs_workers.runner import SHUTDOWN, Runner
from gridjobs_workers.slot import Slot

TESTS = Path(__file__).parents[2]
PACE = Pace(beat_s=0.1, cancel_grace_s=0.2, timeout_s=60)


@pytest.fixture
def settings(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setenv("GRIDJOBS_DATA_DIR", str(tmp_path))
    return Settings(store_url=redis_url, data_dir=tmp_path, retry_delay_s=0)


@pytest.fixture
def store(settings: Settings) -> Iterator[JobStore]:
    store = JobStore.connect(settings)
    yield store
    store.close()


@pytest.fixture
def runner(store: JobStore) -> Iterator[Runner]:
    slot = Slot({"probe": actors(EXTRA_ACTORS)["probe"]})
    yield Runner(store, slot, PACE)
    slot.stop()


def accept(store: JobStore, *, deadline_s: float | None = None, **input_: Any) -> str:
    deadline = None if deadline_s is None else datetime.now(UTC) + timedelta(seconds=deadline_s)
    body = canonical_json(input_)
    submission = Submission(type="probe", tenant="t", principal="p", input=body, deadline_at=deadline)
    job = store.accept(submission).job
    assert job is not None
    return job.id


def run(runner: Runner, job_id: str) -> Job:
    runner.run(job_id)
    return runner.store.get(job_id)


def stored_result(store: JobStore, job_id: str) -> dict[str, Any]:
    result = store.run(calls.get_result(job_id, "t"))
    return json.loads(result.inline or store.blobs.get(result.job.result_digest or ""))  # type: ignore[no-any-return]


def test_a_job_succeeds_with_its_result(runner: Runner, store: JobStore) -> None:
    job_id = accept(store, value=[1, 2])

    job = run(runner, job_id)

    assert (job.status, job.attempt) == (Status.SUCCEEDED, 1)
    assert job.engine == {"name": "probe", "version": "1"}
    assert stored_result(store, job_id) == {"type": "probe", "echo": [1, 2], "parts": []}


def test_large_inputs_and_results_go_through_the_blob_store(runner: Runner, store: JobStore) -> None:
    value = "x" * 1_000_000
    job_id = accept(store, value=value)

    assert run(runner, job_id).status is Status.SUCCEEDED
    assert stored_result(store, job_id)["echo"] == value


def test_a_second_hint_for_a_finished_job_does_nothing(runner: Runner, store: JobStore) -> None:
    job_id = accept(store)
    first = run(runner, job_id)

    assert run(runner, job_id) == first


def test_a_hint_for_a_job_that_never_was_is_dropped(runner: Runner) -> None:
    runner.run("01981c4e-5b5a-7c5e-9a53-0a3c8a9d1f00")


def test_the_jobs_own_failure_is_final(runner: Runner, store: JobStore) -> None:
    job = run(runner, accept(store, do="fail"))

    assert job.status is Status.FAILED
    assert job.error is not None
    assert (job.error["code"], job.error["errors"][0]["pointer"]) == ("bad_input", "/value")


@pytest.mark.parametrize("do", ["kill", "segfault", "oops"])
def test_crashes_are_tried_again_and_end_after_the_last_attempt(
    runner: Runner, store: JobStore, do: str
) -> None:
    job_id = accept(store, do=do)

    assert run(runner, job_id).status is Status.QUEUED
    assert run(runner, job_id).status is Status.QUEUED
    job = run(runner, job_id)

    assert (job.status, job.attempt) == (Status.FAILED, 3)
    assert job.error is not None
    assert job.error["code"] == "attempts_exhausted"


def test_a_later_attempt_may_succeed(runner: Runner, store: JobStore) -> None:
    job_id = accept(store, do="once", succeed_at=2)

    run(runner, job_id)

    assert run(runner, job_id).status is Status.SUCCEEDED


def test_a_cancelled_job_is_cancelled_within_a_second(runner: Runner, store: JobStore) -> None:
    run(runner, accept(store))  # the child is warm now
    job_id = accept(store, do="hang", seconds=30)
    running = Thread(target=runner.run, args=[job_id])
    running.start()
    wait_until(lambda: store.get(job_id).status is Status.RUNNING, 5, "the job does not start")

    asked = time.monotonic()
    store.run(calls.cancel(job_id, "t"))
    wait_until(lambda: store.get(job_id).done, 5, "the job is not cancelled")

    assert time.monotonic() - asked < 1
    job = store.get(job_id)
    assert job.error is not None  # whoever asks for the result is told why there is none
    assert (job.status, job.error["code"]) == (Status.CANCELLED, "cancelled")
    running.join()


def test_the_deadline_ends_a_running_job(runner: Runner, store: JobStore) -> None:
    run(runner, accept(store))

    job = run(runner, accept(store, deadline_s=0.5, do="hang", seconds=30))

    assert job.error is not None
    assert (job.status, job.error["code"]) == (Status.FAILED, "deadline_exceeded")


def test_a_worker_told_to_end_gives_its_job_back_uncounted(runner: Runner, store: JobStore) -> None:
    run(runner, accept(store))
    job_id = accept(store, do="hang", seconds=30)
    runner.stop()

    assert run(runner, job_id).status is Status.QUEUED
    # As often as it likes: three shutdowns are not three failures.
    for _ in range(3):
        assert run(runner, job_id).status is Status.QUEUED


def test_who_lost_the_job_writes_nothing(runner: Runner, store: JobStore) -> None:
    """The lease was taken away (here by releasing it under the runner's feet) and another worker finished."""
    run(runner, accept(store))
    job_id = accept(store, do="sleep", seconds=2, value="first")
    running = Thread(target=runner.run, args=[job_id])
    running.start()
    wait_until(lambda: store.get(job_id).status is Status.RUNNING, 5, "the job does not start")
    store.release(job_id, 1, SHUTDOWN, counted=False)
    other = store.claim(job_id)

    running.join(5)

    assert other is not None
    assert not running.is_alive()
    assert store.get(job_id).status is Status.RUNNING
    assert store.heartbeat(job_id, other.fence).cancel_requested is False


def test_a_store_that_is_away_for_a_while_costs_no_job(
    tmp_path: Path, private_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setenv("GRIDJOBS_DATA_DIR", str(tmp_path))
    store = JobStore.connect(Settings(store_url=private_redis.url, data_dir=tmp_path))
    slot = Slot({"probe": actors(EXTRA_ACTORS)["probe"]})
    runner = Runner(store, slot, PACE)
    run(runner, accept(store))
    job_id = accept(store, do="sleep", seconds=1)
    running = Thread(target=runner.run, args=[job_id])
    running.start()
    wait_until(lambda: store.get(job_id).status is Status.RUNNING, 5, "the job does not start")

    private_redis.kill()
    time.sleep(1.5)
    private_redis.start()
    running.join(20)

    assert (store.get(job_id).status, store.get(job_id).attempt) == (Status.SUCCEEDED, 1)
    slot.stop()
    store.close()


def test_a_child_killed_from_outside_is_a_failed_attempt(runner: Runner, store: JobStore) -> None:
    run(runner, accept(store))
    job_id = accept(store, do="sleep", seconds=30)
    running = Thread(target=runner.run, args=[job_id])
    running.start()
    wait_until(lambda: store.get(job_id).status is Status.RUNNING, 5, "the job does not start")

    os.kill(runner.slot.pid, signal.SIGKILL)
    running.join(5)

    assert (store.get(job_id).status, store.get(job_id).attempt) == (Status.QUEUED, 1)
