"""Terminals: where equipment meets nodes."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from gridjobs_workers.grids.arrays import Bools, Rows
from gridjobs_workers.grids.classes import MODELLED
from gridjobs_workers.grids.table import CimTable

UNNUMBERED: Final = 99.0


@dataclass(frozen=True, slots=True)
class Terminals:
    """Terminals sorted by equipment and sequence number, shape (n_terminal,) each; rows are rows of the table.

    Attributes:
        row: The terminal.
        equipment: What it belongs to, -1 where the reference is missing.
        node: Topological node, else connectivity node. A terminal of modelled equipment that has neither is a node
            itself, connected to nothing else; others have -1.
        topological: Topological node, -1 where it has none.
        connectivity: Connectivity node, -1 where it has none.
        connected: Whether it is connected.
        position: Of each row of the table among the terminals, -1 where it is no terminal.
    """

    row: Rows
    equipment: Rows
    node: Rows
    topological: Rows
    connectivity: Rows
    connected: Bools
    position: Rows

    def of(self, equipment: Rows, number: int) -> Rows:
        """Position of each equipment's terminal `number` (0 is the first), -1 where it has fewer."""
        first = np.searchsorted(self.equipment, equipment, side="left")
        last = np.searchsorted(self.equipment, equipment, side="right")
        return np.where((first + number < last) & (equipment >= 0), first + number, -1)

    def count(self, equipment: Rows) -> Rows:
        """How many terminals each equipment has."""
        first = np.searchsorted(self.equipment, equipment, side="left")
        return np.searchsorted(self.equipment, equipment, side="right") - first


def read_terminals(table: CimTable) -> Terminals:
    """Read the terminals of all equipment; connected where no profile says otherwise (NEPLAN has no SSH)."""
    row = table.rows("Terminal")
    equipment = table.ref(row, "Terminal.ConductingEquipment")
    number = table.number(row, "ACDCTerminal.sequenceNumber", "Terminal.sequenceNumber", default=UNNUMBERED)
    order = np.lexsort((number, equipment))
    row, equipment = row[order], equipment[order]
    topological = table.ref(row, "Terminal.TopologicalNode")
    connectivity = table.ref(row, "Terminal.ConnectivityNode")
    named = np.where(topological >= 0, topological, connectivity)
    is_modelled = np.isin(table.class_names(equipment), MODELLED)
    position = np.full(table.size, -1, dtype=np.intp)
    position[row] = np.arange(len(row))
    return Terminals(
        row,
        equipment,
        np.where(named >= 0, named, np.where(is_modelled, row, -1)),
        topological,
        connectivity,
        table.flag(row, "ACDCTerminal.connected", "Terminal.connected", default=True),
        position,
    )
