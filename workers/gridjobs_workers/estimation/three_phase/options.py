"""What a user may choose about a three-phase estimation."""

from dataclasses import dataclass, field

import numpy as np

from gridjobs_workers.estimation.options import BadData, OnUnobservable
from gridjobs_workers.estimation.three_phase.measurements import PhaseMeasurements
from gridjobs_workers.grids.network import Floats, Ints


@dataclass(frozen=True, slots=True)
class PhaseOptions:
    """Choices of a three-phase estimation.

    Attributes:
        observability: What happens when some conductors are not observable.
        candidates: Pseudo-measurements that RESTORE may use.
        reference_bus: Buses whose angle is given, where an island measures none; in order of preference.
        reference_angle_rad: Angles of their phase A [rad].
        balance_sigma_rad: Where nothing tells the angles between the phases, those of the reference bus are taken
            as 120° apart, give or take this. A negative sequence of 1 % makes 0.01 rad, EN 50160 allows 2 %.
        displacement_sigma_pu: Where nothing ties the phases to earth, as on the delta side of a transformer, the
            mean of the three voltages to earth is taken as zero, give or take this.
        tolerance: Distance to the optimum at which the iteration ends [rad, relative].
        max_iterations: Bound on the iteration.
        bad_data: What happens to gross errors.
        false_alarm: Probability that any good measurement of a snapshot is taken for bad.
        max_rejected: Bound on the number of rejected measurements.
    """

    observability: OnUnobservable = OnUnobservable.REQUIRE
    candidates: PhaseMeasurements | None = None
    reference_bus: Ints = field(default_factory=lambda: np.empty(0, np.intp))
    reference_angle_rad: Floats = field(default_factory=lambda: np.empty(0))
    balance_sigma_rad: float = 0.01
    displacement_sigma_pu: float = 0.01
    tolerance: float = 1e-8
    max_iterations: int = 50
    bad_data: BadData = BadData.REJECT
    false_alarm: float = 0.005
    max_rejected: int = 50
