"""How heavily exact zeros weigh in the gain matrix, before multipliers make them exact."""

import numpy as np

from gridjobs_workers.estimation.kernels.tree import spread_least
from gridjobs_workers.estimation.layout import Layout, metered_bus
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.grids.network import Floats, Network

_PART = 0.03  # of the sigma of the power measurements nearby: the variances it leaves are right to 0.1 %
_GROWTH = 1.5  # a branch further away: keeps the range of weights, and so the loss of digits, small


def zero_weights(
    network: Network, structure: Structure, layout: Layout, measurements: Measurements
) -> Floats:
    """Weights of the rows of the exact zeros, shape (2 n_zero,).

    The heavier, the fewer passes the multipliers need and the closer the gain matrix comes to the
    covariance of the constrained problem; the lighter, the better its condition. So they follow the
    precision of the meters around.
    """
    sigma = np.full(network.n_bus, np.inf)
    powers = np.isin(measurements.kind, (Kind.P_INJ, Kind.Q_INJ, Kind.P_FLOW, Kind.Q_FLOW))
    np.minimum.at(sigma, metered_bus(network, measurements)[powers], measurements.sigma[powers])
    starts, columns = structure.stencil_starts, structure.stencil_columns
    levels = sigma[structure.bus_at]
    spread_least(starts, columns, _GROWTH, levels)
    at_zero = levels[structure.position[layout.zero_bus]]
    fallback = measurements.sigma.min(initial=1.0)
    at_zero = np.where(np.isfinite(at_zero), at_zero, fallback)
    return np.repeat((_PART * at_zero) ** -2.0, 2)
