"""What an estimate says."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.islands import Islands
from gridjobs_workers.estimation.measurements import Measurements
from gridjobs_workers.estimation.observability import Observability
from gridjobs_workers.estimation.quantities import Quantities
from gridjobs_workers.estimation.wls import State
from gridjobs_workers.grids.network import Floats, Ints

Bools = NDArray[np.bool_]


class Status(IntEnum):
    """What became of a measurement."""

    USED = 0
    REJECTED = 1  # identified as bad data
    UNUSED = 2  # outside the observable part


@dataclass(frozen=True, slots=True)
class MeasurementReport:
    """What the estimate says about each measurement, shape (n_measurement,) each; NaN where it is unused.

    The measurements given come first, then those added to restore observability.

    Attributes:
        measurements: The measurements themselves.
        status: `Status`.
        residual_pu: Measured less estimated value.
        normalized_residual: |residual| over its standard deviation; 0 for a critical measurement. Of a
            rejected
            one: over the standard deviation of measured less estimated value.
        redundancy: Variance of the residual over σ²: 0 for a critical measurement, towards 1 where many
            others check it.
        noticed_sigma: Size of an error [σ] that is noticed with a probability of 99 %; inf for a critical
            one.
        is_critical: Whether no error of it can be noticed.
        critical_set: Number of the critical set it belongs to, in which errors are noticed but not located;
            -1.
    """

    measurements: Measurements
    status: Ints
    residual_pu: Floats
    normalized_residual: Floats
    redundancy: Floats
    noticed_sigma: Floats
    is_critical: Bools
    critical_set: Ints


@dataclass(frozen=True, slots=True)
class BadDataReport:
    """What is wrong with the data.

    Attributes:
        limit: Normalized residual from which on a measurement is suspect.
        rejected: Measurements rejected.
        released_zero_injections: Buses taken for zero injections that are found to inject; their zero is
            given up.
        unlocated: Groups of measurements: an error is in each, no method tells in which member.
        suspects: Measurements in use whose normalized residual still exceeds the limit.
        is_exhausted: Whether rejection ended at its bound.
        suspect_branches: Branches around which bad data cluster: a wrong switch state or wrong parameters?
        suspect_zero_injections: Buses taken for zero injections that seem to inject, the released ones
            included.
    """

    limit: float
    rejected: Ints
    released_zero_injections: Ints
    unlocated: list[Ints]
    suspects: Ints
    is_exhausted: bool
    suspect_branches: Ints
    suspect_zero_injections: Ints


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate.

    Attributes:
        quantities: Voltages, powers and currents with their sigmas; NaN where not observable.
        measurements: What it says about each measurement.
        bad_data: What is wrong with the data.
        objective: J, the sum of r²/σ² over the measurements in use.
        degrees_of_freedom: Measurements in use and exact zeros (two a bus) in excess of the unknowns.
        chi2_limit: What J exceeds with a probability of 1 − confidence if the sigmas are true.
        iterations: Iterations of the final estimate.
        step: Its last change [rad, relative].
        islands: Islands of what was estimated, by the buses in `bus`.
        bus: Buses of the network that were estimated.
        observability: What the given measurements alone determine.
        restored_by: Candidates that were added.
    """

    quantities: Quantities
    measurements: MeasurementReport
    bad_data: BadDataReport
    objective: float
    degrees_of_freedom: int
    chi2_limit: float
    iterations: int
    step: float
    islands: Islands
    bus: Ints
    observability: Observability
    restored_by: Ints

    @property
    def passes_chi2(self) -> bool:
        """Whether J is as small as the sigmas promise."""
        return self.objective <= self.chi2_limit

    @property
    def state(self) -> State:
        """The voltages, to start the next snapshot from."""
        return State(self.quantities.angle_rad, self.quantities.vm_pu)
