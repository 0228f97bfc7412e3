"""What the measurements determine without any assumption."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from gridjobs_workers.estimation.errors import EstimationError
from gridjobs_workers.estimation.measurements import Measurements
from gridjobs_workers.estimation.observability import Observability
from gridjobs_workers.estimation.options import OnUnobservable, Options
from gridjobs_workers.estimation.prepare import prepare
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.grids.network import Ints


@dataclass(frozen=True, slots=True)
class Sight:
    """Observability by measurements alone.

    Attributes:
        observable: Whether they determine everything.
        n_island: Number of observable islands.
        unobservable: Buses of the network that they leave open.
        restored_by: Assumed measurements (rows of all) that close the gap, none of them superfluous.
    """

    observable: bool
    n_island: int
    unobservable: Ints
    restored_by: Ints

    @classmethod
    def of(cls, found: Observability, restored_by: Ints) -> Self:
        """Take over what the core found."""
        return cls(found.deficiency == 0, found.n_island, found.unobservable, restored_by)


def sight(measurements: Measurements, estimated: Observability, options: Options, scene: Scene) -> Sight:
    """Look at the measurements without the assumed ones.

    Args:
        measurements: All that were used, assumed ones included.
        estimated: What all of them determine.
        options: Of the estimate.
        scene: The grid.
    """
    assumed = np.flatnonzero(measurements.is_pseudo)
    if not len(assumed):
        return Sight.of(estimated, assumed)
    real = measurements.rows(~measurements.is_pseudo)
    restoring = replace(options, observability=OnUnobservable.RESTORE, candidates=measurements.rows(assumed))
    try:
        found = prepare(scene.network, real, restoring, scene.structure)
    except EstimationError:  # nothing is measured in some island
        everything = np.arange(scene.network.n_bus)
        return Sight(False, 0, everything, assumed)
    return Sight.of(found.observability, assumed[found.restored_by])
