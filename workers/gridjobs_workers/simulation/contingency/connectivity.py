"""Which buses still hang together when branches are out."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.grids.network import Ints, Network
from gridjobs_workers.simulation.contingency.connectivity_kernel import label


@dataclass(frozen=True, slots=True)
class Adjacency:
    """Neighbours of each bus as CSR: `bus[pointers[i]:pointers[i+1]]` over `branch`."""

    pointers: Ints
    bus: Ints
    branch: Ints


def adjacency(network: Network) -> Adjacency:
    """Neighbours over branches that conduct."""
    conducts = np.flatnonzero((network.y_ft != 0) | (network.y_tf != 0))
    f, t = network.from_bus[conducts], network.to_bus[conducts]
    here, there, branch = np.concatenate((f, t)), np.concatenate((t, f)), np.concatenate((conducts, conducts))
    order = np.argsort(here, kind="stable")
    pointers = np.concatenate(([0], np.cumsum(np.bincount(here, minlength=network.n_bus)))).astype(np.intp)
    return Adjacency(pointers, there[order], branch[order])


def islands_without(graph: Adjacency, branches: Ints) -> Ints:
    """Island of each bus, from 0, with some branches out, shape (n_bus,)."""
    n_branch = int(graph.branch.max(initial=-1)) + 1
    is_out = np.zeros(n_branch, dtype=np.bool_)
    is_out[branches[branches < n_branch]] = True
    island: Ints = label(graph.pointers, graph.bus, graph.branch, is_out)
    return island
