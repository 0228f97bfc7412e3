"""Every component that users may name: what they are asked for before a job is accepted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import orjson

from gridjobs_workers.grids.arrays import Floats, Rows, Strings
from gridjobs_workers.grids.classes import CONDUCTORS, INJECTIONS, NODES, SHUNTS, SWITCHES, TRANSFORMER
from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.topology import Topology

CLASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "terminal": ("Terminal",),
    "node": NODES,
    "switch": SWITCHES,
    "shunt": SHUNTS,
    "injection": tuple(INJECTIONS),
    "transformer": (TRANSFORMER,),
    "branch": tuple(CONDUCTORS),
}


@dataclass(frozen=True, slots=True)
class Components:
    """Components by mRID, shape (n,) each; an mRID that differs from the identifier is there under both.

    Attributes:
        mrid: How users may name it.
        kind: A key of `CLASSES`.
        name: IdentifiedObject.name, "" where it has none.
        cim_class: Its class.
        base_kv: Base voltage at its first terminal [kV], NaN where it has none.
    """

    mrid: Strings
    kind: Strings
    name: Strings
    cim_class: Strings
    base_kv: Floats

    def to_json(self) -> bytes:
        """Write `{mRID: [kind, name, class, base voltage]}`, with null for what is not known."""
        base_kv = [None if kv != kv else kv for kv in self.base_kv.tolist()]  # NaN
        names = [name or None for name in self.name.tolist()]
        columns = (self.mrid.tolist(), self.kind.tolist(), names, self.cim_class.tolist(), base_kv)
        return orjson.dumps({mrid: rest for mrid, *rest in zip(*columns, strict=True)})


def list_components(context: Context, topology: Topology, base_kv: Floats) -> Components:
    """List all components that documents define."""
    table = context.table
    rows = [table.rows(*classes) for classes in CLASSES.values()]
    row = np.concatenate(rows)
    kind = np.repeat(list(CLASSES), [len(part) for part in rows])
    mrid, identifier = table.mrid(row), table.identifier(row)
    other = np.flatnonzero(mrid != identifier)
    twice = np.concatenate((other, np.arange(len(row))))
    return Components(
        np.concatenate((identifier[other], mrid)),
        kind[twice],
        table.text(row, "IdentifiedObject.name")[twice],
        table.class_names(row)[twice],
        _base_kv(context, topology, base_kv, row)[twice],
    )


def _base_kv(context: Context, topology: Topology, base_kv: Floats, row: Rows) -> Floats:
    """Base voltage of nodes, of terminals, and of equipment at its first terminal."""
    terminals = context.terminals
    position = terminals.position[row]
    position = np.where(position >= 0, position, terminals.of(row, 0))
    at_terminal = np.append(topology.bus_of_terminal, -1)[position]
    bus = np.where(topology.bus_of_row[row] >= 0, topology.bus_of_row[row], at_terminal)
    return np.append(base_kv, np.nan)[bus]
