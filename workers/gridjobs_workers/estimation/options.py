"""What a user may choose about an estimation."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from gridjobs_workers.estimation.measurements import Measurements
from gridjobs_workers.grids.network import Floats, Ints


class OnUnobservable(StrEnum):
    """What happens when some buses follow from no measurement."""

    REQUIRE = "require"  # raise NotObservable
    RESTORE = "restore"  # add the fewest candidates that help
    PARTIAL = "partial"  # estimate what can be


class BadData(StrEnum):
    """What happens to gross errors."""

    OFF = "off"
    DETECT = "detect"  # report suspects
    REJECT = "reject"  # and leave out those that are identified beyond doubt


@dataclass(frozen=True, slots=True)
class Options:
    """Choices of an estimation.

    Attributes:
        observability: What happens when some buses are not observable.
        candidates: Pseudo-measurements that RESTORE may use.
        reference_bus: Buses whose angle is given, where an island measures none; in order of preference.
        reference_angle_rad: Their angles [rad].
        tolerance: Distance to the optimum at which the iteration ends [rad, relative].
        max_iterations: Bound on the iteration.
        bad_data: What happens to gross errors.
        false_alarm: Probability that any good measurement of a snapshot is suspect; sets the limit of
            normalized residuals by the number of measurements (4.3 for 300, 5.2 for 25,000).
        suspect_from: That limit itself, instead.
        clear_odds: A measurement is rejected when no other explanation of the residuals is more likely than
            one in so many.
        confidence: Of the χ² test.
        max_rejected: Bound on the number of rejected measurements.
    """

    observability: OnUnobservable = OnUnobservable.REQUIRE
    candidates: Measurements | None = None
    reference_bus: Ints = field(default_factory=lambda: np.empty(0, np.intp))
    reference_angle_rad: Floats = field(default_factory=lambda: np.empty(0))
    tolerance: float = 1e-8
    max_iterations: int = 50
    bad_data: BadData = BadData.REJECT
    false_alarm: float = 0.005
    suspect_from: float | None = None
    clear_odds: float = 5.0
    confidence: float = 0.99
    max_rejected: int = 50
