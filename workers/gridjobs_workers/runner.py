"""Claim, run in the child, commit: the only place that knows attempts, leases and fences."""

import time
from collections.abc import Callable
from threading import Event
from typing import Protocol, TypeVar

import structlog

from gridjobs.errors import BlobStoreUnavailable, StaleFence, StoreUnavailable
from gridjobs.model import Claim, Completion, Heartbeat
from gridjobs.problems import Problem
from gridjobs_workers.attempt import Abandoned, Attempt, Broken, Pace, Progress, Verdict
from gridjobs_workers.frames import Frame
from gridjobs_workers.slot import Slot

RETRY_PAUSE_S = 0.2
RETRY_PAUSE_MAX_S = 5.0

Answer = TypeVar("Answer")
log = structlog.get_logger(__name__)


class Store(Protocol):
    """What a runner needs of `gridjobs.store.JobStore`."""

    def claim(self, job_id: str, worker: str) -> Claim | None:
        """Take a queued job; None when it does not wait."""

    def heartbeat(self, claim: Claim, progress: Progress | None = None) -> Heartbeat:
        """Renew the lease."""

    def commit(self, claim: Claim, completion: Completion) -> object:
        """End the job."""

    def release(self, claim: Claim, problem: Problem | None) -> object:
        """End the attempt: another follows, unless this was the last that the job may have."""


class Runner:
    """Takes hints, one at a time."""

    def __init__(self, store: Store, slot: Slot, pace: Pace, worker: str) -> None:
        self.store = store
        self.slot = slot
        self.pace = pace
        self.worker = worker
        self.stopping = Event()

    def run(self, job_id: str) -> None:
        """Follow a hint: run the job if it still waits for somebody, and write down how it ended.

        Returns in any case; a hint that cannot be followed is given again by the reconciler.
        """
        claim = self._insist(lambda: self.store.claim(job_id, self.worker))
        if claim is None:
            return
        try:
            verdict = self._attempt(claim)
            self._insist(lambda: self._settle(claim, verdict))
        except StaleFence:
            log.warning("lost the job to another worker", job_id=job_id, fence=claim.fence)

    def stop(self) -> None:
        """Let go of the running job at its next heartbeat, and do not wait for a store that is away."""
        self.stopping.set()

    def _attempt(self, claim: Claim) -> Verdict:
        job = claim.job
        fields = {"job_id": job.id, "type": job.type, "tenant": job.tenant, "attempt": job.attempt}
        task = Frame("task", {**fields, "resources": claim.resources}, claim.input)
        left_s = None if job.deadline_at is None else job.deadline_at.timestamp() - time.time()
        attempt = Attempt(
            self.slot, lambda progress: self._beat(claim, progress), self.pace, self.stopping.is_set
        )
        return attempt.run(job.id, task, left_s)

    def _beat(self, claim: Claim, progress: Progress | None) -> Heartbeat:
        try:
            return self.store.heartbeat(claim, progress)
        except StoreUnavailable as error:
            # The work goes on: whether the lease outlived the outage, the store will say when it is back.
            log.warning("no heartbeat", job_id=claim.job.id, error=str(error))
            return Heartbeat(cancel_requested=False, deadline_passed=False)

    def _settle(self, claim: Claim, verdict: Verdict) -> None:
        match verdict:
            case Completion():
                self.store.commit(claim, verdict)
            case Broken(problem):
                log.warning(
                    "attempt failed", job_id=claim.job.id, attempt=claim.job.attempt, code=problem.code
                )
                self.store.release(claim, problem)
            case Abandoned():
                self.store.release(claim, None)

    def _insist(self, action: Callable[[], Answer]) -> Answer | None:
        """Repeat until the store answers, or the worker is to stop; every action may safely run twice."""
        pause_s = RETRY_PAUSE_S
        while True:
            try:
                return action()
            except (StoreUnavailable, BlobStoreUnavailable) as error:
                if self.stopping.wait(pause_s):
                    log.warning("gave up on the store", error=str(error))
                    return None
            pause_s = min(2 * pause_s, RETRY_PAUSE_MAX_S)
