"""From readings and assumptions to the core's measurements, and the way back."""

import math
from collections import defaultdict
from dataclasses import dataclass
from enum import Enum

import numpy as np

from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.wire.places import At, Place, Places
from gridjobs_workers.estimation.wire.pseudo import Assumed
from gridjobs_workers.estimation.wire.readings import SMALLEST_SIGMA_PU, Reading
from gridjobs_workers.grids.model import GridModel
from gridjobs_workers.grids.network import Network


class Role(Enum):
    """How a core measurement stands for a reading."""

    WHOLE = "whole"
    SHARE = "share"  # one of several that add up to what a bus injects
    ALONG = "along"  # magnitude of a current phasor
    ACROSS = "across"  # its angle


@dataclass(frozen=True, slots=True)
class Source:
    """What a core measurement was made of: a reading, or an assumption (`reading` is None)."""

    role: Role
    reading: Reading | None
    measurand: str
    injection: int = -1  # row of the grid model
    variance_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Assembled:
    """The core's measurements with their sources, and the readings that nothing can be done with.

    Attributes:
        measurements: For the core.
        sources: Sources of each core measurement.
        unused: Readings left out, with the reason.
    """

    measurements: Measurements
    sources: list[list[Source]]
    unused: list[tuple[Reading, str]]


@dataclass(slots=True)
class _Rows:
    kind: list[int]
    element: list[int]
    side: list[int]
    value: list[float]
    sigma: list[float]
    pseudo: list[bool]
    axis: list[float]
    sources: list[list[Source]]

    def add(
        self,
        kind: Kind,
        place: Place,
        value: float,
        sigma: float,
        sources: list[Source],
        *,
        pseudo: bool = False,
        axis: float = 0.0,
    ) -> None:
        self.kind.append(kind)
        self.element.append(place.branch if place.at is At.BRANCH and kind in _AT_BRANCH else place.bus)
        self.side.append(int(place.side) if kind in _AT_BRANCH else 0)
        self.value.append(value)
        self.sigma.append(max(sigma, SMALLEST_SIGMA_PU))
        self.pseudo.append(pseudo)
        self.axis.append(axis)
        self.sources.append(sources)


_AT_BRANCH = (Kind.P_FLOW, Kind.Q_FLOW, Kind.I_MAG, Kind.I_AXIS)


def assemble(
    readings: list[Reading],
    assumed: Assumed,
    model: GridModel,
    network: Network,
    places: Places,
    *,
    zero_injections: bool,
) -> Assembled:
    """Arrange readings and assumptions for the core.

    Several injections at one bus become one measurement of their sum, when each is measured or assumed; the
    two readings of a current phasor become its components along and across the measured direction.
    """
    rows = _Rows([], [], [], [], [], [], [], [])
    unused: list[tuple[Reading, str]] = []
    at_injection: dict[tuple[int, str], list[Reading]] = defaultdict(list)
    currents: dict[tuple[Place, str], dict[str, Reading]] = defaultdict(dict)
    for reading in readings:
        if (reason := _out_of_service(reading)) is not None:
            unused.append((reading, reason))
        elif reading.place.at is At.INJECTION and reading.measurand.endswith("power"):
            at_injection[reading.place.injection, reading.measurand].append(reading)
        elif reading.measurand.startswith("current"):
            pair = currents[reading.place, reading.phase]
            if reading.measurand in pair:
                unused.append((reading, "a second measurement of the same current phasor"))
            pair.setdefault(reading.measurand, reading)
        else:
            source = Source(Role.WHOLE, reading, reading.measurand)
            rows.add(
                _kind(reading),
                reading.place,
                reading.value_pu,
                reading.sigma_pu,
                [source],
                pseudo=reading.pseudo,
            )
    _add_currents(rows, currents, model, unused)
    _add_injections(rows, at_injection, assumed, model, network, places, unused)
    zero = _zero_injection_buses(model, network) if zero_injections else np.empty(0, np.intp)
    measurements = Measurements.of(
        rows.kind,
        rows.element,
        rows.value,
        rows.sigma,
        side=rows.side,
        is_pseudo=rows.pseudo,
        axis_rad=rows.axis,
        zero_injection=zero,
    )
    return Assembled(measurements, rows.sources, unused)


def _out_of_service(reading: Reading) -> str | None:
    place = reading.place
    if place.bus < 0:
        return "the component is de-energised"
    if reading.measurand.startswith("voltage"):
        return None
    if place.at is At.BRANCH and place.branch < 0:
        return "the branch is open"
    if place.at is At.INJECTION and place.injection < 0:
        return "the component is out of service"
    return None


def _kind(reading: Reading) -> Kind:
    at_branch = reading.place.at is At.BRANCH
    match reading.measurand:
        case "voltage_magnitude":
            return Kind.V_MAG
        case "voltage_angle":
            return Kind.V_ANG
        case "active_power":
            return Kind.P_FLOW if at_branch else Kind.P_INJ
        case _:
            return Kind.Q_FLOW if at_branch else Kind.Q_INJ


