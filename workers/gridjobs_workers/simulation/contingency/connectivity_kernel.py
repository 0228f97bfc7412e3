"""Breadth-first search, compiled."""

# mypy: disable-error-code="no-untyped-def"

import numpy as np

from gridjobs_workers.simulation.compiled import compiled


@compiled
def label(pointers, bus, branch, is_out):
    """Number the connected parts of a graph without the branches that are out, shape (n_bus,)."""
    n = len(pointers) - 1
    island, queue = np.full(n, -1, dtype=np.intp), np.empty(n, dtype=np.intp)
    number = 0
    for root in range(n):
        if island[root] >= 0:
            continue
        island[root], queue[0] = number, root
        first, last = 0, 1
        while first < last:
            here = queue[first]
            first += 1
            for e in range(pointers[here], pointers[here + 1]):
                there = bus[e]
                if island[there] < 0 and not is_out[branch[e]]:
                    island[there] = number
                    queue[last] = there
                    last += 1
        number += 1
    return island
