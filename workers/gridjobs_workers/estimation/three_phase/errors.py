"""Why a three-phase estimate was refused, beyond what `estimation.errors` says."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.errors import NotObservable

Ints = NDArray[np.intp]


class PhasesNotObservable(NotObservable):
    """Some conductors follow from no measurement.

    Attributes:
        buses: Buses with such a conductor.
        conductors: (bus, conductor) of each unobservable phase node, shape (n, 2).
        restoring: Pseudo-measurements that would restore observability, as (kind, bus).
        restoring_at: The same as (kind, bus, at), see `measurements.At`.
    """

    def __init__(self, conductors: Ints, restoring: Sequence[tuple[int, int, int]] = ()) -> None:
        super().__init__(np.unique(conductors[:, 0]), [(kind, bus) for kind, bus, _ in restoring])
        self.conductors = conductors
        self.restoring_at = list(restoring)
