"""What bad data in one place say about the grid itself."""

import numpy as np

from gridjobs_workers.estimation.layout import metered_bus
from gridjobs_workers.estimation.measurements import Measurements
from gridjobs_workers.grids.network import Ints, Network

_CLUSTER = 3  # bad measurements around one branch


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
