"""How heavily exact zeros weigh in the gain matrix, before multipliers make them exact."""

import numpy as np

from gridjobs_workers.estimation.kernels.tree import spread_least
from gridjobs_workers.estimation.layout import Layout, metered_bus
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.grids.network import Floats, Network

_PART = 0.03  # of the sigma of the power measurements nearby: the variances it leaves are right to 0.1 %
_RANGE = 1e5  # of the largest entry that zeros and measurements leave in the gain matrix
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
    weights = (_PART * at_zero) ** -2.0
    return np.repeat(np.minimum(weights, _most(layout, measurements)), 2)


def _most(layout: Layout, measurements: Measurements) -> Floats:
    """Weights beyond which very short lines at a zero would drown the measurements in rounding, shape (n_zero,)."""
    starts, y = layout.pairs.starts, np.hypot(layout.pairs.y_re, layout.pairs.y_im)
    steepness = np.maximum.reduceat(np.append(y, 0.0), starts[:-1]) if layout.n_pair else np.empty(0)
    measured = np.maximum(steepness[layout.row // 2], 1.0) / measurements.sigma
    at_zero = steepness[layout.constraint_rows.start // 2 : layout.constraint_rows.stop // 2]
    most: Floats = _RANGE * (measured.max(initial=1.0) / np.maximum(at_zero, 1.0)) ** 2
    return most
