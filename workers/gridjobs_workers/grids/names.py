"""From names to buses: every mRID that users may say, in either of its forms."""

from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np

from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.model import Ints, Strings
from gridjobs_workers.grids.topology import Topology


def undecorated(mrid: str) -> str:
    """Return an mRID without `urn:uuid:`, `#` and leading underscore."""
    return mrid.removeprefix("urn:uuid:").removeprefix("#").removeprefix("_")


class BusIndex(Mapping[str, int]):
    """Bus of each mRID. Finds `_x`, `#_x` and `urn:uuid:x` too where `x` is known.

    The dictionary is built at the first question: most jobs ask little.
    """

    def __init__(self, mrid: Strings, bus: Ints) -> None:
        self.mrid = mrid
        self.bus = bus

    @cached_property
    def _buses(self) -> dict[str, int]:
        return dict(zip(self.mrid.tolist(), self.bus.tolist(), strict=True))

    def __getitem__(self, mrid: str) -> int:
        bus = self._buses.get(mrid)
        return bus if bus is not None else self._buses[undecorated(mrid)]

    def __contains__(self, mrid: object) -> bool:
        return isinstance(mrid, str) and (mrid in self._buses or undecorated(mrid) in self._buses)

    def __iter__(self) -> Iterator[str]:
        return iter(self._buses)

    def __len__(self) -> int:
        return len(self._buses)


def bus_index(context: Context, topology: Topology) -> BusIndex:
    """Index nodes, terminals and equipment with one terminal; what has no node is left out."""
    table, terminals = context.table, context.terminals
    alone = (terminals.equipment >= 0) & (terminals.count(terminals.equipment) == 1)
    row = np.concatenate((terminals.equipment[alone], terminals.row, topology.node))
    bus = np.concatenate((topology.bus_of_terminal[alone], topology.bus_of_terminal, topology.bus_of_node))
    row, bus = row[bus >= 0], bus[bus >= 0]
    mrid, identifier = table.mrid(row), table.identifier(row)
    other = mrid != identifier
    return BusIndex(np.concatenate((identifier[other], mrid)), np.concatenate((bus[other], bus)))
