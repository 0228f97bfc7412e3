"""From measurements to pairs: where each measurement stands in the arrays of the kernels.

Two measurements of one place (P and Q, |V| and angle, two components of a current) share a pair. A second
meter of the same quantity gets a pair of its own. A row of a pair without measurement has weight zero.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.kernels.bundles import Pairs
from gridjobs_workers.estimation.measurements import Kind, Measurements, Side
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.grids.network import Floats, Ints, Network

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]


class Group(IntEnum):
    """What a pair is; the order is the kernels' order."""

    VOLTAGE = 0
    INJECTED = 1
    FLOWING = 2
    ZERO = 3
    I_MAG = 4
    I_AXIS = 5
    I_INJ_MAG = 6
    I_INJ_AXIS = 7


_GROUP_AND_ROW = {
    Kind.V_MAG: (Group.VOLTAGE, 1),
    Kind.V_ANG: (Group.VOLTAGE, 0),
    Kind.P_INJ: (Group.INJECTED, 0),
    Kind.Q_INJ: (Group.INJECTED, 1),
    Kind.P_FLOW: (Group.FLOWING, 0),
    Kind.Q_FLOW: (Group.FLOWING, 1),
    Kind.I_MAG: (Group.I_MAG, 0),
    Kind.I_AXIS: (Group.I_AXIS, 0),
    Kind.I_INJ_MAG: (Group.I_INJ_MAG, 0),
    Kind.I_INJ_AXIS: (Group.I_INJ_AXIS, 0),
}
_GROUP = np.array([_GROUP_AND_ROW[kind][0] for kind in Kind])
_ROW = np.array([_GROUP_AND_ROW[kind][1] for kind in Kind])
_AT_BRANCH = (Group.FLOWING, Group.I_MAG, Group.I_AXIS)
_TWO_AXES = (Group.I_AXIS, Group.I_INJ_AXIS)
_MAGNITUDES = (Group.I_MAG, Group.I_INJ_MAG)


@dataclass(frozen=True, slots=True)
class Layout:
    """Pairs of one set of measurements on one structure.

    Attributes:
        pairs: What the kernels take.
        row: Row (2 · pair + component) of each measurement, shape (n_measurement,).
        axes: Axes of each pair, see `jacobian.evaluate`, shape (4 n_pair,).
        magnitudes: Pairs that measure |I|.
        zero_bus: Bus of each exact zero, in the order of the constraint pairs.
    """

    pairs: Pairs
    row: Ints
    axes: Floats
    magnitudes: Ints
    zero_bus: Ints

    @property
    def n_pair(self) -> int:
        """Number of pairs."""
        return len(self.pairs.own)

    @property
    def constraint_rows(self) -> slice:
        """Rows of the exact zeros."""
        end = self.pairs.n_voltage + self.pairs.n_power
        return slice(2 * (end - self.pairs.n_constraint), 2 * end)


def metered_bus(network: Network, measurements: Measurements) -> Ints:
    """The bus at which each measurement is taken, shape (n_measurement,)."""
    bus = measurements.element.copy()
    at_branch = ~measurements.at_bus()
    branch, is_to = bus[at_branch], measurements.side[at_branch] == Side.TO
    bus[at_branch] = np.where(is_to, network.to_bus[branch], network.from_bus[branch])
    return bus


def build_layout(network: Network, structure: Structure, measurements: Measurements) -> Layout:
    """Arrange measurements and zero injections in pairs."""
    zero = measurements.zero_injection
    group = np.concatenate((_GROUP[measurements.kind], np.full(len(zero), Group.ZERO)))
    side = np.concatenate((measurements.side, np.zeros(len(zero), np.intp)))
    element = np.concatenate((measurements.element, zero))
    place = np.where(np.isin(group, _AT_BRANCH), 2 * element + side, element)
    bus = np.concatenate((metered_bus(network, measurements), zero))

    occurrence, component = _occurrence(measurements.kind, place[: len(measurements)])
    occurrence = np.concatenate((occurrence, np.zeros(len(zero), np.intp)))
    key = _combine(group, structure.position[bus], place, occurrence)
    _, first, pair = np.unique(key, return_index=True, return_inverse=True)

    row = 2 * pair[: len(measurements)] + component
    pairs = _pairs(network, structure, group[first], element[first], side[first], bus[first])
    return Layout(
        pairs=pairs,
        row=row,
        axes=_axes(measurements, row, len(first)),
        magnitudes=np.flatnonzero(np.isin(group[first], _MAGNITUDES)),
        zero_bus=element[first][group[first] == Group.ZERO],
    )


def _combine(*keys: Ints) -> Int64s:
    combined = np.zeros(len(keys[0]), np.int64)
    for key in keys:
        combined = combined * (int(key.max(initial=0)) + 1) + key
    return combined


