"""Numerical observability: what the measurements determine and what not.

References:
    A. Monticelli, F. F. Wu, "Network observability: identification of observable islands and measurement
    placement", IEEE Trans. PAS-104(5), 1985.
    E. Castillo, A. J. Conejo, R. E. Pruneda, C. Solares, "Observability analysis in state estimation: a
    unified numerical approach", IEEE Trans. Power Systems 21(2), 2006.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridjobs_workers.estimation.unit_model import UnitModel
from gridjobs_workers.grids.network import Ints, Network

Bools = NDArray[np.bool_]

_N_VECTOR = 3  # random null vectors: what one of them hides by accident another one shows
_INVISIBLE = 1e-6  # relative to null vectors of size 1


@dataclass(frozen=True, slots=True)
class Observability:
    """What a set of measurements determines.

    Attributes:
        deficiency: Number of state variables left open.
        unobservable: Buses whose voltage is not determined.
        island: Observable island of each bus, shape (n_bus,): within one all flows are determined.
        is_observable_branch: Whether the flow is determined, shape (n_branch,).
    """

    deficiency: int
    unobservable: Ints
    island: Ints
    is_observable_branch: Bools

    @property
    def n_island(self) -> int:
        """Number of observable islands, single buses included."""
        return int(self.island.max(initial=-1)) + 1


def observe(model: UnitModel, used: Bools) -> Observability:
    """Find what the measurements in use determine."""
    deficiency = model.deficiency(used)
    network = model.network
    if deficiency == 0:
        seen = np.ones(network.n_branch, bool)
        return Observability(0, np.empty(0, np.intp), _islands(network, seen), seen)
    seeds = np.random.default_rng(0).standard_normal((_N_VECTOR, 2 * network.n_bus))
    vectors = model.null_vectors(seeds)
    moves = np.abs(vectors).max(axis=0) > _INVISIBLE
    across = vectors[:, network.from_bus] - vectors[:, network.to_bus]
    seen = np.abs(across).max(axis=0, initial=0.0) <= _INVISIBLE
    return Observability(deficiency, np.flatnonzero(moves), _islands(network, seen), seen)


def _islands(network: Network, seen: Bools) -> Ints:
    f, t = network.from_bus[seen], network.to_bus[seen]
    graph = coo_array((np.ones(len(f)), (f, t)), shape=(network.n_bus, network.n_bus))
    _, label = connected_components(graph, directed=False)
    return np.asarray(label, np.intp)
