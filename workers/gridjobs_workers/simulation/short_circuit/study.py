"""Short-circuit currents by the equivalent voltage source at the fault, IEC 60909-0."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from gridjobs_workers.grids.network import Complexes, Floats, Ints
from gridjobs_workers.simulation.short_circuit.breaking import FAR_FROM_GENERATOR, breaking_current, mu, q
from gridjobs_workers.simulation.short_circuit.corrections import LOW_VOLTAGE_KV, c_max, c_min
from gridjobs_workers.simulation.short_circuit.equipment import ShortCircuitGrid
from gridjobs_workers.simulation.short_circuit.errors import MissingData, NoInfeed
from gridjobs_workers.simulation.short_circuit.impedances import (
    Case,
    Impedances,
    Setting,
    first_in_unit,
    impedances,
    own_rating,
)
from gridjobs_workers.simulation.short_circuit.sequence_networks import positive_sequence, zero_sequence
from gridjobs_workers.simulation.short_circuit.thevenin import AT_ONCE, SequenceNetwork

Fault = Literal["three_phase", "two_phase", "phase_to_ground"]
EQUIVALENT_FREQUENCY = 0.4  # 20 Hz at 50 Hz, 24 Hz at 60 Hz


@dataclass(frozen=True, slots=True)
class ShortCircuitOptions:
    """What to compute.

    Attributes:
        fault: Kind of fault.
        case: Greatest or least currents.
        kappa_method: "B" (1.15 κ at the fault, capped) or "C" (equivalent frequency).
        minimum_delay_s: Time from the fault to the first opening of contacts, for I_b.
        low_voltage_tolerance_percent: 6 or 10, which chooses c in low voltage.
    """

    fault: Fault = "three_phase"
    case: Case = "max"
    kappa_method: Literal["B", "C"] = "C"
    minimum_delay_s: float = 0.1
    low_voltage_tolerance_percent: int = 6


@dataclass(frozen=True, slots=True)
class ShortCircuitResult:
    """Currents of faults, shape (n_fault,) each.

    Attributes:
        bus: Where.
        ik_ka: Initial symmetrical current I''k [kA].
        ip_ka: Peak current.
        ib_ka: Symmetrical breaking current; NaN but for three-phase faults.
        sk_mva: Initial short-circuit power √3 U_n I''k [MVA].
        z1_ohm: Positive-sequence impedance at the fault.
        z0_ohm: Zero-sequence impedance; inf without a way to earth, NaN where it does not matter.
        kappa: Factor of the peak current.
    """

    bus: Ints
    ik_ka: Floats
    ip_ka: Floats
    ib_ka: Floats
    sk_mva: Floats
    z1_ohm: Complexes
    z0_ohm: Complexes
    kappa: Floats


def run_short_circuit(
    grid: ShortCircuitGrid, buses: Ints, options: ShortCircuitOptions
) -> ShortCircuitResult:
    """Short-circuit currents for a fault at each of the buses, one at a time.

    Raises:
        NoInfeed: Nothing feeds some of the buses.
        MissingData: Zero-sequence impedances are missing for a fault to earth.
    """
    tolerance = options.low_voltage_tolerance_percent
    most = c_max(grid.nominal_kv, tolerance)
    c = most if options.case == "max" else c_min(grid.nominal_kv, tolerance)
    setting = Setting(options.case, c, most)
    if options.fault == "phase_to_ground":
        _require_zero_sequence(grid)
    inside = np.array([first_in_unit(grid, int(bus)) for bus in buses], dtype=np.intp)
    parts = []
    for generator in np.unique(inside):
        where = np.flatnonzero(inside == generator)
        result = _at(grid, buses[where], _inside(grid, setting, int(generator)), options)
        parts.append((where, result))
    return _in_order(len(buses), parts)


def _inside(grid: ShortCircuitGrid, setting: Setting, generator: int) -> Setting:
    """The setting for faults at the terminals of a unit's generator, -1 for all others."""
    if generator < 0:
        return setting
    c, bus = setting.c.copy(), grid.generators.bus[generator]
    c[bus] *= grid.generators.rated_kv[generator] / grid.nominal_kv[bus]
    return replace(setting, c=c, inside_unit=generator)


def _at(
    grid: ShortCircuitGrid, buses: Ints, setting: Setting, options: ShortCircuitOptions
) -> ShortCircuitResult:
    z = impedances(grid, setting)
    positive = positive_sequence(grid, z)
    if not positive.earthed[buses].all():
        raise NoInfeed(buses[~positive.earthed[buses]])
    z1 = positive.impedance(buses)
    z0 = np.full(len(buses), np.nan + 0j)
    if options.fault == "phase_to_ground":
        z0 = zero_sequence(grid, z).impedance(buses)
    c, nominal = setting.c[buses], grid.nominal_kv[buses]
    base_ka = 1 / (np.sqrt(3) * nominal)  # of 1 MVA
    ik = initial_current(options.fault, c, z1, z0) * base_ka
    kappa = _kappa(grid, buses, setting, options)
    ib = np.full(len(buses), np.nan)
    if options.fault == "three_phase":
        ib = _breaking(grid, buses, setting, z, positive, options.minimum_delay_s) * base_ka
    ohm = nominal**2
    return ShortCircuitResult(
        bus=buses,
        ik_ka=ik,
        ip_ka=kappa * np.sqrt(2) * ik,
        ib_ka=ib,
        sk_mva=np.sqrt(3) * nominal * ik,
        z1_ohm=z1 * ohm,
        z0_ohm=z0.real * ohm + 1j * (z0.imag * ohm),
        kappa=kappa,
    )


