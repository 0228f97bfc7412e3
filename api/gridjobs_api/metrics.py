"""What Prometheus reads: how long requests take here, and how the jobs stand in the store."""

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gridjobs.calls import Call
from gridjobs.store import AsyncJobStore

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class RequestMetrics:
    """Durations of the requests of one process, by operation and status."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.durations = Histogram(
            "gridjobs_http_request_duration_seconds",
            "Time from request to answer, by operation and status",
            ("operation", "status"),
            registry=self.registry,
            buckets=BUCKETS_S,
        )
        self._children: dict[tuple[str, int], Histogram] = {}

    def observe(self, operation: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        child = self._children.get((operation, status))
        if child is None:
            child = self._children[operation, status] = self.durations.labels(operation, str(status))
        child.observe(seconds)


class Snapshot(Collector):
    """Gauges as they were when the store was asked."""

    def __init__(
        self, jobs: Mapping[tuple[str, str], int], depth: Mapping[str, int], age_s: Mapping[str, float]
    ) -> None:
        self.jobs = jobs
        self.depth = depth
        self.age_s = age_s

    def collect(self) -> Iterable[Metric]:
        """Yield the metric families."""
        jobs = GaugeMetricFamily("gridjobs_jobs", "Jobs by type and status", labels=("type", "status"))
        for (job_type, status), count in self.jobs.items():
            jobs.add_metric((job_type, status), count)
        yield jobs
        yield _by_type("gridjobs_queue_depth", "Jobs that wait, by type", self.depth)
        yield _by_type("gridjobs_queue_age_seconds", "How long the first of them has waited", self.age_s)


def _by_type(name: str, text: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=("type",))
    for job_type, value in values.items():
        family.add_metric((job_type,), value)
    return family


async def snapshot(jobs: AsyncJobStore) -> Snapshot:
    """Ask the store how the jobs stand."""
    return await jobs.run(Call("stats", (), _snapshot))


def _snapshot(reply: list[Any]) -> Snapshot:
    counts, oldest = reply[0], reply[2]
    jobs = {_split(name): int(count) for name, count in _pairs(counts)}
    depth = {job_type: count for (job_type, status), count in jobs.items() if status == "queued"}
    return Snapshot(jobs, depth, {name.decode(): int(age_ms) / 1000 for name, age_ms in _pairs(oldest)})


def _pairs(flat: list[bytes]) -> Iterable[tuple[bytes, bytes]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _split(name: bytes) -> tuple[str, str]:
    job_type, _, status = name.decode().rpartition(":")
    return job_type, status


def exposition(requests: RequestMetrics, snapshot: Snapshot) -> bytes:
    """Write everything in the Prometheus text format."""
    registry = CollectorRegistry()
    registry.register(snapshot)
    return generate_latest(requests.registry) + generate_latest(registry)
