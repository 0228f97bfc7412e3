"""Many workers, relays of hints and users do at random what they may do, and the store is killed meanwhile.

Whatever happens: every accepted job ends once, and nobody without the fence has written anything.
"""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.jobs import TENANT, settings, submission
from support.redis import RedisServer

from gridjobs import calls, keys
from gridjobs.errors import StaleFence, StoreUnavailable
from gridjobs.model import Claim, Completion, Status
from gridjobs.problems import Problem
from gridjobs.reconciler import Reconciler
from gridjobs.store import JobStore, translated

SECONDS = 8.0
TERMINAL = {"succeeded", "failed", "cancelled"}


class Chaos:
    """Everything that may be done to jobs, in several threads, with one seed."""

    def __init__(self, store: JobStore, seed: int) -> None:
        self.store = store
        self.seed = seed
        self.end = time.monotonic() + SECONDS
        self.accepted: dict[str, str] = {}  # idempotency key -> job
        self.committed: dict[str, list[bytes]] = {}  # what workers were told is the result
        self.fences: dict[str, int] = {}  # the highest that any worker was given
        self.stale_writes: list[str] = []
        self.lock = threading.Lock()

    def submit(self, worker: int) -> None:
        rng = random.Random(f"{self.seed}-submit-{worker}")
        number = 0
        while time.monotonic() < self.end:
            number += rng.random() < 0.7  # else the same key again, as a client does after a time-out
            key = f"{worker}-{number}"
            try:
                outcome = self.store.accept(submission(idempotency_key=key))
            except StoreUnavailable:
                continue
            assert outcome.job is not None
            assert self.accepted.setdefault(key, outcome.job.id) == outcome.job.id
            if rng.random() < 0.05:
                self._try(lambda job_id=outcome.job.id: self.store.run(calls.cancel(job_id, TENANT)))
            time.sleep(0.05)

    def work(self, worker: int) -> None:
        rng = random.Random(f"{self.seed}-work-{worker}")
        while time.monotonic() < self.end:
            claim = self._try(lambda: self.claim_any(rng))
            if claim is None:
                time.sleep(0.005)
                continue
            with self.lock:
                self.fences[claim.job.id] = max(claim.fence, self.fences.get(claim.job.id, 0))
            fate = rng.random()
            if fate < 0.1:
                continue  # killed
            if fate < 0.6:
                time.sleep(rng.uniform(0.2, 1.0))  # stopped, perhaps for longer than its lease, then goes on
            if 0.5 < fate < 0.7:
                problem = Problem("internal_error", "crash")
                self._try(lambda: self.store.release(claim.job.id, claim.fence, problem))  # noqa: B023
                continue
            if rng.random() < 0.5:
                self._try(lambda: self.store.heartbeat(claim.job.id, claim.fence, {"fraction": 0.5}))  # noqa: B023
            self.finish(claim.job.id, claim.fence, b'{"by":"%d-%d"}' % (worker, rng.getrandbits(40)))

    def claim_any(self, rng: random.Random) -> Claim | None:
        with translated():
            queued = self.store.client.zrange(f"{keys.QUEUED}estimation", 0, 5)
        return self.store.claim(rng.choice(queued).decode()) if queued else None

    def finish(self, job_id: str, fence: int, result: bytes) -> None:
        completion = Completion(status=Status.SUCCEEDED, result=result)
        overtaken = self.fences[job_id] > fence
        for _ in range(100):  # a worker insists until it knows
            try:
                self.store.commit(job_id, fence, completion)
            except StoreUnavailable:
                continue
            except StaleFence:
                return
            with self.lock:
                self.stale_writes += [job_id] * overtaken
                self.committed.setdefault(job_id, []).append(result)
            return

    def _try(self, action):  # type: ignore[no-untyped-def]
        try:
            return action()
        except (StoreUnavailable, StaleFence):
            return None


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_every_accepted_job_ends_exactly_once(private_redis: RedisServer, tmp_path: Path, seed: int) -> None:
    store = JobStore.connect(settings(private_redis.url, tmp_path, lease_s=0.3, reconcile_s=0.1))
    chaos, stop = Chaos(store, seed), threading.Event()
    reconciler = threading.Thread(target=Reconciler(store).run, args=(stop,))
    reconciler.start()
    with ThreadPoolExecutor(15) as pool:
        futures = [pool.submit(chaos.submit, n) for n in range(3)]
        futures += [pool.submit(chaos.work, n) for n in range(12)]
        for _ in range(2):
            time.sleep(SECONDS / 3)
            private_redis.restart()
        for future in futures:
            future.result()
    drain(store, list(chaos.accepted.values()))
    stop.set()
    reconciler.join()

    assert len(chaos.accepted) > 100
    assert max(chaos.fences.values()) > 1
    assert chaos.stale_writes == []
    for job_id in chaos.accepted.values():
        check(store, chaos, job_id)
    counts = {name: n for name, n in store.run(calls.stats())[0].items() if n}
    assert counts == Counter(
        f"estimation:{store.get(job_id).status}" for job_id in set(chaos.accepted.values())
    )
    store.close()


def drain(store: JobStore, job_ids: list[str]) -> None:
    """Be the one good worker, until all is done."""
    end = time.monotonic() + 30
    while left := [job_id for job_id in job_ids if not store.get(job_id).done]:
        assert time.monotonic() < end, f"{len(left)} jobs never end"
        for job_id in left:
            if claim := store.claim(job_id):
                store.commit(
                    job_id, claim.fence, Completion(status=Status.SUCCEEDED, result=b'{"by":"drain"}')
                )
        time.sleep(0.05)


def check(store: JobStore, chaos: Chaos, job_id: str) -> None:
    events = store.run(calls.events(job_id, TENANT, 0, 1000))
    names = [event.name for event in events]
    assert names[0] == "queued"
    assert [name in TERMINAL for name in names] == [False] * (len(names) - 1) + [True]
    sequences = [event.sequence for event in events]
    assert sequences == sorted(set(sequences))
    assert len(set(chaos.committed.get(job_id, []))) <= 1
    for result in chaos.committed.get(job_id, []):
        assert store.run(calls.get_result(job_id, TENANT)).inline == result