def initial_current(fault: Fault, c: Floats, z1: Complexes, z0: Complexes) -> Floats:
    """I''k [p.u.] with Z2 = Z1."""
    if fault == "three_phase":
        return np.asarray(c / np.abs(z1))
    if fault == "two_phase":
        return np.asarray(np.sqrt(3) * c / np.abs(2 * z1))
    earthed = np.isfinite(z0)
    return np.where(earthed, 3 * c / np.abs(2 * z1 + np.where(earthed, z0, 0)), 0.0)


def kappa(r_per_x: Floats) -> Floats:
    """κ = 1.02 + 0.98 exp(-3 R/X)."""
    return np.asarray(1.02 + 0.98 * np.exp(-3 * r_per_x))


def _kappa(grid: ShortCircuitGrid, buses: Ints, setting: Setting, options: ShortCircuitOptions) -> Floats:
    """Factor of the peak current, with the fictitious resistances of generators."""
    ratio = EQUIVALENT_FREQUENCY if options.kappa_method == "C" else 1.0
    setting = replace(setting, fictitious_r=True, frequency_ratio=ratio)
    z = positive_sequence(grid, impedances(grid, setting)).impedance(buses)
    at_fault = kappa(z.real / z.imag * ratio)
    if options.kappa_method == "C":
        return at_fault
    return np.minimum(1.15 * at_fault, np.where(grid.nominal_kv[buses] <= LOW_VOLTAGE_KV, 1.8, 2.0))


def _breaking(
    grid: ShortCircuitGrid,
    buses: Ints,
    setting: Setting,
    z: Impedances,
    positive: SequenceNetwork,
    delay_s: float,
) -> Floats:
    """I_b of three-phase faults [p.u.]."""
    generators, motors = grid.generators, grid.motors
    motor_rating = motors.rated_mw / (motors.efficiency * motors.cos_phi) / (np.sqrt(3) * motors.rated_kv)
    machine_bus = np.concatenate((generators.bus, motors.bus))
    machine_z = np.concatenate((z.generator_z1, z.motor_z1))
    rated_pu = (
        np.concatenate((own_rating(generators), motor_rating)) * np.sqrt(3) * grid.nominal_kv[machine_bus]
    )
    further = np.ones(len(machine_bus))
    further[len(generators.bus) :] = q(motors.rated_mw / motors.pole_pairs, delay_s)
    ib = np.empty(len(buses))
    for first in range(0, len(buses), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        columns = positive.columns(buses[some])
        own = columns[buses[some], np.arange(columns.shape[1])]
        c = setting.c[buses[some]]
        # What a machine feeds into a fault with -c at its place, and its drop on X''d.
        current = (
            columns[machine_bus] / own * c / np.where(np.isfinite(machine_z), machine_z, np.inf)[:, None]
        )
        drop = 1j * np.where(np.isfinite(machine_z), machine_z.imag, 0.0)[:, None] * current
        ratio = np.abs(current) / rated_pu[:, None]
        remaining = np.where(ratio > FAR_FROM_GENERATOR, mu(ratio, delay_s) * further[:, None], 1.0)
        ib[some] = breaking_current(c / own, current, drop, remaining, c)
    return ib


def _require_zero_sequence(grid: ShortCircuitGrid) -> None:
    for name, values in (
        ("lines", grid.lines.z0),
        ("transformers", grid.transformers.z0[grid.transformers.hv_earthed | grid.transformers.lv_earthed]),
        ("three-winding transformers", grid.three_winding.z0),
        ("feeders", grid.feeders.x0_per_x1 * (1 + grid.feeders.r0_per_x0)),
        ("generators", grid.generators.z0),
    ):
        missing = np.flatnonzero(np.isnan(values) if values.ndim == 1 else np.isnan(values).any(axis=1))
        if missing.size:
            raise MissingData(name, "zero-sequence impedance", missing)


def _in_order(n: int, parts: list[tuple[Ints, ShortCircuitResult]]) -> ShortCircuitResult:
    """Results of groups of faults in the order asked for."""
    whole = {}
    for name in ShortCircuitResult.__slots__:
        values = np.empty(n, dtype=getattr(parts[0][1], name).dtype if parts else float)
        for where, result in parts:
            values[where] = getattr(result, name)
        whole[name] = values
    return ShortCircuitResult(**whole)
