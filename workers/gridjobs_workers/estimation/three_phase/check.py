"""Whether measurements of phases make sense at all."""

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.errors import ConflictingMeasurements
from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.three_phase.measurements import MAGNITUDES, N_KIND, At, PhaseMeasurements
from gridjobs_workers.grids.three_phase import N_CONDUCTOR, ThreePhaseNetwork

Bools = NDArray[np.bool_]

_AT_ODDS = 6.0  # sigmas by which a measured injection contradicts an exact zero


def usable(network: ThreePhaseNetwork, m: PhaseMeasurements) -> Bools:
    """Whether each measurement says anything: a finite value and a finite sigma.

    Raises:
        ValueError: A bus, branch, side, conductor or kind that does not exist, an axis that is not finite.
        ConflictingMeasurements: A sigma that is not positive, a negative magnitude, or equipment measured to feed
            where none is taken to be.
    """
    _check_places(network, m)
    _refuse(m, ~(m.sigma > 0), "a sigma is not positive")
    _refuse(m, np.isin(m.kind, (Kind.V_MAG, *MAGNITUDES)) & (m.value < 0), "a magnitude is negative")
    phase = (m.at < At.N) | ((m.at >= At.AN) & (m.at < At.ABC))
    code = N_CONDUCTOR * m.element + m.at % At.AN
    injects = np.isin(m.kind, (Kind.P_INJ, Kind.Q_INJ)) & phase & np.isin(code, m.zero_injection)
    _refuse(m, injects & (np.abs(m.value) > _AT_ODDS * m.sigma), "zero injections are measured to inject")
    return np.isfinite(m.value) & np.isfinite(m.sigma)


def _refuse(m: PhaseMeasurements, wrong: Bools, why: str) -> None:
    rows = np.flatnonzero(wrong & ~np.isnan(m.value))
    if len(rows):
        raise ConflictingMeasurements(why, rows)


def _check_places(network: ThreePhaseNetwork, m: PhaseMeasurements) -> None:
    limit = np.where(m.at_branch(), network.n_branch, network.n_bus)
    for what, wrong in (
        ("kind", (m.kind < 0) | (m.kind >= N_KIND)),
        ("element", (m.element < 0) | (m.element >= limit)),
        ("conductor", (m.at < 0) | (m.at >= len(At))),
        ("side", (m.side < 0) | (m.side > 1)),
        ("axis", ~np.isfinite(m.axis_rad)),
    ):
        if wrong.any():
            raise ValueError(f"measurement {int(np.flatnonzero(wrong)[0])}: its {what} makes no sense")
    for name, codes, size in (
        ("zero injection", m.zero_injection, N_CONDUCTOR * network.n_bus),
        ("closed neutral", m.closed_neutral, network.n_bus),
    ):
        if len(codes) and not 0 <= codes.min() <= codes.max() < size:
            raise ValueError(f"a {name} where the network has no bus")
