"""Access to jobs: `JobStore` for workers and the relay, `AsyncJobStore` for the API.

The store is the truth. Every change is one atomic Lua script (scripts/), described once in calls.py; a broker
message is only a hint that carries a job's id. The way of a job:

    accept -> queued -> claim -> running -> commit -> succeeded | failed | cancelled
                  ^                  |
                  +--- release, or the lease expired (reconciler) --- too many times: failed

- A claim raises the job's fence. `heartbeat`, `release` and `commit` need it, and raise StaleFence when
  another worker has the job, or nobody: then stop computing and write nothing.
- Every call may be repeated (redis-py does when a connection breaks): the second finds the first.
- `cancel` ends a queued job at once. A running one is asked to stop: `heartbeat` says so to its worker, which
  commits `cancelled`. A success that is committed before the worker notices stands.
- `sequence` grows with every visible change of a job and is its ETag. All times are the store's clock.
- All methods raise StoreUnavailable when the store does not answer.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self, TypeVar

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialBackoff
from redis.commands.core import AsyncScript, Script
from redis.retry import Retry

from gridjobs import calls, errors, scripts
from gridjobs.blobs import BlobStore
from gridjobs.calls import Call, is_inline, new_job_id
from gridjobs.events import Event
from gridjobs.model import (
    Accepted,
    Claim,
    Completion,
    Heartbeat,
    Job,
    Page,
    PartRef,
    Result,
    Status,
    Submission,
)
from gridjobs.packing import packed
from gridjobs.problems import Problem, attempts_exhausted
from gridjobs.settings import Settings
from gridjobs.waiting import ChangeFeed

T = TypeVar("T")

SOCKET_TIMEOUT_S: Final = 5.0
MAX_CONNECTIONS: Final = 64  # of one process; whoever finds all busy waits for one
RETRIES: Final = 5


class JobStore:
    """Blocking access, safe to share between threads."""

    def __init__(self, client: redis.Redis, blobs: BlobStore, settings: Settings) -> None:
        self.client = client
        self.blobs = blobs
        self.settings = settings
        self._scripts: dict[str, Script] = {
            name: client.register_script(scripts.source(name)) for name in scripts.names()
        }

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Return a store on the servers that the settings name; it connects when it is first used."""
        pool = redis.BlockingConnectionPool.from_url(
            settings.store_url,
            max_connections=MAX_CONNECTIONS,
            timeout=SOCKET_TIMEOUT_S,
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=SOCKET_TIMEOUT_S,
            retry=Retry(ExponentialBackoff(cap=1.0, base=0.02), RETRIES),
        )
        client = redis.Redis.from_pool(pool)
        return cls(client, BlobStore(settings.effective_blob_url), settings)

    def accept(self, submission: Submission) -> Accepted:
        """Accept a job; raises as AsyncJobStore.accept does."""
        if not is_inline(submission.input):
            self.blobs.put(submission.input)
        return self.run(calls.accept(submission, new_job_id(), self.settings))

    def claim(self, job_id: str) -> Claim | None:
        """Take a queued job under a lease. None: nothing to do (taken, finished, gone); drop the hint.

        Raises:
            BlobMissing: The input is gone; release the attempt.
        """
        claim = self.run(calls.claim(job_id, self.settings.lease_s))
        if claim is None or claim.input:
            return claim
        return Claim(claim.job, claim.fence, self.blobs.get(claim.job.input_digest), claim.resources)

    def heartbeat(self, job_id: str, fence: int, progress: Mapping[str, Any] | None = None) -> Heartbeat:
        """Renew the lease, show progress {"fraction", "stage", "message"}, learn whether to stop.

        Raises StaleFence.
        """
        return self.run(calls.heartbeat(job_id, fence, self.settings.lease_s, progress))

    def commit(self, job_id: str, fence: int, completion: Completion) -> Job:
        """End the job, exactly once; its blobs (parts) must be stored already. Raises StaleFence."""
        if completion.result is not None and not is_inline(packed(completion.result)):
            self.blobs.put(completion.result)
        return self.run(calls.commit(job_id, fence, completion))

    def release(
        self, job_id: str, fence: int, problem: Problem, *, counted: bool = True, delay_s: float = 0.0
    ) -> Job:
        """Give up this attempt; the job is queued again after `delay_s`, or ends.

        It ends as cancelled if that was requested, as failed past its deadline, and as failed with
        `attempts_exhausted` and the last problem's detail when it was the last allowed attempt. One that ends
        without the job's fault (the worker shuts down) is not counted. Raises StaleFence.
        """
        exhausted = attempts_exhausted(problem).to_json()
        return self.run(calls.release(job_id, fence, exhausted, counted, delay_s))

    def get(self, job_id: str, tenant: str = "") -> Job:
        """Read a job; without tenant any. Raises JobNotFound, JobGone."""
        return self.run(calls.get(job_id, tenant))

    def run(self, call: Call[T]) -> T:
        """Make one call to the store."""
        with translated():
            reply = self._scripts[call.script](args=call.args)
        return call.decode(reply)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


