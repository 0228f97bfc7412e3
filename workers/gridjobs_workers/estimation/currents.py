"""The direction of a current before anything is known about it."""

import numpy as np

from gridjobs_workers.estimation.islands import Islands
from gridjobs_workers.estimation.layout import metered_bus
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.grids.network import Floats, Network

_POWER_FACTOR_ANGLE = np.arccos(0.95)


def assumed_direction_rad(network: Network, islands: Islands, measurements: Measurements) -> Floats:
    """Angle of each measured current at no load, if it feeds consumption at power factor 0.95.

    Branch currents point away from the reference bus, injected ones out of the grid, except at the reference.

    Returns:
        Angle relative to the voltage at the meter [rad], shape (n_measurement,); 0 for other kinds.
    """
    bus = metered_bus(network, measurements)
    is_away = np.isin(bus, islands.reference_bus)
    at_branch = np.flatnonzero(measurements.kind == Kind.I_MAG)
    branch = measurements.element[at_branch]
    ends = np.stack((network.from_bus[branch], network.to_bus[branch]))
    far = np.where(ends[0] == bus[at_branch], ends[1], ends[0])
    is_away[at_branch] = islands.depth[far] >= islands.depth[bus[at_branch]]
    direction = np.where(is_away, -_POWER_FACTOR_ANGLE, np.pi - _POWER_FACTOR_ANGLE)
    return np.where(np.isin(measurements.kind, (Kind.I_MAG, Kind.I_INJ_MAG)), direction, 0.0)
