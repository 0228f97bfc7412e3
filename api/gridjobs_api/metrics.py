"""What Prometheus reads: how long requests take here, and how the jobs stand in the store."""

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from gridjobs.metrics import Stats, StatsCollector

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


def exposition(requests: RequestMetrics, stats: Stats) -> bytes:
    """Write the durations of this process and the state of all jobs in the Prometheus text format."""
    registry = CollectorRegistry()
    registry.register(StatsCollector(stats))
    return generate_latest(requests.registry) + generate_latest(registry)