def _add_currents(
    rows: _Rows,
    currents: dict[tuple[Place, str], dict[str, Reading]],
    model: GridModel,
    unused: list[tuple[Reading, str]],
) -> None:
    alone = _alone_at_bus(model)
    for (place, _), pair in currents.items():
        magnitude, angle = pair.get("current_magnitude"), pair.get("current_angle")
        if place.at is At.INJECTION and not alone[place.injection]:
            unused.extend((r, "other equipment at the node draws current too") for r in pair.values())
        elif magnitude is None:
            unused.extend((r, "the angle of a current needs its magnitude") for r in pair.values())
        elif angle is None:
            kind = Kind.I_MAG if place.at is At.BRANCH else Kind.I_INJ_MAG
            source = Source(Role.WHOLE, magnitude, "current_magnitude")
            rows.add(kind, place, magnitude.value_pu, magnitude.sigma_pu, [source], pseudo=magnitude.pseudo)
        else:
            _add_phasor(rows, place, magnitude, angle)


def _add_phasor(rows: _Rows, place: Place, magnitude: Reading, angle: Reading) -> None:
    kind = Kind.I_AXIS if place.at is At.BRANCH else Kind.I_INJ_AXIS
    pseudo = magnitude.pseudo or angle.pseudo
    direction = angle.value_pu
    along = Source(Role.ALONG, magnitude, "current_magnitude")
    across = Source(Role.ACROSS, angle, "current_angle")
    # A current of almost nothing has no direction: its noise is as large across as along.
    sigma_across = max(magnitude.value_pu * angle.sigma_pu, 1e-3 * magnitude.sigma_pu)
    rows.add(kind, place, magnitude.value_pu, magnitude.sigma_pu, [along], pseudo=pseudo, axis=direction)
    rows.add(kind, place, 0.0, sigma_across, [across], pseudo=pseudo, axis=direction + math.pi / 2.0)


def _alone_at_bus(model: GridModel) -> list[bool]:
    found = model.injections
    count = np.bincount(found.bus[found.in_service], minlength=len(model.buses.mrid))
    return (count[found.bus] == 1).tolist()  # type: ignore[no-any-return]  # numpy types tolist as Any


def _add_injections(
    rows: _Rows,
    measured: dict[tuple[int, str], list[Reading]],
    assumed: Assumed,
    model: GridModel,
    network: Network,
    places: Places,
    unused: list[tuple[Reading, str]],
) -> None:
    found = model.injections
    at_bus: dict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero(found.in_service).tolist():
        if (bus := places.network_bus(int(found.bus[row]))) >= 0:
            at_bus[bus].append(row)
    for measurand, kind, value, sigma in (
        ("active_power", Kind.P_INJ, assumed.p_mw, assumed.sigma_p_mw),
        ("reactive_power", Kind.Q_INJ, assumed.q_mvar, assumed.sigma_q_mvar),
    ):
        for bus, injections in at_bus.items():
            parts = [_part(row, measurand, measured, value, sigma, network.base_mva) for row in injections]
            if any(part is None for part in parts):
                missing = "other equipment at the node is neither measured nor assumed"
                unused.extend((r, missing) for row in injections for r in measured.get((row, measurand), []))
                continue
            _add_sum(rows, kind, bus, measurand, [part for part in parts if part is not None])


_Part = tuple[float, float, list[Reading], int]  # value and variance [p.u.], the readings, the injection


def _part(
    row: int,
    measurand: str,
    measured: dict[tuple[int, str], list[Reading]],
    assumed: np.ndarray[tuple[int], np.dtype[np.float64]],
    sigma: np.ndarray[tuple[int], np.dtype[np.float64]],
    base_mva: float,
) -> _Part | None:
    readings = measured.get((row, measurand), [])
    if readings:
        weights = [1.0 / r.sigma_pu**2 for r in readings]
        value = sum(w * r.value_pu for w, r in zip(weights, readings, strict=True)) / sum(weights)
        return value, 1.0 / sum(weights), readings, row
    if math.isnan(assumed[row]):
        return None
    return -float(assumed[row]) / base_mva, (float(sigma[row]) / base_mva) ** 2, [], row


def _add_sum(rows: _Rows, kind: Kind, bus: int, measurand: str, parts: list[_Part]) -> None:
    variance = sum(part[1] for part in parts)
    sources = []
    for _, part_variance, readings, row in parts:
        share = part_variance / variance if variance > 0 else 1.0 / len(parts)
        role = Role.WHOLE if len(parts) == 1 and len(readings) == 1 else Role.SHARE
        sources.extend(Source(role, r, measurand, row, share) for r in readings)
        if not readings:
            sources.append(Source(Role.SHARE, None, measurand, row, share))
    pseudo = any(source.reading is None or source.reading.pseudo for source in sources)
    rows.add(
        kind,
        Place(At.NODE, bus),
        sum(part[0] for part in parts),
        math.sqrt(variance),
        sources,
        pseudo=pseudo,
    )


def _zero_injection_buses(model: GridModel, network: Network) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Buses of the network without equipment in service that draws or feeds power; star points too."""
    occupied = np.zeros(len(model.buses.mrid), np.bool_)
    occupied[model.injections.bus[model.injections.in_service]] = True
    return np.flatnonzero(~occupied[network.bus_row])