class AsyncJobStore:
    """Access on an event loop. `tenant` is the caller's: what belongs to another one does not exist."""

    def __init__(self, client: redis.asyncio.Redis, blobs: BlobStore, settings: Settings) -> None:
        self.client = client
        self.blobs = blobs
        self.settings = settings
        self._scripts: dict[str, AsyncScript] = {
            name: client.register_script(scripts.source(name)) for name in scripts.names()
        }
        self._changes = ChangeFeed(settings.store_url)
        self._turns = asyncio.Semaphore(MAX_CONNECTIONS)  # cheaper than the library's blocking pool

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Return a store on the servers that the settings name; it connects when it is first used."""
        client = redis.asyncio.Redis.from_url(
            settings.store_url,
            max_connections=MAX_CONNECTIONS + 1,
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=SOCKET_TIMEOUT_S,
            retry=AsyncRetry(ExponentialBackoff(cap=1.0, base=0.02), RETRIES),
        )
        return cls(client, BlobStore(settings.effective_blob_url), settings)

    async def accept(self, submission: Submission) -> Accepted:
        """Accept a job durably, in one round trip; after this it is never lost.

        With `creates`, nothing is accepted when the resource is there already: `Accepted.job` is then None.

        Raises:
            IdempotencyConflict: The key was used with another input.
            QueueFull: Too many jobs of the type are queued.
            ResourceNotFound, ResourceNotReady: The input refers to what does not exist or is not `ready`.
            UnroutableName: The tenant or type holds characters that topics do not allow.
        """
        if not is_inline(submission.input):
            await self.blobs.put_async(submission.input)
        return await self.run(calls.accept(submission, new_job_id(), self.settings))

    async def replay(self, submission: Submission) -> Job | None:
        """Find the job that the same submission with the same idempotency key brought before.

        For a caller that would refuse the submission now. Raises IdempotencyConflict.
        """
        return await self.run(calls.replay(submission))

    async def get(self, tenant: str, job_id: str) -> Job:
        """Read a job. Raises JobNotFound, JobGone."""
        return await self.run(calls.get(job_id, tenant))

    async def list_jobs(
        self,
        tenant: str,
        *,
        job_type: str | None = None,
        status: str | None = None,
        labels: Iterable[tuple[str, str]] = (),
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Read a page of jobs, newest first, that match all filters.

        A page may be shorter than `limit` and still have a `next`. Raises InvalidCursor.
        """
        call = calls.list_jobs(
            tenant, job_type=job_type, status=status, labels=labels, limit=limit, cursor=cursor
        )
        return await self.run(call)

    async def cancel(self, tenant: str, job_id: str) -> Job:
        """Cancel a queued job, ask a running one to stop, return a finished one. Raises as `get`."""
        return await self.run(calls.cancel(job_id, tenant))

    async def purge(self, tenant: str, job_id: str) -> None:
        """Remove a finished job. Raises JobNotFound, JobGone, JobNotFinished."""
        await self.run(calls.purge(job_id, tenant))

    async def input(self, tenant: str, job_id: str) -> bytes:
        """Read what was submitted, as canonical JSON. Raises JobNotFound, JobGone, BlobMissing."""
        digest, inline = await self.run(calls.get_input(job_id, tenant))
        return inline if inline is not None else await self.blobs.get_async(digest)

    async def result(self, tenant: str, job_id: str) -> Result:
        """Read the result of a succeeded job.

        Raises:
            JobNotFound, JobGone: There is no such job (any more).
            JobNotFinished: It is still queued or running.
            JobFailed: It has no result, and why.
            ResultExpired: Its result has passed its retention.
        """
        stored = await self._finished(tenant, job_id)
        if stored.job.status is not Status.SUCCEEDED:
            raise errors.JobFailed(stored.job.to_dict().get("error", {}))
        body = stored.inline
        if body is None:
            body = await self.blobs.get_async(stored.job.result_digest or "")
        return Result(stored.job, body, stored.parts)

    async def part(self, tenant: str, job_id: str, name: str) -> PartRef:
        """Find a part of a result, also of a failed job; read it with `blobs`.

        Raises as `result` does (but not JobFailed), and PartNotFound.
        """
        stored = await self._finished(tenant, job_id)
        for part in stored.parts:
            if part.name == name:
                return part
        raise errors.PartNotFound(name)

    async def events(self, tenant: str, job_id: str, after: int = 0, limit: int = 1000) -> list[Event]:
        """Read a job's events with a sequence above `after`, oldest first. Raises JobNotFound, JobGone."""
        return await self.run(calls.events(job_id, tenant, after, limit))

    async def wait_for_change(self, tenant: str, job_id: str, sequence: int, timeout_s: float) -> Job:
        """Return the job once its sequence is above `sequence`, or it is done, or at the time-out.

        Any number may wait: one connection listens for all of a process. Raises JobNotFound, JobGone.
        """
        job = await self.get(tenant, job_id)
        if job.sequence > sequence or job.done:
            return job
        async with self._changes.watch(job_id) as change:
            remaining = self._changes.deadline(timeout_s)
            while True:
                job = await self.get(tenant, job_id)
                if job.sequence > sequence or job.done or not await change.wait(remaining()):
                    return job

    async def follow_events(
        self, tenant: str, job_id: str, after: int = 0, idle_s: float | None = None
    ) -> AsyncIterator[Event | None]:
        """Yield a job's events above `after` as they happen, None after every `idle_s` without one.

        Ends after the terminal event (or `expired`, when asked for what follows it). Raises JobNotFound and
        JobGone before the first.
        """
        async with self._changes.watch(job_id) as change:
            while True:
                events = await self.events(tenant, job_id, after)
                for event in events:
                    after = event.sequence
                    yield event
                if events and events[-1].job.done:
                    return
                if not events and (await self.get(tenant, job_id)).done:
                    return
                if not await change.wait(idle_s):
                    yield None

    async def run(self, call: Call[T]) -> T:
        """Make one call to the store."""
        async with self._turns:
            with translated():
                reply = await self._scripts[call.script](args=call.args)
        return call.decode(reply)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._changes.aclose()
        await self.client.aclose()

    async def _finished(self, tenant: str, job_id: str) -> calls.StoredResult:
        stored = await self.run(calls.get_result(job_id, tenant))
        if not stored.job.done:
            raise errors.JobNotFinished(job_id)
        if stored.job.result_expired:
            raise errors.ResultExpired(job_id)
        return stored


@contextmanager
def translated() -> Iterator[None]:
    """Turn the client library's errors into ours."""
    try:
        yield
    except redis.ResponseError as error:
        if not str(error).startswith(_REFUSALS):
            raise
        raise errors.StoreUnavailable(str(error)) from error
    except redis.RedisError as error:
        raise errors.StoreUnavailable(str(error)) from error


_REFUSALS: Final = ("MISCONF", "OOM", "READONLY", "NOREPLICAS", "LOADING", "BUSY")
