"""From measurements to pairs: where each measurement stands in the arrays of the kernels.

Two measurements of one place (P and Q, |V| and angle, two components of a current) share a pair; a second meter of
the same quantity gets a pair of its own. Exact zeros come last.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.kernels.bundles import Pairs
from gridjobs_workers.estimation.layout import stencil_slots
from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.estimation.three_phase import kernel
from gridjobs_workers.estimation.three_phase.measurements import (
    AXES,
    BETWEEN_PHASES,
    MAGNITUDES,
    N_KIND,
    NO_POWER,
    POWERS,
    VOLTAGES,
    At,
    PhaseMeasurements,
)
from gridjobs_workers.estimation.three_phase.stencils import Stencils
from gridjobs_workers.estimation.three_phase.terms import PORT_OF, SUM, Port, Terms, Wiring
from gridjobs_workers.grids.network import Complexes, Floats, Ints
from gridjobs_workers.grids.three_phase import N_CONDUCTOR, Conductor

Int8s = NDArray[np.int8]
Int64s = NDArray[np.int64]

_SHAPE = np.empty(N_KIND, np.int8)
_SHAPE[list(VOLTAGES)] = kernel.POLAR
_SHAPE[list(POWERS)] = kernel.POWER
_SHAPE[list(MAGNITUDES)] = kernel.MAGNITUDE
_SHAPE[list(AXES)] = kernel.AXES
_ROW = np.zeros(N_KIND, np.intp)
_ROW[[Kind.V_MAG, Kind.Q_INJ, Kind.Q_FLOW]] = 1


@dataclass(frozen=True, slots=True)
class Layout:
    """Pairs of one set of measurements on one structure.

    Attributes:
        stencils: What the three-phase kernel takes.
        pairs: What the shared kernels take.
        shapes: Shape of each pair, see `kernel`.
        axes: Unit phasors of both axes of AXES pairs, shape (n_pair, 2).
        row: Row (2 · pair + component) of each measurement, shape (n_measurement,).
        zero_bus: Bus of each exact zero, in the order of their pairs.
    """

    stencils: Stencils
    pairs: Pairs
    shapes: Int8s
    axes: Complexes
    row: Ints
    zero_bus: Ints

    @property
    def n_pair(self) -> int:
        """Number of pairs."""
        return len(self.shapes)

    @property
    def constraint_rows(self) -> slice:
        """Rows of the exact zeros."""
        return slice(2 * (self.n_pair - len(self.zero_bus)), 2 * self.n_pair)


def build_layout(wiring: Wiring, measurements: PhaseMeasurements) -> Layout:
    """Arrange measurements on a wiring.

    Raises:
        ValueError: A measurement of currents or powers between two phases, or of the neutral's power.
    """
    _refuse_impossible(measurements)
    m, structure = measurements, wiring.structure
    port = PORT_OF[m.kind] + (m.at_branch() & (m.side == 1))
    shape = _SHAPE[m.kind].astype(np.intp)
    place = _combine(m.element, port, m.at, shape)
    occurrence, component = _occurrence(m.kind, place)
    bus = wiring.bus(port, m.element)
    first_node: Int64s = structure.position[N_CONDUCTOR * bus + Conductor.A].astype(np.int64)
    _, first, pair = np.unique(
        _combine(first_node + 1, place, occurrence), return_index=True, return_inverse=True
    )

    zero_port, zero_element, zero_at = _zeros(wiring, m)
    terms = wiring.terms(
        np.concatenate((port[first], zero_port)),
        np.concatenate((m.element[first], zero_element)),
        np.concatenate((m.at[first], zero_at)),
        np.concatenate((shape[first] == kernel.POWER, np.zeros(len(zero_port), bool))),
    )
    shapes = np.concatenate((shape[first], np.full(len(zero_port), kernel.AXES))).astype(np.int8)
    row = 2 * pair + component
    stencils = _stencils(terms, len(shapes))
    return Layout(
        stencils=stencils,
        pairs=_pairs(structure, stencils, len(zero_port)),
        shapes=shapes,
        axes=_axes(m, row, len(shapes)),
        row=row,
        zero_bus=zero_element,
    )


def with_axes(layout: Layout, at: Ints, axis_rad: Floats) -> Layout:
    """The same pairs with magnitudes turned into components along given axes; the neutral's stay.

    Args:
        layout: Pairs of measurements.
        at: `At` of each measurement, shape (n_measurement,).
        axis_rad: Axis of each, shape (n_measurement,).
    """
    chosen = (layout.shapes[layout.row // 2] == kernel.MAGNITUDE) & (at != At.N)
    pair = layout.row[chosen] // 2
    shapes, axes = layout.shapes.copy(), layout.axes.copy()
    shapes[pair] = kernel.AXES
    axes[pair] = np.exp(1j * axis_rad[chosen])[:, None] * np.array([1.0, 1.0j])
    return replace(layout, shapes=shapes, axes=axes)


def _refuse_impossible(m: PhaseMeasurements) -> None:
    between = np.isin(m.at, BETWEEN_PHASES) & ~np.isin(m.kind, VOLTAGES)
    of_neutral = np.isin(m.at, NO_POWER) & np.isin(m.kind, POWERS)
    if (between | of_neutral).any():
        rows = np.flatnonzero(between | of_neutral)
        raise ValueError(
            f"measurements {rows.tolist()}: no power or current between phases, no neutral power"
        )


def _combine(*keys: NDArray[np.integer]) -> Int64s:
    combined = np.zeros(len(keys[0]), np.int64)
    for key in keys:
        combined = combined * (int(key.max(initial=0)) + 1) + key
    return combined


def _occurrence(kind: Ints, place: Int64s) -> tuple[Ints, Ints]:
    """Which pair of its place each measurement goes to, and its row there."""
    key = _combine(kind, np.unique(place, return_inverse=True)[1])
    order = np.argsort(key, kind="stable")
    is_first = np.concatenate(([True], np.diff(key[order]) != 0))[: len(key)]
    start = np.maximum.accumulate(np.where(is_first, np.arange(len(key)), 0))
    rank = np.empty(len(key), np.intp)
    rank[order] = np.arange(len(key)) - start
    two = np.isin(kind, AXES)
    return np.where(two, rank // 2, rank), np.where(two, rank % 2, _ROW[kind])


def _zeros(wiring: Wiring, m: PhaseMeasurements) -> tuple[Ints, Ints, Ints]:
    """Port, bus and conductors of the exact zeros; absent conductors are passed over."""
    present = m.zero_injection[wiring.structure.position[m.zero_injection] >= 0]
    bus, conductor = np.divmod(present, N_CONDUCTOR)
    closed = m.closed_neutral[wiring.network.present[m.closed_neutral, Conductor.N]]
    closed = np.setdiff1d(closed, bus[conductor == Conductor.N])
    element = np.concatenate((bus, closed))
    at = np.concatenate((conductor, np.full(len(closed), SUM)))
    return np.full(len(element), Port.INJECTED, np.intp), element, at


def _axes(m: PhaseMeasurements, row: Ints, n_pair: int) -> Complexes:
    axes = np.tile(np.array([1.0, 1.0j]), (n_pair, 1))
    chosen = np.isin(m.kind, AXES)
    pair, component = np.divmod(row[chosen], 2)
    axes[pair, component] = np.exp(1j * m.axis_rad[chosen])
    return axes


def _stencils(terms: Terms, n_pair: int) -> Stencils:
    """Align the terms of each pair with the union of their nodes."""
    n_term, n = terms.w.shape
    plus, minus = np.flatnonzero(terms.plus >= 0), np.flatnonzero(terms.minus >= 0)
    term_of_entry = np.repeat(np.arange(n_term), np.diff(terms.w.indptr))
    pairs = np.concatenate((terms.pair[term_of_entry], terms.pair[plus], terms.pair[minus]))
    nodes = np.concatenate((terms.w.indices, terms.plus[plus], terms.minus[minus]))
    keys: Int64s = np.unique(pairs.astype(np.int64) * n + nodes.astype(np.int64))
    pair, columns = np.divmod(keys, n)
    starts = np.searchsorted(pair, np.arange(n_pair + 1)).astype(np.int64)

    length = np.diff(starts)[terms.pair]
    y_starts: Int64s = (np.cumsum(length) - length).astype(np.int64)
    y = np.zeros(int(length.sum()), np.complex128)
    entry = np.searchsorted(keys, terms.pair[term_of_entry].astype(np.int64) * n + terms.w.indices)
    y[y_starts[term_of_entry] + entry - starts[terms.pair[term_of_entry]]] = terms.w.data

    def index(positions: Ints) -> Int64s:
        found = np.searchsorted(keys, terms.pair.astype(np.int64) * n + positions)
        return np.where(positions >= 0, found, -1).astype(np.int64)

    return Stencils(
        starts=starts,
        columns=columns.astype(np.int32),
        term_starts=np.searchsorted(terms.pair, np.arange(n_pair + 1)).astype(np.int64),
        y=y,
        y_starts=y_starts,
        plus=index(terms.plus),
        minus=index(terms.minus),
        share=terms.share,
    )


def _pairs(structure: Structure, stencils: Stencils, n_zero: int) -> Pairs:
    """The view of the shared kernels: every pair counts as a power, the last ones as exact zeros."""
    slot_starts, slots = stencil_slots(structure, stencils.starts, stencils.columns)
    none = np.empty(0)
    n_pair = len(stencils.starts) - 1
    return Pairs(
        n_voltage=0,
        n_power=n_pair,
        n_constraint=n_zero,
        starts=stencils.starts,
        columns=stencils.columns,
        y_re=none,
        y_im=none,
        own=np.empty(0, np.int32),
        slots=slots,
        slot_starts=slot_starts,
    )
