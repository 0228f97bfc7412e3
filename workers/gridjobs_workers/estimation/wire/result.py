"""From the core's estimate to the result that users read."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gridjobs_workers.estimation.estimate import Estimate
from gridjobs_workers.estimation.measurements import Measurements
from gridjobs_workers.estimation.wire import tables
from gridjobs_workers.estimation.wire.residuals import measurement_rows
from gridjobs_workers.estimation.wire.rows import Rows
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.task import Part

INLINE_ROWS = 1000  # above this a table is a part only


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One estimated snapshot with all that is needed to report it."""

    time: str
    rows: Rows
    measurements: Measurements
    estimate: Estimate
    core_seconds: float


def summary(snapshot: Snapshot) -> dict[str, Any]:
    """Return the figures of one snapshot."""
    estimate, pseudo = snapshot.estimate, snapshot.measurements.is_pseudo
    found: dict[str, Any] = {
        "converged": True,
        "iterations": estimate.iterations,
        "objective": estimate.objective,
        "degrees_of_freedom": estimate.degrees_of_freedom,
        "chi_square_threshold": estimate.chi2_limit,
        "chi_square_passed": bool(estimate.passes_chi2),
        "measurements": int((~pseudo).sum()),
        "pseudo_measurements": int(pseudo.sum()),
        "constraints": 2 * len(snapshot.measurements.zero_injection),
        "core_seconds": snapshot.core_seconds,
    }
    return {"time": snapshot.time, **found} if snapshot.time else found


def snapshot_tables(snapshot: Snapshot, scene: Scene) -> dict[str, list[dict[str, Any]]]:
    """Return the tables of one snapshot as rows."""
    model, network, estimate = scene.model, scene.network, snapshot.estimate
    report = estimate.measurements
    critical = report.redundancy < CRITICAL
    return {
        "nodes": tables.rows_of(tables.nodes(model, network, estimate)),
        "branches": tables.rows_of(tables.branches(model, network, estimate)),
        "injections": tables.rows_of(tables.injections(model, network, estimate)),
        "measurements": measurement_rows(
            snapshot.rows,
            report.residual_pu,
            report.normalized_residual,
            critical,
            np.zeros(len(critical), np.bool_),
            model,
            network.base_mva,
        ),
    }


CRITICAL = 1e-6


def islands(scene: Scene, estimate: Estimate) -> list[dict[str, Any]]:
    """Return the estimated islands, the largest first."""
    found = estimate.islands
    mrid = scene.model.buses.mrid[scene.network.bus_row]
    sizes = np.bincount(found.island, minlength=len(found.reference_bus))
    order = np.argsort(-sizes, kind="stable")
    return [
        {"nodes": int(sizes[k]), "reference": str(mrid[found.reference_bus[k]]), "observable": True}
        for k in order.tolist()
    ]


def assemble_result(done: list[Snapshot], scene: Scene, grid_id: str) -> tuple[dict[str, Any], list[Part]]:
    """Return the result and its tables; of several snapshots the tables hold all, the result the last one."""
    last = done[-1]
    body: dict[str, Any] = {
        "type": "estimation",
        "grid_id": grid_id,
        "summary": summary(last),
        "islands": islands(scene, last.estimate),
        "observability": {"observable": True, "unobservable_nodes": [], "restored_by": []},
        "bad_data": {"suspected": not last.estimate.passes_chi2, "rejected": [], "critical_sets": []},
    }
    if last.time:
        body["time"] = last.time
    if len(done) > 1:
        body["snapshots"] = [summary(snapshot) for snapshot in done]
    return body, _parts(done, scene)


def _parts(done: list[Snapshot], scene: Scene) -> list[Part]:
    collected: dict[str, list[dict[str, Any]]] = {}
    for snapshot in done:
        stamp = {"time": snapshot.time} if len(done) > 1 else {}
        for name, rows in snapshot_tables(snapshot, scene).items():
            collected.setdefault(name, []).extend(stamp | row for row in rows)
    small = all(len(rows) <= INLINE_ROWS for rows in collected.values()) and len(done) == 1
    return [Part(name, rows if small else pa.Table.from_pylist(rows)) for name, rows in collected.items()]
