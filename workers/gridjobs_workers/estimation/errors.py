"""Why an estimate was refused: each error carries what its user needs to act."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]


class EstimationError(Exception):
    """The estimate is impossible with this grid and these measurements."""


class NotObservable(EstimationError):
    """Some buses follow from no measurement.

    Attributes:
        buses: The unobservable buses.
        restoring: Pseudo-measurements that would restore observability, as (kind, bus or branch, side).
        is_enough: Whether they would restore it altogether.
    """

    def __init__(
        self, buses: Ints, restoring: Sequence[tuple[int, ...]] = (), *, is_enough: bool = True
    ) -> None:
        super().__init__(f"{len(buses)} bus(es) follow from no measurement")
        self.buses = buses
        self.restoring = list(restoring)
        self.is_enough = is_enough


class NotConverged(EstimationError):
    """The iteration did not settle, by the fast method nor by the robust one.

    Attributes:
        iterations: Iterations made.
        step_pu: Largest change of the last one [rad, relative].
        residuals_pu: Last residual of each measurement, shape (n_measurement,).
    """

    def __init__(self, iterations: int, step_pu: float, residuals_pu: Floats) -> None:
        super().__init__(f"no convergence in {iterations} iterations, last step {step_pu:.2g}")
        self.iterations = iterations
        self.step_pu = step_pu
        self.residuals_pu = residuals_pu


class ConflictingMeasurements(EstimationError):
    """Measurements contradict what is taken as exact: a zero sigma, or a bus that is both measured and
    constrained.

    Attributes:
        measurements: Rows of the measurements concerned.
    """

    def __init__(self, detail: str, measurements: Ints) -> None:
        super().__init__(detail)
        self.measurements = measurements


class IslandWithoutReference(EstimationError):
    """An island has no voltage measurement, so its voltage level is anybody's guess.

    Attributes:
        islands: The buses of each such island.
    """

    def __init__(self, islands: Sequence[Ints]) -> None:
        super().__init__(f"{len(islands)} island(s) without any voltage measurement")
        self.islands = list(islands)
