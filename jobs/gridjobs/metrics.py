"""Metrics about all jobs, read from the store in one call when somebody scrapes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gridjobs import calls
from gridjobs.store import AsyncJobStore, JobStore


@dataclass(frozen=True, slots=True)
class Stats:
    """What is in the store, in numbers."""

    jobs: dict[tuple[str, str], int]  # (type, status) -> how many now
    totals: dict[tuple[str, str], int]  # (type, what happened) -> how often, ever
    oldest_queued_s: dict[str, float]  # type -> how long its oldest queued job has waited
    outbox_hints: int
    outbox_events: int


def read(store: JobStore) -> Stats:
    """Read the numbers; raises StoreUnavailable."""
    return _stats(*store.run(calls.stats()))


async def read_async(store: AsyncJobStore) -> Stats:
    """Read the numbers without blocking; raises StoreUnavailable."""
    return _stats(*await store.run(calls.stats()))


class StatsCollector(Collector):
    """Gives numbers that were read already to prometheus_client."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        """Yield one metric family after another."""
        stats = self._stats
        yield _gauge("gridjobs_jobs", "Jobs in the store", ("type", "status"), stats.jobs.items())
        totals = CounterMetricFamily(
            "gridjobs_job_changes", "What has happened to jobs", labels=("type", "what")
        )
        for labels, value in stats.totals.items():
            totals.add_metric(labels, value)
        yield totals
        waiting = (((job_type,), age_s) for job_type, age_s in stats.oldest_queued_s.items())
        yield _gauge("gridjobs_oldest_queued_seconds", "Wait of the oldest queued job", ("type",), waiting)
        outbox = ((("hints",), stats.outbox_hints), (("events",), stats.outbox_events))
        yield _gauge("gridjobs_outbox_entries", "What the relay has still to publish", ("stream",), outbox)


def _gauge(
    name: str, help_text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _stats(
    counts: dict[str, int], totals: dict[str, int], oldest_ms: dict[str, int], outbox: tuple[int, int]
) -> Stats:
    return Stats(
        jobs={_pair(name): value for name, value in counts.items()},
        totals={_pair(name): value for name, value in totals.items()},
        oldest_queued_s={job_type: age_ms / 1000 for job_type, age_ms in oldest_ms.items()},
        outbox_hints=outbox[0],
        outbox_events=outbox[1],
    )


def _pair(name: str) -> tuple[str, str]:
    job_type, _, what = name.partition(":")
    return job_type, what
