"""From readings and assumptions to the core's measurements."""

import math
from collections import defaultdict
from collections.abc import Iterable

from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.wire.places import At, Place
from gridjobs_workers.estimation.wire.pseudo import Assumed
from gridjobs_workers.estimation.wire.readings import Reading
from gridjobs_workers.estimation.wire.rows import Role, Rows, Source
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.grids.network import Floats

Phasor = dict[str, Reading]
Part = tuple[float, float, list[Reading], int]  # value and variance [p.u.], the readings, the injection


def assemble(readings: Iterable[Reading], assumed: Assumed, scene: Scene) -> Rows:
    """Arrange readings and assumptions for the core.

    Several injections at one bus become one measurement of their sum, when each is measured or assumed; the two
    readings of a current phasor become its components along and across the measured direction.
    """
    rows = Rows()
    at_injection: dict[tuple[int, str], list[Reading]] = defaultdict(list)
    currents: dict[tuple[Place, str], Phasor] = defaultdict(dict)
    for reading in readings:
        if (reason := out_of_service(reading)) is not None:
            rows.unused.append((reading, reason))
        elif reading.place.at is At.INJECTION and reading.measurand.endswith("power"):
            at_injection[reading.place.injection, reading.measurand].append(reading)
        elif reading.measurand.startswith("current"):
            _pair(currents[reading.place, reading.phase], reading, rows)
        else:
            _add_whole(rows, reading)
    for (place, _), phasor in currents.items():
        _add_current(rows, place, phasor, scene)
    for measurand, kind, value, sigma in (
        ("active_power", Kind.P_INJ, assumed.p_mw, assumed.sigma_p_mw),
        ("reactive_power", Kind.Q_INJ, assumed.q_mvar, assumed.sigma_q_mvar),
    ):
        for bus, injections in scene.injections_at_buses.items():
            found = [at_injection.get((row, measurand), []) for row in injections]
            parts = [
                _measured(r, row) or _assumed(value, sigma, row, scene)
                for r, row in zip(found, injections, strict=True)
            ]
            _add_sum(rows, kind, bus, measurand, parts, found)
    return rows


def out_of_service(reading: Reading) -> str | None:
    """Why nothing can be done with a reading; None when it can."""
    place = reading.place
    if place.bus < 0:
        return "the component is de-energised"
    if reading.measurand.startswith("voltage"):
        return None
    if place.at is At.OTHER:
        return "what flows through a shunt or a switch is not estimated; measure beside it"
    if place.at is At.BRANCH and place.branch < 0:
        return "the branch is open"
    if place.at is At.INJECTION and place.injection < 0:
        return "the component is out of service"
    return None


def _pair(phasor: Phasor, reading: Reading, rows: Rows) -> None:
    if phasor.setdefault(reading.measurand, reading) is not reading:
        rows.unused.append((reading, "a second measurement of the same current phasor"))


def _add_whole(rows: Rows, reading: Reading) -> None:
    place = reading.place
    at_branch = place.at is At.BRANCH
    match reading.measurand:
        case "voltage_magnitude":
            kind, element, side = Kind.V_MAG, place.bus, 0
        case "voltage_angle":
            kind, element, side = Kind.V_ANG, place.bus, 0
        case "active_power" if at_branch:
            kind, element, side = Kind.P_FLOW, place.branch, place.side
        case "reactive_power" if at_branch:
            kind, element, side = Kind.Q_FLOW, place.branch, place.side
        case "active_power":
            kind, element, side = Kind.P_INJ, place.bus, 0
        case _:
            kind, element, side = Kind.Q_INJ, place.bus, 0
    source = Source(Role.WHOLE, reading, reading.measurand)
    rows.add(
        kind, element, reading.value_pu, reading.sigma_pu, [source], side=int(side), pseudo=reading.pseudo
    )


def _add_current(rows: Rows, place: Place, phasor: Phasor, scene: Scene) -> None:
    magnitude, angle = phasor.get("current_magnitude"), phasor.get("current_angle")
    at_branch = place.at is At.BRANCH
    if not at_branch and not scene.alone_at_bus(place.injection):
        rows.unused.extend((r, "other equipment at the node draws current too") for r in phasor.values())
        return
    if magnitude is None:
        rows.unused.extend((r, "the angle of a current needs its magnitude") for r in phasor.values())
        return
    element, side = (place.branch, int(place.side)) if at_branch else (place.bus, 0)
    value, sigma, pseudo = magnitude.value_pu, magnitude.sigma_pu, magnitude.pseudo
    along = Source(Role.ALONG, magnitude, "current_magnitude")
    if angle is None:
        kind = Kind.I_MAG if at_branch else Kind.I_INJ_MAG
        rows.add(kind, element, value, sigma, [along], side=side, pseudo=pseudo)
        return
    kind = Kind.I_AXIS if at_branch else Kind.I_INJ_AXIS
    direction, pseudo = angle.value_pu, pseudo or angle.pseudo
    across = Source(Role.ACROSS, angle, "current_angle", value_pu=value)
    # A current of almost nothing has no direction: its noise is as large across as along.
    sigma_across = max(value * angle.sigma_pu, 1e-3 * sigma)
    rows.add(kind, element, value, sigma, [along], side=side, pseudo=pseudo, axis=direction)
    turned = direction + math.pi / 2.0
    rows.add(kind, element, 0.0, sigma_across, [across], side=side, pseudo=pseudo, axis=turned)


def _measured(readings: list[Reading], row: int) -> Part | None:
    if not readings:
        return None
    weights = [1.0 / r.sigma_pu**2 for r in readings]
    value = sum(w * r.value_pu for w, r in zip(weights, readings, strict=True)) / sum(weights)
    return value, 1.0 / sum(weights), readings, row


def _assumed(value: Floats, sigma: Floats, row: int, scene: Scene) -> Part | None:
    if math.isnan(value[row]):
        return None
    base = scene.network.base_mva
    return -float(value[row]) / base, (float(sigma[row]) / base) ** 2, [], row


def _add_sum(
    rows: Rows, kind: Kind, bus: int, measurand: str, parts: list[Part | None], found: list[list[Reading]]
) -> None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        reason = "other equipment at the node is neither measured nor assumed"
        rows.unused.extend((reading, reason) for readings in found for reading in readings)
        return
    variance = sum(part[1] for part in known)
    sources: list[Source] = []
    for value, part_variance, readings, row in known:
        share = part_variance / variance if variance > 0 else 1.0 / len(known)
        sources.extend(Source(Role.SHARE, r, measurand, row, value, share) for r in readings)
        if not readings:
            sources.append(Source(Role.SHARE, None, measurand, row, value, share))
    pseudo = any(source.reading is None or source.reading.pseudo for source in sources)
    rows.add(kind, bus, sum(part[0] for part in known), math.sqrt(variance), sources, pseudo=pseudo)
