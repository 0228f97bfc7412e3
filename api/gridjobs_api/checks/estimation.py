"""Checks of an estimation: where its measurements come from, and what each can be of.

The worker checks the same again on the grid itself and knows more (sides, what is in service); codes agree.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gridjobs_api.checks.world import Check, World
from gridjobs_api.problems import MAX_FAULTS, Fault

UNITS: Mapping[str, frozenset[str]] = {
    "voltage_magnitude": frozenset({"V", "kV", "p.u."}),
    "voltage_angle": frozenset({"deg", "rad"}),
    "active_power": frozenset({"W", "kW", "MW", "p.u."}),
    "reactive_power": frozenset({"var", "kvar", "Mvar", "p.u."}),
    "current_magnitude": frozenset({"A", "kA", "p.u."}),
    "current_angle": frozenset({"deg", "rad"}),
}
MAGNITUDES = frozenset({"voltage_magnitude", "current_magnitude"})
VOLTAGES = frozenset({"voltage_magnitude", "voltage_angle"})
CURRENTS = frozenset({"current_magnitude", "current_angle"})
# What cannot be measured at a kind of component; everything else can.
NOT_AT: Mapping[str, frozenset[str]] = {
    "node": CURRENTS,
    "switch": frozenset(UNITS) - VOLTAGES,
}
COLUMNS = frozenset({"component", "measurand", "value"})


def has_one_source(body: Mapping[str, Any], _: World) -> list[Fault]:
    """Measurements are given inline or in a dataset."""
    if "measurements" in body and "dataset_id" in body:
        return [Fault("/dataset_id", "source_given_twice", "give measurements or dataset_id, not both")]
    if "measurements" in body or "dataset_id" in body:
        return []
    return [Fault("/measurements", "missing", "give measurements or a dataset_id")]


def dataset_is_in_long_form(_: Mapping[str, Any], world: World) -> list[Fault]:
    """A dataset of measurements has the columns that each of them needs."""
    missing = COLUMNS - world.columns if world.columns is not None else ()
    return [
        Fault("/dataset_id", "missing_column", f"the dataset has no column {name}")
        for name in sorted(missing)
    ]


def measurements_fit_the_grid(body: Mapping[str, Any], world: World) -> list[Fault]:
    """Every measurement is of something that the grid has and that can be measured there."""
    faults: list[Fault] = []
    for index, measurement in enumerate(body.get("measurements", ())):
        for member, code, detail in _faults(measurement, world.components):
            faults.append(Fault(f"/measurements/{index}/{member}", code, detail))
        if len(faults) >= MAX_FAULTS:
            break
    return faults


def undecorated(mrid: str) -> str:
    """Return an mRID without what files put before it: `urn:uuid:`, `#`, `_`."""
    return mrid.removeprefix("urn:uuid:").removeprefix("#").removeprefix("_")


def _faults(
    measurement: Mapping[str, Any], components: Mapping[str, str] | None
) -> Iterator[tuple[str, str, str]]:
    measurand = measurement["measurand"]
    if components is not None:
        mrid = measurement["component"]
        kind = components.get(mrid) or components.get(undecorated(mrid))
        if kind is None:
            yield "component", "unknown_component", "the grid has no component of this mRID"
        elif kind in NOT_AT and measurand in NOT_AT[kind]:
            yield "measurand", "measurand_not_applicable", f"{measurand} cannot be measured at a {kind}"
    if "unit" in measurement and measurement["unit"] not in UNITS[measurand]:
        yield "unit", "unit_mismatch", f"{measurand} cannot be given in this unit"
    if "sigma" in measurement and "accuracy_class" in measurement:
        yield "accuracy_class", "sigma_given_twice", "give sigma or accuracy_class, not both"
    if measurement["value"] < 0 and measurand in MAGNITUDES:
        yield "value", "negative_magnitude", "a magnitude cannot be negative"


CHECKS: tuple[Check, ...] = (has_one_source, dataset_is_in_long_form, measurements_fit_the_grid)
