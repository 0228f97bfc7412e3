"""Readings: the measurements of a request, checked, located and in per unit."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gridjobs_workers.estimation.wire.places import At, Place, Places
from gridjobs_workers.estimation.wire.units import DEFAULT_UNIT, PHASE_LEAD_RAD, per_unit_factor, unit_fits
from gridjobs_workers.grids.network import Network

Fault = dict[str, str]
SMALLEST_SIGMA_PU = 1e-7
MOST_VOLTAGE_PU = 5.0  # above it the unit is wrong, not the meter


@dataclass(slots=True, eq=False)  # made by the thousand: a frozen one takes four times as long
class Reading:
    """One measurement of the request.

    `value_pu` follows the core's signs (injections positive as generation); `value * factor + offset` in the
    request's unit is `value_pu`.
    """

    index: int
    name: str  # the user's own id, "" where none
    component: str
    measurand: str
    side: int | None
    phase: str
    unit: str
    value: float
    sigma: float  # in the request's unit
    factor: float
    offset: float
    pseudo: bool
    place: Place

    @property
    def value_pu(self) -> float:
        """The value in the core's per unit (angles: radian)."""
        return self.value * self.factor + self.offset

    @property
    def phase_value_pu(self) -> float:
        """The value in per unit of its own phase: an angle is that of the phase, not of phase A."""
        lead = PHASE_LEAD_RAD[self.phase] if self.measurand.endswith("angle") else 0.0
        return self.value_pu - lead

    @property
    def sigma_pu(self) -> float:
        """The standard deviation in the core's per unit."""
        return max(self.sigma * abs(self.factor), SMALLEST_SIGMA_PU)


class BadMeasurements(Exception):
    """Some measurements make no sense; every fault is listed.

    Attributes:
        faults: [{"pointer", "code", "detail"}].
    """

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(f"{len(faults)} faulty measurement(s)")
        self.faults = faults


def read(
    rows: Iterable[Mapping[str, Any]], places: Places, network: Network, defaults: Mapping[str, float]
) -> list[Reading]:
    """Check and locate measurements.

    Args:
        rows: As in the request's `measurements`.
        places: Finds components.
        network: For the per-unit bases.
        defaults: `default_sigmas` of the request.

    Raises:
        BadMeasurements: With all faults at once.
    """
    readings, faults = [], []
    for index, row in enumerate(rows):
        place = places.find(row["component"], row.get("side"))
        fault = _fault(row, place, network)
        if fault is None and place is not None:
            readings.append(_reading(index, row, place, network, defaults))
        elif fault is not None:
            faults.append(
                {"pointer": f"/measurements/{index}{fault[0]}", "code": fault[1], "detail": fault[2]}
            )
    if faults:
        raise BadMeasurements(faults)
    return readings


def _fault(row: Mapping[str, Any], place: Place | None, network: Network) -> tuple[str, str, str] | None:
    measurand, unit = row["measurand"], row.get("unit")
    if place is None:
        if row.get("side"):
            return "/component", "unknown_component", "the grid has no such component, or it has no such side"
        return "/component", "unknown_component", "the grid has no component of this mRID"
    if not math.isfinite(row["value"]):
        return "/value", "not_finite", "the value is not a finite number"
    if unit is not None and not unit_fits(measurand, unit):
        return "/unit", "unit_mismatch", f"{measurand} cannot be given in {unit}"
    if row.get("sigma") is not None and row.get("accuracy_class") is not None:
        return "/accuracy_class", "sigma_given_twice", "give sigma or accuracy_class, not both"
    if measurand in ("voltage_magnitude", "current_magnitude") and row["value"] < 0:
        return "/value", "negative_magnitude", "a magnitude cannot be negative"
    if measurand == "voltage_magnitude" and place.bus >= 0:
        factor = per_unit_factor(measurand, unit or "kV", row.get("phase") or "ABC", network, place.bus)
        if row["value"] * factor > MOST_VOLTAGE_PU:
            base_kv = float(network.base_kv[place.bus])
            return (
                "/value",
                "implausible_value",
                f"no voltage of a node of {base_kv:g} kV: is the unit right?",
            )
    if measurand.startswith("current") and place.at is At.NODE:
        return (
            "/measurand",
            "measurand_not_applicable",
            "a node has no current; name a branch end or an injection",
        )
    return None


def _reading(
    index: int, row: Mapping[str, Any], place: Place, network: Network, defaults: Mapping[str, float]
) -> Reading:
    measurand = row["measurand"]
    unit = row.get("unit") or DEFAULT_UNIT[measurand]
    phase = row.get("phase") or "ABC"
    factor = per_unit_factor(measurand, unit, phase, network, max(place.bus, 0))
    offset = PHASE_LEAD_RAD[phase] if measurand.endswith("angle") else 0.0
    if place.at in (At.NODE, At.INJECTION) and measurand in ("active_power", "reactive_power"):
        factor = -factor  # consumption in the request, generation in the core
    if place.at is At.INJECTION and measurand == "current_angle":
        offset += math.pi  # into the equipment in the request, into the grid in the core
    return Reading(
        index=index,
        name=row.get("id") or "",
        component=row["component"],
        measurand=measurand,
        side=row.get("side"),
        phase=phase,
        unit=unit,
        value=float(row["value"]),
        sigma=_sigma(row, measurand, factor, defaults),
        factor=factor,
        offset=offset,
        pseudo=bool(row.get("pseudo")),
        place=place,
    )


def _sigma(row: Mapping[str, Any], measurand: str, factor: float, defaults: Mapping[str, float]) -> float:
    if row.get("sigma") is not None:
        return float(row["sigma"])
    value = abs(float(row["value"]))
    if row.get("accuracy_class") is not None:
        return float(row["accuracy_class"]) / 100.0 * value / 3.0
    if measurand.endswith("angle"):
        return math.radians(defaults["angle_deg"]) / abs(factor)
    share = {"voltage_magnitude": "voltage_percent", "current_magnitude": "current_percent"}
    return value * defaults[share.get(measurand, "power_percent")] / 100.0
