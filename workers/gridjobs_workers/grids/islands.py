"""Which buses are connected, and which of them are energised."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridjobs_workers.grids.arrays import Bools, Floats, Rows
from gridjobs_workers.grids.model import Branches, InjectionKind, Injections

SOURCES = (InjectionKind.MACHINE, InjectionKind.EXTERNAL, InjectionKind.EQUIVALENT)


@dataclass(frozen=True, slots=True)
class Islands:
    """Shape (n_bus,) each.

    Attributes:
        energised: Whether a bus is connected to a source, or solved to a voltage.
        island: Number of its island, -1 where it is not energised.
        without_source: Whether only the solution says that it is energised.
    """

    energised: Bools
    island: Rows
    without_source: Bools


def find_islands(n_bus: int, branches: Branches, injections: Injections, sv_kv: Floats) -> Islands:
    """Find electrical islands: buses that branches closed at both ends connect.

    Sources are synchronous machines, network feeders and equivalents; a converter follows its grid. An island
    without any of them counts as energised where the file's own solution gives it a voltage.
    """
    closed = branches.from_closed & branches.to_closed
    pairs = (branches.from_bus[closed], branches.to_bus[closed])
    graph = coo_array((np.ones(int(closed.sum()), dtype=np.int8), pairs), shape=(n_bus, n_bus))
    label = connected_components(graph, directed=False)[1].astype(np.intp)
    is_source = np.isin(injections.kind, SOURCES) & (injections.cim_class != "AsynchronousMachine")
    sources = injections.bus[is_source & injections.in_service]
    fed = np.zeros(n_bus, dtype=np.bool_)
    fed[label[sources]] = True
    solved = np.zeros(n_bus, dtype=np.bool_)
    solved[label[sv_kv > 0]] = True
    energised = (fed | solved)[label]
    return Islands(energised, _numbered(label, energised), energised & ~fed[label])


def _numbered(label: Rows, energised: Bools) -> Rows:
    """Number energised islands from the largest to the smallest."""
    island = np.full(len(label), -1, dtype=np.intp)
    if energised.any():
        kept, position, size = np.unique(label[energised], return_inverse=True, return_counts=True)
        rank = np.empty(len(kept), dtype=np.intp)
        rank[np.argsort(-size, kind="stable")] = np.arange(len(kept))
        island[energised] = rank[position]
    return island
