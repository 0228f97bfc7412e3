"""Compile every kernel before a job waits for it."""

import numpy as np

from gridjobs_workers.grids.network import Network
from gridjobs_workers.simulation.contingency import ContingencyOptions, Outage, run_contingencies
from gridjobs_workers.simulation.limits import no_limits
from gridjobs_workers.simulation.power_flow import OperatingPoint, VoltageControls, solve_power_flow
from gridjobs_workers.simulation.time_series import SeriesOptions, run_series, series_of


def warm() -> None:
    """Compile the kernels of time series and contingencies, or load them from disk: some 20 s, or some 0.3 s."""
    network = _three_buses()
    power = np.full((3, 40), -0.01 - 0.01j)
    one, both = (VoltageControls.local(np.arange(n), np.ones(n)) for n in (1, 2))
    for controls in (one, both):  # the iterative-current method and Newton's
        point = OperatingPoint(power[:, 0], np.array([0]), np.zeros(1), controls)
        run_series(network, point, series_of(power), no_limits(network), SeriesOptions(record_v=True))
        base = solve_power_flow(network, point)
        outage = [Outage(branches=np.array([0]))]
        run_contingencies(network, point, base, outage, no_limits(network), ContingencyOptions())


def _three_buses() -> Network:
    y = np.full(3, 1 / (0.01 + 0.01j))
    ends = np.array([0, 1, 0]), np.array([1, 2, 2])
    shunt, every = np.zeros(3, dtype=np.complex128), np.arange(3)
    return Network(1.0, np.ones(3), *ends, y, -y, -y, y, shunt, np.zeros(3), every, every)
