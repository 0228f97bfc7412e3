"""What the estimate says about each measurement of the request, in the request's own unit."""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.report import MeasurementReport, Status
from gridjobs_workers.estimation.wire.readings import Reading
from gridjobs_workers.estimation.wire.rows import Role, Rows, Source
from gridjobs_workers.grids.model import GridModel
from gridjobs_workers.grids.network import Floats, Ints

Row = dict[str, Any]
Bools = NDArray[np.bool_]
INF = math.inf
STATUS = {Status.USED: "used", Status.REJECTED: "rejected", Status.UNUSED: "unused"}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What an estimate says about each of the core's measurements, shape (n,) each; see the cores' reports."""

    residual_pu: Floats
    normalized_residual: Floats
    is_critical: Bools
    critical_set: Ints
    status: Ints

    @classmethod
    def of(cls, report: MeasurementReport) -> Self:
        """Take over what the symmetric core says."""
        return cls(
            report.residual_pu,
            report.normalized_residual,
            report.is_critical,
            report.critical_set,
            report.status,
        )


def measurement_rows(rows: Rows, verdicts: Verdicts, model: GridModel, base_mva: float) -> list[Row]:
    """One row a measurement of the request in its order, then one an assumed injection.

    The residual of a sum is shared among its parts in proportion to their variances, as weighted least squares
    would do if every part were an unknown of its own.
    """
    given: list[Row] = []
    assumed: list[Row] = []
    for row, sources in enumerate(rows.sources):
        state, residual_pu = _state(verdicts, row), float(verdicts.residual_pu[row])
        for source in sources:
            if source.reading is not None:
                given.append(_of_reading(source.reading, _residual(source, residual_pu)) | state)
            else:
                base = base_mva if source.phase == "ABC" else base_mva / 3.0
                residual = -residual_pu * source.variance_share * base
                sigma = rows.sigma[row] * math.sqrt(source.variance_share) * base
                assumed.append(_of_assumption(source, residual, sigma, model, base) | state)
    for reading, reason in rows.unused:
        given.append(_of_reading(reading, None) | {"critical": False, "status": "unused", "reason": reason})
    given.sort(key=lambda found: found["index"])
    return [
        {
            name: value
            for name, value in found.items()
            if value is not None and value == value and value != INF
        }
        for found in given + assumed
    ]


def measurement_name(source: Source, model: GridModel) -> Row:
    """Name a measurement: what the user called it, or the assumed injection."""
    reading = source.reading
    if reading is None:
        assumed = {"component": str(model.injections.mrid[source.injection]), "measurand": source.measurand}
        return assumed if source.phase == "ABC" else {**assumed, "phase": source.phase}
    name: Row = {"index": reading.index, "component": reading.component, "measurand": reading.measurand}
    optional = {"id": reading.name or None, "side": reading.side, "phase": reading.phase}
    return name | {key: value for key, value in optional.items() if value is not None}


def _state(verdicts: Verdicts, row: int) -> Row:
    critical, status = bool(verdicts.is_critical[row]), Status(int(verdicts.status[row]))
    in_set = int(verdicts.critical_set[row])
    return {
        "normalized_residual": None if critical else float(verdicts.normalized_residual[row]),
        "critical": critical,
        "critical_set": in_set if in_set >= 0 else None,
        "status": STATUS[status],
        "reason": "outside the observable part" if status is Status.UNUSED else None,
    }


def _residual(source: Source, residual_pu: float) -> float:
    reading = source.reading
    assert reading is not None
    match source.role:
        case Role.SHARE:
            estimate_pu = source.value_pu - residual_pu * source.variance_share
            return (reading.value_pu - estimate_pu) / reading.factor
        case Role.ACROSS:  # a small displacement across the phasor is an angle
            return residual_pu / max(source.value_pu, 1e-12) / reading.factor
        case _:
            return residual_pu / reading.factor


def _of_reading(reading: Reading, residual: float | None) -> Row:
    return {
        "index": reading.index,
        "id": reading.name or None,
        "component": reading.component,
        "measurand": reading.measurand,
        "side": reading.side,
        "phase": reading.phase,
        "unit": reading.unit,
        "value": reading.value,
        "estimate": None if residual is None else reading.value - residual,
        "residual": residual,
        "sigma": reading.sigma,
        "pseudo": reading.pseudo,
    }


def _of_assumption(source: Source, residual: float, sigma: float, model: GridModel, base_mva: float) -> Row:
    value = source.value_pu * -base_mva
    return {
        "component": str(model.injections.mrid[source.injection]),
        "measurand": source.measurand,
        "phase": source.phase,
        "unit": "MW" if source.measurand == "active_power" else "Mvar",
        "value": value,
        "estimate": value - residual,
        "residual": residual,
        "sigma": sigma,
        "pseudo": True,
    }
