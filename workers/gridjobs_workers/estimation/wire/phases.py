"""From readings and assumptions to measurements of single phases."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.three_phase.measurements import At as Conductors
from gridjobs_workers.estimation.three_phase.measurements import PhaseMeasurements, no_injection_at
from gridjobs_workers.estimation.wire.assemble import out_of_service
from gridjobs_workers.estimation.wire.places import At, Place
from gridjobs_workers.estimation.wire.pseudo import Assumed
from gridjobs_workers.estimation.wire.readings import Reading
from gridjobs_workers.estimation.wire.rows import Role, Rows, Source
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.grids.network import Ints

AT = {"A": Conductors.A, "B": Conductors.B, "C": Conductors.C, "ABC": Conductors.ABC}
PHASES = ("A", "B", "C")
# How far the phases of a load of known total may differ from a third of it, one standard deviation.
UNBALANCE = 0.5

BUS_KINDS = {
    "voltage_magnitude": Kind.V_MAG,
    "voltage_angle": Kind.V_ANG,
    "active_power": Kind.P_INJ,
    "reactive_power": Kind.Q_INJ,
}
BRANCH_KINDS = {**BUS_KINDS, "active_power": Kind.P_FLOW, "reactive_power": Kind.Q_FLOW}
Part = tuple[float, float, Reading | None]  # value, variance [p.u.] of one phase, what was measured of it


@dataclass(slots=True)
class PhaseRows:
    """Rows for the three-phase core: as `Rows`, with the conductors of each."""

    rows: Rows = field(default_factory=Rows)
    at: list[int] = field(default_factory=list)

    def add(
        self,
        kind: Kind,
        element: int,
        phase: str,
        value: float,
        sigma: float,
        sources: list[Source],
        *,
        side: int = 0,
        pseudo: bool = False,
        axis: float = 0.0,
    ) -> None:
        """Add a measurement of a phase, or of all three."""
        self.rows.add(kind, element, value, sigma, sources, side=side, pseudo=pseudo, axis=axis)
        self.at.append(AT[phase])

    def measurements(self, zero_injection: Ints) -> PhaseMeasurements:
        """Return the core's measurements; nothing enters at any conductor of `zero_injection` buses."""
        rows = self.rows
        return PhaseMeasurements.of(
            rows.kind,
            rows.element,
            self.at,
            rows.value,
            rows.sigma,
            side=rows.side,
            is_pseudo=rows.pseudo,
            axis_rad=rows.axis,
            zero_injection=no_injection_at(zero_injection),
        )


def assemble_phases(readings: Iterable[Reading], assumed: Assumed, scene: Scene) -> PhaseRows:
    """Arrange readings and assumptions for the three-phase core.

    What equipment draws in total is a measurement of the total, and a loose one of each phase.
    """
    found = PhaseRows()
    at_injection: dict[tuple[int, str], list[Reading]] = defaultdict(list)
    currents: dict[tuple[Place, str], dict[str, Reading]] = defaultdict(dict)
    for reading in readings:
        if (reason := out_of_service(reading)) is not None:
            found.rows.unused.append((reading, reason))
        elif reading.place.at is At.INJECTION and reading.measurand.endswith("power"):
            at_injection[reading.place.injection, reading.measurand].append(reading)
        elif reading.measurand.startswith("current"):
            currents[reading.place, reading.phase].setdefault(reading.measurand, reading)
        else:
            _add_whole(found, reading)
    for (place, phase), phasor in currents.items():
        _add_current(found, place, phase, phasor, scene)
    _add_injections(found, at_injection, assumed, scene)
    return found


def _add_whole(found: PhaseRows, reading: Reading) -> None:
    place, measurand = reading.place, reading.measurand
    in_branch = place.at is At.BRANCH and measurand.endswith("power")
    kind = (BRANCH_KINDS if in_branch else BUS_KINDS)[measurand]
    element, side = (place.branch, int(place.side)) if in_branch else (place.bus, 0)
    source = Source(Role.WHOLE, reading, measurand, phase=reading.phase)
    value, sigma = reading.phase_value_pu, reading.sigma_pu
    found.add(kind, element, reading.phase, value, sigma, [source], side=side, pseudo=reading.pseudo)


