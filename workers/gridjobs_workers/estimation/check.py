"""Whether measurements make sense at all."""

import numpy as np

from gridjobs_workers.estimation.errors import ConflictingMeasurements
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.grids.network import Network

_AT_ODDS = 6.0  # sigmas by which a measured injection contradicts an exact zero


def check(network: Network, measurements: Measurements) -> None:
    """Check measurements against the network and against each other.

    Raises:
        ValueError: A number is not finite, a sigma not positive, or a bus or branch does not exist.
        ConflictingMeasurements: Buses that are to inject nothing are measured to inject.
    """
    m = measurements
    for name, bad in (
        ("value", ~np.isfinite(m.value)),
        ("sigma", ~(np.isfinite(m.sigma) & (m.sigma > 0))),
        ("axis", ~np.isfinite(m.axis_rad)),
        ("side", (m.side < 0) | (m.side > 1)),
    ):
        if bad.any():
            raise ValueError(f"measurement {int(np.flatnonzero(bad)[0])}: its {name} makes no sense")
    limit = np.where(m.at_bus(), network.n_bus, network.n_branch)
    outside = (m.element < 0) | (m.element >= limit)
    if outside.any():
        raise ValueError(f"measurement {int(np.flatnonzero(outside)[0])}: the network has no such element")
    if len(m.zero_injection) and not 0 <= m.zero_injection.min() <= m.zero_injection.max() < network.n_bus:
        raise ValueError("zero injection at a bus that the network does not have")

    injects = np.isin(m.kind, (Kind.P_INJ, Kind.Q_INJ)) & np.isin(m.element, m.zero_injection)
    at_odds = np.flatnonzero(injects & (np.abs(m.value) > _AT_ODDS * m.sigma))
    if len(at_odds):
        raise ConflictingMeasurements("buses taken for zero injections are measured to inject", at_odds)
