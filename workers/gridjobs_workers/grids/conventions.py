"""Which reading of transformers the file's own solution obeys.

CIM leaves open where in a transformer the magnetising admittance lies, and exporters disagree on its sign and on
whether vector groups shift the solved angles. A file with a solution tells: of the possible readings the one is
taken under which its voltages and injections fit best. Without a solution, or when it tells nothing, the reading
is the usual one: half the admittance at each side of two windings (at the star point of more), its sign as
written, no shift by vector groups.
"""

from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np

from gridjobs_workers.grids.arrays import Bools, Complexes, Floats, Rows, complexes, polar
from gridjobs_workers.grids.model import Branches, Injections, Shunts
from gridjobs_workers.grids.state import injected_mva
from gridjobs_workers.grids.windings import Windings

DEGREES_PER_HOUR: Final = 30.0
FULL_TURN_DEG: Final = 360.0
# Another reading must fit this much better than the usual one.
CONVINCING: Final = 0.8
# A bus counts at most this many times its transformers' magnetising power: other faults must not decide.
CAP: Final = 3.0
# Share of a transformer's impedance that a winding without any gets, so that its star point can be solved for.
SLIVER: Final = 1e-7


@dataclass(frozen=True, slots=True)
class Conventions:
    """One reading of all transformers.

    Attributes:
        shared: The magnetising admittance lies half at each side, or at the star point; else at its own winding.
        inductive: It draws reactive power whatever its sign.
        with_clocks: Vector groups shift the phase.
    """

    shared: bool = True
    inductive: bool = False
    with_clocks: bool = False

    def turned(self, windings: Windings) -> Complexes:
        """Off-nominal ratio of each winding with the shift of its vector group."""
        hours = windings.clock if self.with_clocks else np.zeros(len(windings.clock))
        return np.asarray(windings.ratio * np.exp(-1j * np.deg2rad(DEGREES_PER_HOUR) * hours))


def placed_magnetising(windings: Windings, conventions: Conventions) -> tuple[Complexes, Complexes]:
    """Place the magnetising admittances, in MVA at rated voltage.

    Returns:
        The admittance at each winding's own end, and each winding's part of the one at the star point, shape
        (n_end,) both.
    """
    b = -np.abs(windings.b) if conventions.inductive else windings.b
    own = complexes(windings.g, b) * windings.rated_kv**2
    if not conventions.shared:
        return own, np.zeros_like(own)
    part = _of_transformer(windings, own) / windings.count
    has_two = windings.count == 2
    return part * has_two, part * ~has_two


@dataclass(frozen=True, slots=True)
class Observed:
    """What the solution says around transformers.

    Attributes:
        voltage_kv: Complex voltage of each bus [kV], NaN where it is not solved, shape (n_bus,).
        needed_mva: Power that transformers must take from each bus, shape (n_bus,).
        bus: Bus of each winding, shape (n_end,).
        closed: Whether all windings of its transformer are connected, shape (n_end,).
    """

    voltage_kv: Complexes
    needed_mva: Complexes
    bus: Rows
    closed: Bools


def observe(
    solution: tuple[Floats, Floats], lines: Branches, injections: Injections, shunts: Shunts
) -> tuple[Complexes, Complexes]:
    """Return the solved voltages [kV] and what transformers must take from each bus [MVA], given all else."""
    voltage = polar(*solution)
    needed = np.zeros(len(voltage), dtype=np.complex128)
    p_mw, q_mvar = injected_mva(injections, "sv")
    live = injections.in_service
    np.add.at(needed, injections.bus[live], complexes(p_mw, q_mvar)[live])
    for own, other, y_own, y_other in (
        (lines.from_bus, lines.to_bus, lines.y_ff, lines.y_ft),
        (lines.to_bus, lines.from_bus, lines.y_tt, lines.y_tf),
    ):
        live = lines.from_closed & lines.to_closed
        flow = voltage[own] * np.conj(y_own * voltage[own] + y_other * voltage[other])
        np.add.at(needed, own[live], -flow[live])
    drawn = complexes(shunts.g, -shunts.b) * shunts.in_service * np.abs(voltage[shunts.bus]) ** 2
    np.add.at(needed, shunts.bus, -drawn)
    return voltage, needed


def choose(windings: Windings, observed: Observed) -> Conventions:
    """Return the reading that the solution obeys."""
    usual = Conventions(with_clocks=_clocks_count(windings, observed))
    telling = ((windings.g != 0) | (windings.b != 0)) & observed.closed
    buses = np.unique(observed.bus[np.isin(windings.transformer, windings.transformer[telling])])
    buses = buses[np.isfinite(observed.needed_mva[buses])]
    if not len(buses):
        return usual
    readings = [
        replace(usual, shared=shared, inductive=inductive)
        for shared, inductive in product((True, False), (False, True))
    ]
    misfits = [_misfit(windings, observed, reading, buses) for reading in readings]
    best = int(np.argmin(misfits))
    return readings[best] if misfits[best] < CONVINCING * misfits[0] else usual


def _clocks_count(windings: Windings, observed: Observed) -> bool:
    """Whether solved angles are shifted by vector groups: most exporters leave them out."""
    leader = np.searchsorted(windings.transformer, windings.transformer, side="left")
    hours = windings.clock - windings.clock[leader]
    seen = np.angle(observed.voltage_kv[observed.bus] / windings.ratio, deg=True)
    lag = seen[leader] - seen
    telling = (hours % 12 != 0) & ~np.isnan(lag)
    as_shifted = np.abs(_wrapped(lag - hours * DEGREES_PER_HOUR))[telling]
    as_plain = np.abs(_wrapped(lag))[telling]
    return bool((as_shifted < as_plain).sum() > (as_plain < as_shifted).sum())


def _wrapped(degrees: Floats) -> Floats:
    return (degrees + FULL_TURN_DEG / 2) % FULL_TURN_DEG - FULL_TURN_DEG / 2


def _misfit(windings: Windings, observed: Observed, reading: Conventions, buses: Rows) -> float:
    """What is left at some buses when transformers carry what this reading says, summed [MVA]."""
    at_end, at_star = placed_magnetising(windings, reading)
    z = complexes(windings.r, windings.x) / windings.rated_kv**2
    series = 1 / (z + SLIVER * _of_transformer(windings, z))
    e = observed.voltage_kv[observed.bus] / (reading.turned(windings) * windings.rated_kv)
    star = _of_transformer(windings, series * e) / _of_transformer(windings, series + at_star)
    flow = e * np.conj(series * (e - star) + at_end * e)
    left = observed.needed_mva.copy()
    np.add.at(left, observed.bus[observed.closed], -flow[observed.closed])
    cap = np.zeros(len(left))
    np.add.at(cap, observed.bus, CAP * np.abs(_of_transformer(windings, at_end + at_star)))
    return float(np.nansum(np.minimum(np.abs(left[buses]), cap[buses])))


def _of_transformer(windings: Windings, values: Complexes) -> Complexes:
    """Sum over the windings of each transformer, at each of them."""
    _, group = np.unique(windings.transformer, return_inverse=True)
    total = np.zeros(len(windings.transformer), dtype=np.complex128)
    np.add.at(total, group, values)
    return total[group]
