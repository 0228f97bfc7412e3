"""What is left to solve after an outage."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Ints
from gridjobs_workers.simulation.contingency.connectivity import Adjacency, islands_without
from gridjobs_workers.simulation.contingency.outage import Outage
from gridjobs_workers.simulation.power_flow import OperatingPoint


@dataclass(frozen=True, slots=True)
class Situation:
    """Connectivity and roles after an outage.

    Attributes:
        island: Island of each bus, shape (n_bus,).
        dark: Buses in islands without a source, shape (n_bus,).
        reference_bus: Buses that hold an angle, at least one per island that is not dark.
        controls: Voltage controls that remain (rows of `OperatingPoint.controls`).
        n_islands: Energised islands.
    """

    island: Ints
    dark: NDArray[np.bool_]
    reference_bus: Ints
    controls: Ints
    n_islands: int


def situation(graph: Adjacency, point: OperatingPoint, outage: Outage) -> Situation:
    """Find islands and give each a reference: its own, else the machine with the widest reactive range.

    A reference that has lost its control feeds nothing any more. An island with neither reference nor voltage
    control is dark.
    """
    island = islands_without(graph, outage.branches)
    controls = point.controls
    remaining = np.setdiff1d(np.arange(len(controls.bus)), outage.controls)
    references = point.reference_bus[np.isin(point.reference_bus, controls.bus[remaining])]
    fed = np.zeros(island.max() + 1, dtype=np.bool_)
    fed[island[references]] = True
    chosen = []
    span = np.nan_to_num(controls.q_max_pu - controls.q_min_pu, posinf=1e9)
    for row in remaining[np.argsort(-span[remaining], kind="stable")]:
        bus = controls.bus[row]
        if not fed[island[bus]]:
            fed[island[bus]] = True
            chosen.append(bus)
    return Situation(
        island=island,
        dark=~fed[island],
        reference_bus=np.concatenate((references, np.array(chosen, dtype=np.intp))),
        controls=remaining,
        n_islands=int(fed.sum()),
    )
