"""Walk through the islands of a network."""

import numpy as np

from gridjobs_workers.estimation.kernels.jit import kernel
from gridjobs_workers.estimation.kernels.types import Floats, Int32s, Int64s


@kernel
def breadth_first(
    starts: Int64s, neighbours: Int32s, lags: Floats, roots: Int64s
) -> tuple[Int64s, Int64s, Floats]:
    """Number the islands and spread no-load angles from their roots.

    Args:
        starts: Start of each bus's neighbours, shape (n + 1,).
        neighbours: Neighbours, bus by bus.
        lags: Angle by which the neighbour lags the bus at no load [rad].
        roots: Buses to begin with, in order; a bus reached before is no root.

    Returns:
        Island, steps from the root, and angle [rad] of each bus, shape (n,) each.
    """
    n = len(starts) - 1
    island = np.full(n, -1, np.int64)
    depth = np.zeros(n, np.int64)
    angle = np.zeros(n)
    queue = np.empty(n, np.int64)
    number = 0
    for root in roots:
        if island[root] >= 0:
            continue
        island[root] = number
        queue[0] = root
        head = 0
        tail = 1
        while head < tail:
            i = queue[head]
            head += 1
            for p in range(starts[i], starts[i + 1]):
                j = neighbours[p]
                if island[j] < 0:
                    island[j] = number
                    depth[j] = depth[i] + 1
                    angle[j] = angle[i] - lags[p]
                    queue[tail] = j
                    tail += 1
        number += 1
    return island, depth, angle


@kernel
def spread_least(starts: Int64s, neighbours: Int32s, growth: float, levels: Floats) -> None:
    """Lower each level to the least of level · growth^distance over all buses, in place, shape (n,)."""
    changed = True
    while changed:
        changed = False
        for i in range(len(levels)):
            for p in range(starts[i], starts[i + 1]):
                offered = growth * levels[neighbours[p]]
                if offered < levels[i]:
                    levels[i] = offered
                    changed = True
