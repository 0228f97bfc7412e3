"""Claim, run in the child, commit: the only place that knows attempts, leases and fences."""

import time
from collections.abc import Callable
from functools import partial
from threading import Event
from typing import TypeVar

import structlog

from gridjobs import calls
from gridjobs.errors import BlobMissing, BlobStoreUnavailable, StaleFence, StoreUnavailable
from gridjobs.model import Claim, Completion, Heartbeat
from gridjobs.problems import Problem
from gridjobs.store import JobStore
from gridjobs_workers.attempt import Abandoned, Attempt, Broken, Pace, Progress, Verdict
from gridjobs_workers.frames import Frame
from gridjobs_workers.slot import Slot

RETRY_PAUSE_S = 0.2
RETRY_PAUSE_MAX_S = 5.0
SHUTDOWN = Problem("worker_shutdown", "the worker was told to end", retryable=True)

Answer = TypeVar("Answer")
log = structlog.get_logger(__name__)


class Runner:
    """Takes hints, one at a time."""

    def __init__(self, store: JobStore, slot: Slot, pace: Pace) -> None:
        self.store = store
        self.slot = slot
        self.pace = pace
        self.stopping = Event()

    def run(self, job_id: str) -> None:
        """Follow a hint: run the job if it still waits for somebody, and write down how it ended.

        Returns in any case; a hint that cannot be followed is given again by the reconciler.
        """
        call = calls.claim(job_id, self.store.settings.lease_s)  # once: its token makes it safe to repeat
        claim = self._insist(lambda: self.store.run(call))
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
        try:
            body = claim.input or self.store.blobs.get(job.input_digest)
        except (BlobMissing, BlobStoreUnavailable) as error:
            return Broken(Problem("input_unavailable", f"the job's input cannot be read: {error}"))
        fields = {"job_id": job.id, "type": job.type, "tenant": job.tenant, "attempt": job.attempt}
        task = Frame("task", {**fields, "resources": claim.resources}, body)
        left_s = None if job.deadline_at is None else job.deadline_at.timestamp() - time.time()
        beat = partial(self._beat, claim)
        return Attempt(self.slot, beat, self.pace, self.stopping.is_set).run(job.id, task, left_s)

    def _beat(self, claim: Claim, progress: Progress | None) -> Heartbeat:
        try:
            return self.store.heartbeat(claim.job.id, claim.fence, progress)
        except StoreUnavailable as error:
            # The work goes on: whether the lease outlived the outage, the store will say when it is back.
            log.warning("no heartbeat", job_id=claim.job.id, error=str(error))
            return Heartbeat(cancel_requested=False, deadline_passed=False)

    def _settle(self, claim: Claim, verdict: Verdict) -> None:
        job = claim.job
        match verdict:
            case Completion():
                self.store.commit(job.id, claim.fence, verdict)
            case Broken(problem):
                log.warning("attempt failed", job_id=job.id, attempt=job.attempt, code=problem.code)
                pause_s = self.store.settings.retry_delay_s * 2 ** (job.attempt - 1)
                self.store.release(job.id, claim.fence, problem, delay_s=pause_s)
            case Abandoned():
                self.store.release(job.id, claim.fence, SHUTDOWN, counted=False)

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