def _add_current(
    found: PhaseRows, place: Place, phase: str, phasor: dict[str, Reading], scene: Scene
) -> None:
    magnitude, angle = phasor.get("current_magnitude"), phasor.get("current_angle")
    in_branch = place.at is At.BRANCH
    if magnitude is None or not (in_branch or scene.alone_at_bus(place.injection)):
        found.rows.unused.extend((r, "the current cannot be told apart") for r in phasor.values())
        return
    element, side = (place.branch, int(place.side)) if in_branch else (place.bus, 0)
    value, sigma = magnitude.value_pu, magnitude.sigma_pu
    along = Source(Role.ALONG, magnitude, "current_magnitude", phase=phase)
    if angle is None:
        kind = Kind.I_MAG if in_branch else Kind.I_INJ_MAG
        found.add(kind, element, phase, value, sigma, [along], side=side, pseudo=magnitude.pseudo)
        return
    kind = Kind.I_AXIS if in_branch else Kind.I_INJ_AXIS
    direction, pseudo = angle.phase_value_pu, magnitude.pseudo or angle.pseudo
    across = Source(Role.ACROSS, angle, "current_angle", value_pu=value, phase=phase)
    sigma_across = max(value * angle.sigma_pu, 1e-3 * sigma)
    found.add(kind, element, phase, value, sigma, [along], side=side, pseudo=pseudo, axis=direction)
    turned = direction + math.pi / 2.0
    found.add(kind, element, phase, 0.0, sigma_across, [across], side=side, pseudo=pseudo, axis=turned)


def _add_injections(
    found: PhaseRows, measured: dict[tuple[int, str], list[Reading]], assumed: Assumed, scene: Scene
) -> None:
    base = scene.network.base_mva
    for measurand, kind, values, sigmas in (
        ("active_power", Kind.P_INJ, assumed.p_mw, assumed.sigma_p_mw),
        ("reactive_power", Kind.Q_INJ, assumed.q_mvar, assumed.sigma_q_mvar),
    ):
        for bus, injections in scene.injections_at_buses.items():
            readings = [measured.get((row, measurand), []) for row in injections]
            totals = [_of_phase(found_here, "ABC") for found_here in readings]
            if all(total is not None for total in totals):
                _add_sum(found, kind, bus, measurand, "ABC", injections, [t for t in totals if t is not None])
            for phase in PHASES:
                parts = [
                    _of_phase(here, phase)
                    or _share_of_total(total)
                    or _guess(float(values[row]) / base, float(sigmas[row]) / base)
                    for here, total, row in zip(readings, totals, injections, strict=True)
                ]
                known = [part for part in parts if part is not None]
                if len(known) == len(parts):
                    _add_sum(found, kind, bus, measurand, phase, injections, known)
                else:
                    reason = "other equipment at the node is neither measured nor assumed"
                    wasted = [r for here in readings for r in here if r.phase == phase]
                    found.rows.unused.extend((reading, reason) for reading in wasted)


def _of_phase(readings: list[Reading], phase: str) -> Part | None:
    return next(((r.value_pu, r.sigma_pu**2, r) for r in readings if r.phase == phase), None)


def _share_of_total(total: Part | None) -> Part | None:
    return None if total is None else (total[0], (UNBALANCE * total[0]) ** 2, None)


def _guess(consumption_pu: float, sigma_pu: float) -> Part | None:
    return None if math.isnan(consumption_pu) else (-consumption_pu, sigma_pu**2, None)


def _add_sum(
    found: PhaseRows,
    kind: Kind,
    bus: int,
    measurand: str,
    phase: str,
    injections: list[int],
    parts: list[Part],
) -> None:
    variance = sum(part[1] for part in parts)
    sources = [
        Source(
            Role.SHARE, reading, measurand, row, value, own / variance if variance else 1 / len(parts), phase
        )
        for row, (value, own, reading) in zip(injections, parts, strict=True)
    ]
    pseudo = any(reading is None or reading.pseudo for _, _, reading in parts)
    value = sum(part[0] for part in parts)
    found.add(kind, bus, phase, value, math.sqrt(variance), sources, pseudo=pseudo)
