"""Who feeds what is missing in each island."""

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.model import GridModel, InjectionKind
from gridjobs_workers.grids.network import Ints, Network
from gridjobs_workers.simulation.power_flow import islands

# Who comes first where the file names no reference: a feeder, a machine, an equivalent, a converter.
ORDER = {
    InjectionKind.EXTERNAL: 0,
    InjectionKind.MACHINE: 1,
    InjectionKind.EQUIVALENT: 2,
    InjectionKind.CONVERTER: 3,
}


def choose_references(model: GridModel, network: Network, bus_of: Ints, on: NDArray[np.bool_]) -> Ints:
    """One injection for each island that has any to offer, shape (n_reference,).

    By referencePriority, then by kind; among machines those that regulate first, then the largest.
    """
    injections = model.injections
    rank = np.array([ORDER.get(InjectionKind(kind), len(ORDER)) for kind in injections.kind])
    rows = np.flatnonzero(on & (rank < len(ORDER)))
    rows = rows[injections.regulates[rows] | (rank[rows] < ORDER[InjectionKind.EQUIVALENT])]
    priority = np.where(injections.slack_priority > 0, injections.slack_priority, np.iinfo(np.int64).max)
    size = np.nan_to_num(injections.rated_mva) + np.abs(np.nan_to_num(injections.p_mw)) * 1e-3
    order = rows[np.lexsort((-size[rows], ~injections.regulates[rows], rank[rows], priority[rows]))]
    island = islands(network)[bus_of[injections.bus[order]]]
    _, first = np.unique(island, return_index=True)
    return order[first]
