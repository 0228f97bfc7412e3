"""A worker slot as a process of its own: consumes hints of some job types and runs one job at a time."""

import os
import signal
import sys
from collections.abc import Sequence
from threading import Event, Timer

import structlog
from dramatiq import Worker

from gridjobs import broker as brokers
from gridjobs import logs
from gridjobs.settings import Settings
from gridjobs.store import JobStore
from gridjobs.supervisor import Service
from gridjobs_workers import registry
from gridjobs_workers.attempt import Pace
from gridjobs_workers.runner import Runner
from gridjobs_workers.slot import Slot

MB = 10**6

log = structlog.get_logger(__name__)


class NothingToServe(Exception):
    """None of the job types asked for can be run in this environment."""


def served(settings: Settings, job_types: Sequence[str] = ()) -> dict[str, str]:
    """Return the actors of the job types to be served, all by default.

    Raises:
        NothingToServe: One that was asked for, or every one, has no actor here.
    """
    known = registry.actors(settings.extra_actors)
    if missing := set(job_types) - known.keys():
        raise NothingToServe(
            f"no actor for {', '.join(sorted(missing))}; there are {', '.join(known) or 'none'}"
        )
    if not known:
        raise NothingToServe("no actor at all; install gridjobs[workers]")
    return {kind: entry for kind, entry in known.items() if not job_types or kind in job_types}


def slots(settings: Settings, job_types: Sequence[str] = (), count: int = 0) -> list[Service]:
    """Return the worker's processes, one per slot, for a supervisor; the settings fill in what is not given.

    Raises:
        NothingToServe: As `served` does.
    """
    job_types = job_types or [name for name in settings.worker_types.split(",") if name]
    served(settings, job_types)
    count = count or settings.worker_slots or os.cpu_count() or 1
    command = [sys.executable, "-m", "gridjobs_workers.main", ",".join(job_types)]
    grace_s = settings.drain_s + 5
    return [Service(f"worker-{n}", command, grace_s=grace_s, stage=1) for n in range(1, count + 1)]


def run_slot(settings: Settings, job_types: Sequence[str] = ()) -> None:
    """Serve until SIGTERM; then finish the running job, or give it back when it takes too long."""
    actors = served(settings, job_types)
    slot = Slot(actors, memory_bytes=settings.memory_limit_mb * MB, jobs_per_child=settings.jobs_per_child)
    pace = Pace(settings.heartbeat_s, settings.cancel_grace_s, settings.job_timeout_s)
    runner = Runner(JobStore.connect(settings), slot, pace)
    slot.start()
    broker = brokers.connect(settings.store_url if settings.embedded else settings.broker_url)
    brokers.serve(broker, list(actors), runner.run)
    worker = Worker(broker, worker_threads=1)
    worker.queue_prefetch = 1
    told_to_end = Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: runner.stop() if told_to_end.is_set() else told_to_end.set())
    worker.start()
    log.info("worker started", job_types=list(actors), pid=os.getpid())
    told_to_end.wait()
    _drain(worker, runner, settings.drain_s)
    slot.stop()
    broker.close()


def _drain(worker: Worker, runner: Runner, drain_s: float) -> None:
    patience = Timer(drain_s, runner.stop)
    patience.daemon = True
    patience.start()
    worker.stop(timeout=round(1000 * (drain_s + 4)))
    patience.cancel()


if __name__ == "__main__":
    logs.configure(Settings())
    run_slot(Settings(), [name for name in sys.argv[1].split(",") if name])
