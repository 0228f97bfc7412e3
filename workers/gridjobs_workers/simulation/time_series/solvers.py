"""The way to solve the steps of a series."""

from gridjobs_workers.grids.network import Network
from gridjobs_workers.simulation.power_flow import OperatingPoint
from gridjobs_workers.simulation.time_series.blocks import Solver
from gridjobs_workers.simulation.time_series.iterative_current import IterativeCurrent
from gridjobs_workers.simulation.time_series.series import InjectionSeries


def solver_for(
    network: Network, point: OperatingPoint, series: InjectionSeries, tolerance_pu: float
) -> Solver:
    """The iterative-current method where it fits."""
    return IterativeCurrent(network, point, series, tolerance_pu)
