"""What bad data in one place say about the grid itself."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.estimation.layout import metered_bus
from gridjobs_workers.estimation.linear import LinearModel
from gridjobs_workers.estimation.measurements import Measurements
from gridjobs_workers.grids.network import Floats, Ints, Network

_CLUSTER = 3  # bad measurements around one branch
_LEAST_REDUNDANCY = 1e-6


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Places where the grid model may be wrong.

    Attributes:
        branches: Branches between whose ends and on which three or more measurements are bad: wrong switch
            state, tap position or parameters.
        zero_injections: Buses taken for empty although the measurements want them to inject.
    """

    branches: Ints
    zero_injections: Ints


def suspect_topology(network: Network, measurements: Measurements, bad: Ints) -> Ints:
    """Branches around which bad measurements cluster: at least three, at both of its ends or on it."""
    if len(bad) < _CLUSTER:
        return np.empty(0, np.intp)
    bus = metered_bus(network, measurements)[bad]
    on_bus = measurements.at_bus()[bad]
    at_bus = np.bincount(bus[on_bus], minlength=network.n_bus)
    on_branch = np.bincount(measurements.element[bad][~on_bus], minlength=network.n_branch)
    ends = np.stack((at_bus[network.from_bus], at_bus[network.to_bus]))
    around = ends.sum(axis=0) + on_branch
    touches_both = (ends.min(axis=0) > 0) | (on_branch > 0)
    return np.flatnonzero((around >= _CLUSTER) & touches_both)


def zero_injection_residuals(model: LinearModel, multipliers: Floats) -> Floats:
    """Normalized multipliers of the exact zeros (P, Q), shape (n_zero, 2); after `invert`.

    They are to an exact zero what the normalized residual is to a measurement.

    References:
        K. A. Clements, A. Simões-Costa, "Topology error identification using normalized Lagrange
        multipliers", IEEE Trans. Power Systems 13(2), 1998.
    """
    weights = model.weights[model.layout.constraint_rows]
    redundancy = 1.0 - model.zero_variances() * weights
    checked = redundancy > _LEAST_REDUNDANCY
    size = np.sqrt(weights * np.where(checked, redundancy, 1.0))
    return np.where(checked, np.abs(multipliers) / size, 0.0).reshape(-1, 2)
