"""What a warm child keeps between estimations that have the same meters: the prepared problem and its analysis."""

from collections.abc import Hashable
from dataclasses import fields

from gridjobs_workers.cache import Recent
from gridjobs_workers.estimation.estimate import Estimator
from gridjobs_workers.estimation.measurements import Measurements
from gridjobs_workers.estimation.options import Options
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.estimation.wire.sight import Sight, sight

ARRANGEMENT = ("kind", "element", "side", "is_pseudo", "axis_rad", "zero_injection")
CHOICES = tuple(
    f.name for f in fields(Options) if f.name not in ("candidates", "reference_bus", "reference_angle_rad")
)


class Kept:
    """Bounded memory of prepared problems, by grid, meters and choices."""

    def __init__(self) -> None:
        self._estimators = Recent(capacity=8)
        self._sights = Recent(capacity=32)

    def estimator(self, grid: str, scene: Scene, measurements: Measurements, options: Options) -> Estimator:
        """Return an estimator for this arrangement of meters; raises what building one raises."""
        key = (_arrangement(grid, measurements, options), measurements.sigma.tobytes())
        return self._estimators.get(
            key, lambda: Estimator(scene.network, measurements, options, scene.structure)
        )

    def sight(
        self, grid: str, scene: Scene, measurements: Measurements, options: Options, estimator: Estimator
    ) -> Sight:
        """Return what the measurements determine without assumptions."""
        observability = estimator.prepared.observability
        return self._sights.get(
            _arrangement(grid, measurements, options),
            lambda: sight(measurements, observability, options, scene),
        )


def _arrangement(grid: str, measurements: Measurements, options: Options) -> Hashable:
    meters = tuple(getattr(measurements, name).tobytes() for name in ARRANGEMENT)
    return grid, meters, tuple(getattr(options, name) for name in CHOICES)
