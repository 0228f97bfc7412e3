"""What handlers may use, built once per process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from gridjobs.resources import Resources
from gridjobs.settings import Settings
from gridjobs.store import AsyncJobStore
from gridjobs_api.datasets import Datasets
from gridjobs_api.grids import Grids
from gridjobs_api.metrics import RequestMetrics
from gridjobs_api.readiness import Readiness
from gridjobs_api.waiting import Waiters


@dataclass(slots=True)
class Services:
    """The services of one API process."""

    settings: Settings
    jobs: AsyncJobStore
    grids: Grids
    datasets: Datasets
    waiters: Waiters
    readiness: Readiness
    bundle: Mapping[str, Any]  # the OpenAPI description
    metrics: RequestMetrics = field(default_factory=RequestMetrics)

    @classmethod
    def connect(cls, settings: Settings, bundle: Mapping[str, Any]) -> Self:
        """Build the services; they connect when they are first used."""
        jobs = AsyncJobStore.connect(settings)
        return cls(
            settings=settings,
            jobs=jobs,
            grids=Grids(Resources(jobs, "grid"), jobs.blobs),
            datasets=Datasets(Resources(jobs, "dataset")),
            waiters=Waiters(settings.max_waiters),
            readiness=Readiness(jobs),
            bundle=bundle,
        )
