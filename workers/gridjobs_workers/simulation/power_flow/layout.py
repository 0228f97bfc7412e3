"""Where every equation and every unknown of a power flow stands.

Unknowns are θ and ln |V| of each bus, one power per reference and one reactive power per held voltage.
Equations are the P and Q balance of each bus, the angle of each reference and the magnitude of each held bus.
So references, PV buses, remote voltage control and distributed slack are one thing: an extra unknown with an
extra equation. An extra equation takes the row of the balance that its unknown settles, which keeps the
diagonal full.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array

from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.power_flow.problem import OperatingPoint


@dataclass(frozen=True, slots=True)
class Layout:
    """Pattern of the Jacobian for one set of active controls.

    Attributes:
        y: Bus admittances in row order [p.u.], shape (n_entry,).
        row: Bus of the row of each admittance.
        column: Bus of its column.
        diagonal: Entry that is the diagonal of each bus, shape (n_bus,).
        p_row: Equation of each bus's active balance, shape (n_bus,).
        q_row: Equation of each bus's reactive balance, shape (n_bus,).
        angle_row: Equation of each reference's angle, shape (n_reference,).
        held_row: Equation of each held voltage, shape (n_held,).
        held_bus: Its bus.
        held_target_pu: Its magnitude [p.u.].
        p_spread: Matrix that spreads reference powers over buses, shape (n_bus, n_reference).
        q_spread: Matrix that spreads held voltages' reactive powers over buses, shape (n_bus, n_held).
        constant: Values of the entries that never change.
        order: Order that turns stacked entries into CSC.
        indices: CSC row indices of the Jacobian.
        indptr: CSC column pointers.
    """

    y: Complexes
    row: Ints
    column: Ints
    diagonal: Ints
    p_row: Ints
    q_row: Ints
    angle_row: Ints
    held_row: Ints
    held_bus: Ints
    held_target_pu: Floats
    p_spread: csc_array
    q_spread: csc_array
    constant: Floats
    order: Ints
    indices: Ints
    indptr: Ints

    @property
    def n_unknown(self) -> int:
        """Number of unknowns and equations."""
        return 2 * len(self.p_row) + len(self.angle_row) + len(self.held_row)


def lay_out(network: Network, point: OperatingPoint, island: Ints, active: Ints) -> Layout:
    """Number equations and unknowns.

    Args:
        network: The network.
        point: References, participation and controls.
        island: Island of each bus, shape (n_bus,).
        active: Controls (rows of `point.controls`) that hold their voltage.
    """
    n, n_reference = network.n_bus, len(point.reference_bus)
    held_bus, first, group = np.unique(
        point.controls.regulated_bus[active], return_index=True, return_inverse=True
    )
    p_spread = _reference_spread(point, island, n)
    q_spread = _control_spread(point, active, group, len(held_bus), n)

    p_row, q_row = 2 * np.arange(n), 2 * np.arange(n) + 1
    angle_row = 2 * n + np.arange(n_reference)
    held_row = 2 * n + n_reference + np.arange(len(held_bus))
    references = point.reference_bus
    p_row[references], angle_row = angle_row, p_row[references]
    q_row[held_bus], held_row = held_row, q_row[held_bus]

    y = network.admittance()
    row = np.repeat(np.arange(n), np.diff(y.indptr))
    column = y.indices.astype(np.intp)
    p_cells, q_cells = p_spread.tocoo(), q_spread.tocoo()
    equation = np.concatenate(
        (
            p_row[row],
            p_row[row],
            q_row[row],
            q_row[row],
            p_row[p_cells.row],
            q_row[q_cells.row],
            angle_row,
            held_row,
        )
    )
    unknown = np.concatenate(
        (
            *(2 * column, 2 * column + 1, 2 * column, 2 * column + 1),
            *(2 * n + p_cells.col, 2 * n + n_reference + q_cells.col),
            *(2 * references, 2 * held_bus + 1),
        )
    )
    constant = np.concatenate((-p_cells.data, -q_cells.data, np.ones(n_reference + len(held_bus))))
    order = np.lexsort((equation, unknown))
    size = 2 * n + n_reference + len(held_bus)
    return Layout(
        y=y.data,
        row=row,
        column=column,
        diagonal=np.flatnonzero(row == column),
        p_row=p_row,
        q_row=q_row,
        angle_row=angle_row,
        held_row=held_row,
        held_bus=held_bus,
        held_target_pu=point.controls.target_pu[active][first],
        p_spread=p_spread,
        q_spread=q_spread,
        constant=constant,
        order=order,
        indices=equation[order].astype(np.int32),
        indptr=np.concatenate(([0], np.cumsum(np.bincount(unknown, minlength=size)))).astype(np.int32),
    )


def _reference_spread(point: OperatingPoint, island: Ints, n_bus: int) -> csc_array:
    """Who feeds what a reference lacks: itself, or its island's participants if it is the only reference."""
    references = point.reference_bus
    rows, columns, values = [references], [np.arange(len(references))], [np.ones(len(references))]
    if point.participation.size:
        alone = np.bincount(island[references], minlength=island.max() + 1) == 1
        weight = np.bincount(island, point.participation, minlength=island.max() + 1)
        spreads = alone[island[references]] & (weight[island[references]] > 0)
        values = [np.where(spreads, 0.0, 1.0)]
        reference_of = np.full(island.max() + 1, -1)
        reference_of[island[references[spreads]]] = np.flatnonzero(spreads)
        buses = np.flatnonzero((point.participation > 0) & (reference_of[island] >= 0))
        rows.append(buses)
        columns.append(reference_of[island[buses]])
        values.append(point.participation[buses] / weight[island[buses]])
    spread = csc_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(n_bus, len(references)),
    )
    spread.sum_duplicates()
    return spread


def _control_spread(point: OperatingPoint, active: Ints, group: Ints, n_held: int, n_bus: int) -> csc_array:
    """How a group of controls shares its reactive power; the shares of a group add up to 1."""
    share = point.controls.share[active]
    share = share / np.bincount(group, share, n_held)[group]
    spread = csc_array((share, (point.controls.bus[active], group)), shape=(n_bus, n_held))
    spread.sum_duplicates()
    return spread