def _occurrence(kind: Ints, place: Ints) -> tuple[Ints, Ints]:
    """Which pair of its place each measurement goes to, and its row there."""
    key = _combine(kind, place)
    order = np.argsort(key, kind="stable")
    is_first = np.concatenate(([True], np.diff(key[order]) != 0))[: len(key)]
    start = np.maximum.accumulate(np.where(is_first, np.arange(len(key)), 0))
    rank = np.empty(len(key), np.intp)
    rank[order] = np.arange(len(key)) - start
    two_axes = np.isin(_GROUP[kind], _TWO_AXES)
    return np.where(two_axes, rank // 2, rank), np.where(two_axes, rank % 2, _ROW[kind])


def _axes(measurements: Measurements, row: Ints, n_pair: int) -> Floats:
    axes = np.zeros((2 * n_pair, 2))
    chosen = np.isin(_GROUP[measurements.kind], _TWO_AXES)
    angle = measurements.axis_rad[chosen]
    axes[row[chosen]] = np.column_stack((np.cos(angle), np.sin(angle)))
    return axes.ravel()


def _pairs(
    network: Network, structure: Structure, group: Ints, element: Ints, side: Ints, bus: Ints
) -> Pairs:
    position = structure.position[bus]
    at_branch = np.isin(group, _AT_BRANCH)
    at_voltage = group == Group.VOLTAGE
    whole_row = ~at_branch & ~at_voltage
    branch, is_to = element[at_branch], side[at_branch] == 1
    other = structure.position[np.where(is_to, network.from_bus[branch], network.to_bus[branch])]
    is_loop = other == position[at_branch]

    length = np.ones(len(group), np.int64)
    length[whole_row] = np.diff(structure.stencil_starts)[position[whole_row]]
    length[at_branch] = np.where(is_loop, 1, 2)
    starts = np.concatenate(([0], np.cumsum(length))).astype(np.int64)
    columns = np.empty(starts[-1], np.int32)
    y = np.zeros(starts[-1], np.complex128)
    own = np.zeros(len(group), np.int32)

    columns[starts[:-1][at_voltage]] = position[at_voltage]

    target = ragged(starts[:-1][whole_row], length[whole_row])
    source = ragged(structure.stencil_starts[position[whole_row]], length[whole_row])
    columns[target] = structure.stencil_columns[source]
    y[target] = structure.stencil_y[source]
    pair_of = np.repeat(np.flatnonzero(whole_row), length[whole_row])
    mine = columns[target] == position[pair_of]
    own[pair_of[mine]] = (target - starts[pair_of])[mine]

    y_own = np.where(is_to, network.y_tt[branch], network.y_ff[branch])
    y_other = np.where(is_to, network.y_tf[branch], network.y_ft[branch])
    own[at_branch] = np.where(is_loop, 0, position[at_branch] > other)
    at_own = starts[:-1][at_branch] + own[at_branch]
    at_other = starts[:-1][at_branch] + np.where(is_loop, 0, 1 - own[at_branch])
    columns[at_own] = position[at_branch]
    columns[at_other] = other
    y[at_other] = y_other
    y[at_own] = np.where(is_loop, y_own + y_other, y_own)

    slot_starts, slots = stencil_slots(structure, starts, columns)
    return Pairs(
        n_voltage=int(at_voltage.sum()),
        n_power=int(np.isin(group, (Group.INJECTED, Group.FLOWING, Group.ZERO)).sum()),
        n_constraint=int((group == Group.ZERO).sum()),
        starts=starts,
        columns=columns,
        y_re=np.ascontiguousarray(y.real),
        y_im=np.ascontiguousarray(y.imag),
        own=own,
        slots=slots,
        slot_starts=slot_starts,
    )


def ragged(starts: NDArray[np.integer], lengths: NDArray[np.integer]) -> Int64s:
    """Concatenate the ranges start … start + length."""
    before = np.cumsum(lengths) - lengths
    inside: Int64s = np.arange(lengths.sum(), dtype=np.int64) + np.repeat(starts - before, lengths)
    return inside


def stencil_slots(structure: Structure, starts: Int64s, columns: Int32s) -> tuple[Int64s, Int64s]:
    """Block of each pair of stencil entries (a, b ≤ a), and where those of each measurement pair start."""
    length = np.diff(starts)
    slot_starts = np.concatenate(([0], np.cumsum(length * (length + 1) // 2))).astype(np.int64)
    entry = np.arange(len(columns))
    first = np.repeat(starts[:-1], length)
    a = np.repeat(entry, entry - first + 1)
    b = ragged(first, entry - first + 1)
    return slot_starts, structure.slots(columns[b], columns[a])
