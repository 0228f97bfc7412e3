"""Positive- and zero-sequence networks."""

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_array

from gridjobs_workers.grids.network import Complexes, Floats, Ints
from gridjobs_workers.simulation.short_circuit.equipment import ShortCircuitGrid
from gridjobs_workers.simulation.short_circuit.impedances import Impedances
from gridjobs_workers.simulation.short_circuit.thevenin import SequenceNetwork


@dataclass
class _Stamps:
    """Admittances gathered before the matrix is made."""

    rows: list[Ints] = field(default_factory=list)
    columns: list[Ints] = field(default_factory=list)
    values: list[Complexes] = field(default_factory=list)
    earths: list[Ints] = field(default_factory=list)

    def add(self, row: Ints, column: Ints, value: Complexes) -> None:
        self.rows.append(row)
        self.columns.append(column)
        self.values.append(value)

    def shunt(self, bus: Ints, z: Complexes) -> None:
        """An impedance to earth; inf is none."""
        self.add(bus, bus, _inverse(z))
        self.earths.append(bus[np.isfinite(z)])

    def series(self, f: Ints, t: Ints, z: Complexes, ratio: Floats | float = 1.0) -> None:
        """An impedance at the from side of an ideal transformer, ratio its from turns over its to turns [p.u.]."""
        y = _inverse(z)
        self.add(f, f, y)
        self.add(f, t, -y * ratio)
        self.add(t, f, -y * ratio)
        self.add(t, t, y * np.square(ratio))

    def network(self, size: int) -> SequenceNetwork:
        rows, columns, values = (np.concatenate(a) for a in (self.rows, self.columns, self.values))
        matrix = coo_array((values, (rows, columns)), shape=(size, size)).tocsc()
        return SequenceNetwork(matrix, np.concatenate(self.earths))


def positive_sequence(grid: ShortCircuitGrid, z: Impedances) -> SequenceNetwork:
    """All sources as impedances to earth; star points of three-winding transformers behind the buses."""
    y = _Stamps()
    y.shunt(grid.feeders.bus, z.feeder_z1)
    y.shunt(grid.generators.bus, z.generator_z1)
    y.shunt(grid.motors.bus, z.motor_z1)
    y.series(grid.lines.from_bus, grid.lines.to_bus, z.line_z1)
    transformers, three = grid.transformers, grid.three_winding
    y.series(transformers.hv_bus, transformers.lv_bus, z.transformer_z1, _ratios(grid))
    star = _star_points(grid)
    for winding in range(3):
        y.series(star, three.bus[:, winding], z.star_z1[:, winding], _winding_ratios(grid, winding))
    return y.network(grid.n_bus + len(star))


def zero_sequence(grid: ShortCircuitGrid, z: Impedances) -> SequenceNetwork:
    """Ways to earth through feeders, machines and earthed windings."""
    y = _Stamps()
    y.shunt(grid.feeders.bus, z.feeder_z0)
    y.shunt(grid.generators.bus, z.generator_z0)
    y.series(grid.lines.from_bus, grid.lines.to_bus, z.line_z0)
    _transformers_zero(y, grid, z)
    _three_winding_zero(y, grid, z)
    return y.network(grid.n_bus + len(grid.three_winding.bus))


def _transformers_zero(y: _Stamps, grid: ShortCircuitGrid, z: Impedances) -> None:
    """Earthed windings close the current on themselves or pass it on, with three times their neutral impedance."""
    t, ratio = grid.transformers, _ratios(grid)
    hv_neutral = 3 * t.hv_neutral / grid.nominal_kv[t.hv_bus] ** 2
    lv_neutral = 3 * t.lv_neutral / grid.nominal_kv[t.lv_bus] ** 2
    through = t.passes_zero & t.hv_earthed & t.lv_earthed
    whole = z.transformer_z0 + hv_neutral + lv_neutral * ratio**2
    y.series(t.hv_bus[through], t.lv_bus[through], whole[through], ratio[through])
    at_hv, at_lv = t.hv_earthed & ~t.passes_zero, t.lv_earthed & ~t.passes_zero
    y.shunt(t.hv_bus[at_hv], (z.transformer_z0 + hv_neutral)[at_hv])
    y.shunt(t.lv_bus[at_lv], (z.transformer_z0 / ratio**2 + lv_neutral)[at_lv])


def _three_winding_zero(y: _Stamps, grid: ShortCircuitGrid, z: Impedances) -> None:
    """Earthed windings lead to the star point, delta windings earth it, others are open."""
    three, star = grid.three_winding, _star_points(grid)
    for winding in range(3):
        bus, ratio = three.bus[:, winding], _winding_ratios(grid, winding)
        neutral = 3 * three.neutral[:, winding] / grid.nominal_kv[bus] ** 2 * ratio**2
        earthed, delta = three.earthed[:, winding], three.delta[:, winding]
        leg = z.star_z0[:, winding]
        y.series(star[earthed], bus[earthed], (leg + neutral)[earthed], ratio[earthed])
        y.shunt(star[delta], leg[delta])


def _star_points(grid: ShortCircuitGrid) -> Ints:
    return grid.n_bus + np.arange(len(grid.three_winding.bus))


def _ratios(grid: ShortCircuitGrid) -> Floats:
    """Rated over nominal ratio of two-winding transformers."""
    t = grid.transformers
    return np.asarray(t.hv_kv / t.lv_kv * grid.nominal_kv[t.lv_bus] / grid.nominal_kv[t.hv_bus])


def _winding_ratios(grid: ShortCircuitGrid, winding: int) -> Floats:
    """Rated over nominal ratio from winding A's nominal voltage to a winding."""
    three = grid.three_winding
    rated = three.kv[:, 0] / three.kv[:, winding]
    return np.asarray(rated * grid.nominal_kv[three.bus[:, winding]] / grid.nominal_kv[three.bus[:, 0]])


def _inverse(z: Complexes) -> Complexes:
    """1 / z, 0 where z is infinite."""
    y = np.zeros_like(z)
    np.divide(1.0, z, out=y, where=np.isfinite(z))
    return y
