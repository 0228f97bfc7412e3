"""Which buses hang together."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridjobs_workers.grids.network import Ints, Network
from gridjobs_workers.simulation.power_flow.errors import NoSource


def islands(network: Network) -> Ints:
    """Number of the island of each bus, shape (n_bus,), from 0."""
    conducts = (network.y_ft != 0) | (network.y_tf != 0)
    ends = network.from_bus[conducts], network.to_bus[conducts]
    graph = coo_array((np.ones(len(ends[0])), ends), shape=(network.n_bus, network.n_bus))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.intp)


def require_sources(island: Ints, reference_bus: Ints) -> None:
    """Raise `NoSource` where an island has no reference bus."""
    without = np.setdiff1d(island, island[reference_bus])
    if without.size:
        raise NoSource([np.flatnonzero(island == number) for number in without])
