"""Why an estimate is impossible, in the request's words."""

from typing import Any

import numpy as np
import pyarrow as pa

from gridjobs_workers.estimation.errors import (
    ConflictingMeasurements,
    EstimationError,
    IslandWithoutReference,
    NotConverged,
    NotObservable,
)
from gridjobs_workers.estimation.measurements import AT_BUS, Kind
from gridjobs_workers.estimation.wire.residuals import measurement_name
from gridjobs_workers.estimation.wire.rows import Rows
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.task import JobFailure, Part

MANY = 100  # faults of one failure; the part `diagnosis` lists all

Fault = dict[str, str]


def explained(error: EstimationError, rows: Rows, scene: Scene) -> JobFailure:
    """Return the job's failure with a pointer to everything that has a part in it."""
    match error:
        case NotObservable():
            return _not_observable(error, scene)
        case IslandWithoutReference():
            faults = [
                _fault("/measurements", "island_without_reference", f"no voltage is measured around {mrid}")
                for mrid in (_nodes(buses[:1], scene)[0] for buses in error.islands)
            ]
            return JobFailure("island_without_reference", str(error), faults)
        case ConflictingMeasurements():
            faults = [
                _fault(pointer, "conflicting_measurements", "contradicts what is taken as exact")
                for row in error.measurements.tolist()
                for pointer in _pointers(row, rows)
            ]
            return JobFailure("conflicting_measurements", str(error), faults[:MANY])
        case NotConverged():
            return _not_converged(error, rows, scene)
        case _:
            return JobFailure("estimation_failed", str(error))


def _not_observable(error: NotObservable, scene: Scene) -> JobFailure:
    nodes = _nodes(error.buses, scene)
    faults = [
        _fault("/measurements", "not_observable", f"nothing determines node {node}") for node in nodes[:MANY]
    ]
    table: list[dict[str, Any]] = [{"node": node, "restored_by": ""} for node in nodes]
    for kind, element, side in error.restoring:
        table.append(_remedy(kind, element, side, scene))
    return JobFailure("not_observable", str(error), faults, [_table("diagnosis", table)])


def _remedy(kind: int, element: int, side: int, scene: Scene) -> dict[str, Any]:
    """Name a measurement that would help; those that the core proposes are at buses and branches."""
    at_bus = kind in AT_BUS
    network, model = scene.network, scene.model
    if at_bus:
        return {"node": _nodes(np.array([element]), scene)[0], "restored_by": Kind(kind).name.lower()}
    mrid = str(model.branches.mrid[network.branch_row[element]])
    return {"node": "", "restored_by": f"{Kind(kind).name.lower()} at {mrid}, side {side + 1}"}


def _not_converged(error: NotConverged, rows: Rows, scene: Scene) -> JobFailure:
    weighted = np.abs(error.residuals_pu) / np.array(rows.sigma)
    worst = np.argsort(-np.nan_to_num(weighted, nan=np.inf), kind="stable")
    faults = [
        _fault(pointer, "large_residual", f"last residual {weighted[row]:.3g} σ")
        for row in worst[:10].tolist()
        for pointer in _pointers(row, rows)
    ]
    table = [
        measurement_name(source, scene.model) | {"residual_sigmas": float(weighted[row])}
        for row in worst.tolist()
        for source in rows.sources[row]
    ]
    return JobFailure("not_converged", str(error), faults, [_table("diagnosis", table)])


def _nodes(buses: np.ndarray[Any, Any], scene: Scene) -> list[str]:
    mrids: list[str] = scene.model.buses.mrid[scene.network.bus_row[buses]].tolist()
    return mrids


def _pointers(row: int, rows: Rows) -> list[str]:
    return [
        f"/measurements/{source.reading.index}" for source in rows.sources[row] if source.reading is not None
    ]


def _fault(pointer: str, code: str, detail: str) -> Fault:
    return {"pointer": pointer, "code": code, "detail": detail}


def _table(name: str, rows: list[dict[str, Any]]) -> Part:
    return Part(name, pa.Table.from_pylist(rows))
