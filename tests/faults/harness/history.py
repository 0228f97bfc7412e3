"""What was promised, what was seen, and whether the two agree.

The promises (docs, README): an accepted job is never lost; it reaches exactly one terminal state, committed once;
events come at least once with a stable id and stable bytes; nobody who lost a job writes to it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

TERMINAL = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A 202: the client was promised that this job will end."""

    key: str  # the idempotency key
    job_id: str
    expect: frozenset[str]  # statuses that may come out, or `failed:code`
    value: str = ""  # what a success must echo


@dataclass(frozen=True, slots=True)
class Seen:
    """A job as somebody saw it at some time, in the order of seeing."""

    job_id: str
    sequence: int
    status: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Ending:
    """A job as it stands after everything."""

    job: dict[str, Any]  # the contract's Job
    result: bytes | None  # the body, when succeeded


@dataclass(slots=True)
class History:
    """All that was recorded of one run."""

    accepted: list[Accepted] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    endings: dict[str, Ending] = field(default_factory=dict)
    logs: dict[str, list[bytes]] = field(default_factory=dict)  # each job's own event log, as CloudEvents
    delivered: list[bytes] = field(default_factory=list)  # what subscribers got
    delivery_complete: bool = True  # whether the subscription outlives every fault
    runs: list[tuple[str, int, str]] = field(default_factory=list)  # job, attempt, nonce of each computation


def violations(history: History) -> list[str]:
    """Return every broken promise, in words; an empty list is a pass."""
    return [
        *_lost(history),
        *_accepted_twice(history),
        *_unexpected_endings(history),
        *_stale_results(history),
        *_digests(history),
        *_logs(history),
        *_deliveries(history),
        *_observations(history),
    ]


def _lost(history: History) -> Iterator[str]:
    for accepted in history.accepted:
        ending = history.endings.get(accepted.job_id)
        if ending is None:
            yield f"{accepted.job_id}: accepted, and now unknown"
        elif ending.job["status"] not in TERMINAL:
            yield f"{accepted.job_id}: accepted, and still {ending.job['status']}"


def _accepted_twice(history: History) -> Iterator[str]:
    jobs = defaultdict(set)
    for accepted in history.accepted:
        jobs[accepted.key].add(accepted.job_id)
    for key, ids in jobs.items():
        if len(ids) > 1:
            yield f"one idempotency key made {len(ids)} jobs: {key} {sorted(ids)}"


def _unexpected_endings(history: History) -> Iterator[str]:
    for accepted, ending in _ended(history):
        status, code = ending.job["status"], ending.job.get("error", {}).get("code")
        if not accepted.expect & {status, f"{status}:{code}"}:
            yield f"{accepted.job_id}: ended as {status} ({code}), expected {sorted(accepted.expect)}"


def _stale_results(history: History) -> Iterator[str]:
    """A result must come from the computation of the job's last attempt: an older one had lost its fence."""
    runs = {(job, nonce): attempt for job, attempt, nonce in history.runs}
    for accepted, ending in _ended(history):
        if ending.result is None:
            continue
        result = orjson.loads(ending.result)
        attempt = runs.get((accepted.job_id, result.get("nonce")))
        if attempt is None:
            yield f"{accepted.job_id}: nobody computed its result"
        elif attempt != ending.job["attempt"] or result["attempt"] != attempt:
            yield f"{accepted.job_id}: attempt {ending.job['attempt']} ended with the result of attempt {attempt}"
        if result.get("echo") != accepted.value:
            yield f"{accepted.job_id}: the result belongs to another input"


def _digests(history: History) -> Iterator[str]:
    for accepted, ending in _ended(history):
        claimed = ending.job.get("result_digest")
        real = None if ending.result is None else hashlib.sha256(ending.result).hexdigest()
        if claimed != real:
            yield f"{accepted.job_id}: result digest {claimed}, but the result's is {real}"


def _logs(history: History) -> Iterator[str]:
    for accepted in history.accepted:
        events = [orjson.loads(raw) for raw in history.logs.get(accepted.job_id, [])]
        names = [event["type"].split(".")[-2] for event in events]
        sequences = [event["data"]["sequence"] for event in events]
        attempts = [event["data"]["attempt"] for event in events if event["type"].endswith("started.v1")]
        if sum(name in TERMINAL for name in names) != 1 or names[-1] not in TERMINAL:
            yield f"{accepted.job_id}: its log does not end with its one terminal event: {names}"
        if sequences != sorted(set(sequences)):
            yield f"{accepted.job_id}: sequences do not grow: {sequences}"
        if attempts != list(range(1, len(attempts) + 1)):
            yield f"{accepted.job_id}: attempts are not counted one by one: {attempts}"
        ending = history.endings.get(accepted.job_id)
        if events and ending and _core(events[-1]["data"]) != _core(ending.job):
            yield f"{accepted.job_id}: the terminal event and the job disagree"


def _deliveries(history: History) -> Iterator[str]:
    logged = {orjson.loads(raw)["id"]: raw for log in history.logs.values() for raw in log}
    terminal = defaultdict(set)
    for raw in history.delivered:
        event = orjson.loads(raw)
        if logged.get(event["id"]) != raw:
            yield f"event {event['id']}: delivered with other bytes than the log has"
        if event["type"].split(".")[-2] in TERMINAL:
            terminal[event["subject"]].add(event["id"])
    for job, ids in terminal.items():
        if len(ids) > 1:
            yield f"{job}: {len(ids)} different terminal events were delivered"
    if history.delivery_complete:
        for accepted in history.accepted:
            if not terminal[accepted.job_id]:
                yield f"{accepted.job_id}: its terminal event was never delivered"


def _observations(history: History) -> Iterator[str]:
    latest: dict[str, Seen] = {}
    ended = {job_id: ending.job for job_id, ending in history.endings.items()}
    final = [Seen(job_id, job["sequence"], job["status"], job["attempt"]) for job_id, job in ended.items()]
    for seen in [*history.seen, *final]:
        before = latest.get(seen.job_id, seen)
        if seen.sequence < before.sequence or seen.attempt < before.attempt:
            yield f"{seen.job_id}: went back from {before} to {seen}"
        if before.status in TERMINAL and seen.status != before.status:
            yield f"{seen.job_id}: was {before.status}, later {seen.status}"
        latest[seen.job_id] = seen


def _ended(history: History) -> Iterator[tuple[Accepted, Ending]]:
    for accepted in history.accepted:
        ending = history.endings.get(accepted.job_id)
        if ending is not None and ending.job["status"] in TERMINAL:
            yield accepted, ending


def _core(job: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(job.get(name) for name in ("id", "status", "attempt", "sequence", "result_digest", "error"))


def summary(history: History) -> str:
    """Say what happened, for the log."""
    endings: dict[str, int] = defaultdict(int)
    for ending in history.endings.values():
        endings[ending.job["status"]] += 1
    attempts: Sequence[int] = [ending.job["attempt"] for ending in history.endings.values()]
    repeated = sum(attempt > 1 for attempt in attempts)
    return (
        f"{len(history.accepted)} accepted, {dict(endings)}, {len(history.runs)} computations, "
        f"{repeated} jobs tried more than once (at most {max(attempts, default=0)} times), "
        f"{len(history.delivered)} events delivered"
    )
