"""Corrected impedances of all equipment for one calculation, in per unit on 1 MVA and the nominal voltages."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gridjobs_workers.grids.network import Complexes, Floats, Ints
from gridjobs_workers.simulation.short_circuit import corrections
from gridjobs_workers.simulation.short_circuit.equipment import Generators, ShortCircuitGrid

Case = Literal["max", "min"]
COPPER_AND_ALUMINIUM_PER_K = 0.004
PAIR_A, PAIR_B = (0, 1, 2), (1, 2, 0)  # windings of pairs AB, BC, CA


@dataclass(frozen=True, slots=True)
class Impedances:
    """Corrected impedances [p.u.]; transformers at the low-voltage side or winding B and C at A.

    Attributes:
        feeder_z1: Shape (n_feeder,).
        feeder_z0: Shape (n_feeder,).
        line_z1: Shape (n_line,).
        line_z0: Shape (n_line,).
        transformer_z1: At HV, shape (n_transformer,).
        transformer_z0: Shape (n_transformer,), neutrals not included.
        star_z1: Legs of three-winding transformers at A's rated voltage, shape (n, 3).
        star_z0: Shape (n, 3), neutrals not included.
        generator_z1: Shape (n_generator,).
        generator_z0: Shape (n_generator,).
        motor_z1: Shape (n_motor,), inf for the least currents.
    """

    feeder_z1: Complexes
    feeder_z0: Complexes
    line_z1: Complexes
    line_z0: Complexes
    transformer_z1: Complexes
    transformer_z0: Complexes
    star_z1: Complexes
    star_z0: Complexes
    generator_z1: Complexes
    generator_z0: Complexes
    motor_z1: Complexes


@dataclass(frozen=True, slots=True)
class Setting:
    """What a calculation assumes.

    Attributes:
        case: "max" or "min".
        c: Voltage factor of each bus, shape (n_bus,).
        c_max: Voltage factor for the greatest currents, which the corrections use in both cases.
        fictitious_r: Generators with the resistance R_Gf, as the peak current wants them.
        frequency_ratio: Frequency over nominal frequency; 0.4 for the 20 Hz of method C.
        inside_unit: Generator between which and its unit transformer the fault is, -1 for none.
    """

    case: Case
    c: Floats
    c_max: Floats
    fictitious_r: bool = False
    frequency_ratio: float = 1.0
    inside_unit: int = -1


def impedances(grid: ShortCircuitGrid, setting: Setting) -> Impedances:
    """Correct all impedances for a calculation."""
    with np.errstate(invalid="ignore"):  # inf (no way to earth) times a complex factor
        return _impedances(grid, setting)


def _impedances(grid: ShortCircuitGrid, setting: Setting) -> Impedances:
    k_generator, k_transformer = _unit_corrections(grid, setting)
    nominal = grid.nominal_kv
    feeder_z1, feeder_z0 = _feeders(grid, setting)
    line_z1, line_z0 = _lines(grid, setting)
    transformers = grid.transformers
    hv_base = nominal[transformers.hv_bus] ** 2
    star_z1, star_z0 = _stars(grid, setting)
    generator_z1 = _generator_ohms(grid.generators, setting) * k_generator
    generator_base = nominal[grid.generators.bus] ** 2
    at = Impedances(
        feeder_z1=feeder_z1,
        feeder_z0=feeder_z0,
        line_z1=line_z1,
        line_z0=line_z0,
        transformer_z1=transformers.z1 * k_transformer / hv_base,
        transformer_z0=transformers.z0 * k_transformer / hv_base,
        star_z1=star_z1,
        star_z0=star_z0,
        generator_z1=generator_z1 / generator_base,
        generator_z0=grid.generators.z0 * k_generator / generator_base,
        motor_z1=_motors(grid, setting),
    )
    return at if setting.frequency_ratio == 1.0 else _at_frequency(at, setting.frequency_ratio)


def _unit_corrections(grid: ShortCircuitGrid, setting: Setting) -> tuple[Floats, Floats]:
    """Correction factor of every generator and of every transformer."""
    transformers, generators, c = grid.transformers, grid.generators, setting.c_max
    x_t = transformers.z1.imag * transformers.rated_mva / transformers.hv_kv**2
    k_transformer = corrections.k_transformer(x_t, c[transformers.lv_bus])
    k_generator = corrections.k_generator(generators, grid.nominal_kv[generators.bus], c[generators.bus])
    in_unit = np.flatnonzero(generators.unit_transformer >= 0)
    k_station = corrections.k_station(grid, x_t, c[transformers.hv_bus])
    k_generator[in_unit] = k_station[in_unit]
    k_transformer[generators.unit_transformer[in_unit]] = k_station[in_unit]
    if setting.inside_unit >= 0:
        i = setting.inside_unit
        on_load = transformers.on_load[generators.unit_transformer]
        k_generator[i] = corrections.k_inside(generators, on_load, c[generators.bus])[i]
        k_transformer[generators.unit_transformer[i]] = 1.0
    return k_generator, k_transformer


def _feeders(grid: ShortCircuitGrid, setting: Setting) -> tuple[Complexes, Complexes]:
    """Z_Q = c U_n / (√3 I''kQ)."""
    feeders, largest = grid.feeders, setting.case == "max"
    current = feeders.ik_max_ka if largest else feeders.ik_min_ka
    rx = feeders.rx_max if largest else feeders.rx_min
    ohm = setting.c[feeders.bus] * grid.nominal_kv[feeders.bus] / (np.sqrt(3) * current)
    x1 = ohm / np.sqrt(1 + rx**2) / grid.nominal_kv[feeders.bus] ** 2
    x0 = x1 * feeders.x0_per_x1
    return x1 * (rx + 1j), x0 * feeders.r0_per_x0 + 1j * x0


def _lines(grid: ShortCircuitGrid, setting: Setting) -> tuple[Complexes, Complexes]:
    """Lines at 20 °C, or warm for the least currents."""
    lines = grid.lines
    warmth = 0.0 if setting.case == "max" else COPPER_AND_ALUMINIUM_PER_K * (lines.end_temperature_c - 20)
    base = grid.nominal_kv[lines.from_bus] ** 2
    return (lines.z1 + warmth * lines.z1.real) / base, (lines.z0 + warmth * lines.z0.real) / base


def _stars(grid: ShortCircuitGrid, setting: Setting) -> tuple[Complexes, Complexes]:
    """Corrected pairs, as stars; c_max of the lower voltage of each pair."""
    three = grid.three_winding
    a_kv, base = three.kv[:, :1], grid.nominal_kv[three.bus[:, 0]][:, None] ** 2
    lower = np.where(three.kv[:, PAIR_A] < three.kv[:, PAIR_B], three.bus[:, PAIR_A], three.bus[:, PAIR_B])
    k = corrections.k_transformer(three.z1.imag * three.pair_mva / a_kv**2, setting.c_max[lower])
    return _star(three.z1 * k / base), _star(three.z0 * k / base)


def _star(pairs: Complexes) -> Complexes:
    """Legs A, B, C from pairs AB, BC, CA, shape (n, 3)."""
    ab, bc, ca = pairs[:, 0], pairs[:, 1], pairs[:, 2]
    return np.stack((ab + ca - bc, ab + bc - ca, bc + ca - ab), axis=1) / 2


def _generator_ohms(generators: Generators, setting: Setting) -> Complexes:
    """R_G + j X''d; R_Gf, the fictitious resistance: 0.05, 0.07 or 0.15 X''d by size and voltage."""
    x = generators.xd_pu * generators.rated_kv**2 / generators.rated_mva
    share = np.where(generators.rated_mva >= 100, 0.05, 0.07)
    fictitious = np.where(generators.rated_kv <= corrections.LOW_VOLTAGE_KV, 0.15, share) * x
    use = setting.fictitious_r | np.isnan(generators.r)
    return np.asarray(np.where(use, fictitious, generators.r) + 1j * x)


def _motors(grid: ShortCircuitGrid, setting: Setting) -> Complexes:
    """Z_M = U_r² / S_r over the starting ratio; motors do not feed the least currents."""
    motors = grid.motors
    rated_mva = motors.rated_mw / (motors.efficiency * motors.cos_phi)
    ohm = motors.rated_kv**2 / rated_mva / motors.starting_ratio
    x = ohm / np.sqrt(1 + motors.rx**2) / grid.nominal_kv[motors.bus] ** 2
    return np.full(len(x), np.inf + 0j) if setting.case == "min" else x * (motors.rx + 1j)


def _at_frequency(at: Impedances, ratio: float) -> Impedances:
    """Impedances at another frequency: reactances in proportion."""

    def scaled(z: Complexes) -> Complexes:
        return np.asarray(z.real + 1j * ratio * z.imag)

    return Impedances(*(scaled(getattr(at, name)) for name in Impedances.__slots__))


def own_rating(generators: Generators) -> Floats:
    """Rated current of each generator [kA]."""
    return np.asarray(generators.rated_mva / (np.sqrt(3) * generators.rated_kv))


def first_in_unit(grid: ShortCircuitGrid, bus: int) -> int:
    """Generator of a power station unit at this bus, -1 where none."""
    found: Ints = np.flatnonzero((grid.generators.bus == bus) & (grid.generators.unit_transformer >= 0))
    return int(found[0]) if found.size else -1
