"""From the core's estimate to the result that users read."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gridjobs_workers.estimation.measurements import Measurements
from gridjobs_workers.estimation.report import Estimate, Status
from gridjobs_workers.estimation.wire import tables
from gridjobs_workers.estimation.wire.residuals import Verdicts, measurement_name, measurement_rows
from gridjobs_workers.estimation.wire.rows import Rows
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.estimation.wire.sight import Sight
from gridjobs_workers.grids.network import Ints
from gridjobs_workers.task import Part

INLINE_ROWS = 1000  # above this a table is a part only


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One estimated snapshot with all that is needed to report it."""

    time: str
    rows: Rows
    measurements: Measurements
    estimate: Estimate
    sight: Sight
    core_seconds: float


def assemble_result(done: list[Snapshot], scene: Scene, grid_id: str) -> tuple[dict[str, Any], list[Part]]:
    """Return the result and its tables; of several snapshots the tables hold all, the result the last one."""
    last = done[-1]
    body: dict[str, Any] = {
        "type": "estimation",
        "grid_id": grid_id,
        "summary": summary(last),
        "islands": islands(scene, last.estimate),
        "observability": observability(last, scene),
        "bad_data": bad_data(last, scene),
    }
    if last.time:
        body["time"] = last.time
    if len(done) > 1:
        body["snapshots"] = [summary(snapshot) for snapshot in done]
    return body, _parts(done, scene)


def summary(snapshot: Snapshot) -> dict[str, Any]:
    """Return the figures of one snapshot."""
    estimate, pseudo = snapshot.estimate, snapshot.measurements.is_pseudo
    status = estimate.measurements.status[: len(pseudo)]
    found: dict[str, Any] = {
        "converged": True,
        "iterations": estimate.iterations,
        "objective": estimate.objective,
        "degrees_of_freedom": estimate.degrees_of_freedom,
        "measurements": int(np.count_nonzero(~pseudo & (status == Status.USED))),
        "pseudo_measurements": int(np.count_nonzero(pseudo & (status == Status.USED))),
        "constraints": 2 * len(snapshot.measurements.zero_injection),
        "rejected": len(estimate.bad_data.rejected),
        "core_seconds": snapshot.core_seconds,
    }
    if estimate.degrees_of_freedom > 0:  # without redundancy there is nothing to test
        found["chi_square_threshold"] = estimate.chi2_limit
        found["chi_square_passed"] = bool(estimate.passes_chi2)
    return {"time": snapshot.time, **found} if snapshot.time else found


def islands(scene: Scene, estimate: Estimate) -> list[dict[str, Any]]:
    """Return the estimated islands, the largest first."""
    found = estimate.islands
    mrid = scene.model.buses.mrid[scene.network.bus_row[estimate.bus]]
    star = scene.model.buses.is_star[scene.network.bus_row[estimate.bus]]
    sizes = np.bincount(found.island[~star], minlength=len(found.reference_bus))
    return [
        {"nodes": int(sizes[k]), "reference": str(mrid[found.reference_bus[k]]), "observable": True}
        for k in np.argsort(-sizes, kind="stable").tolist()
    ]


def observability(snapshot: Snapshot, scene: Scene) -> dict[str, Any]:
    """Return what the measurements determine without any assumption, and what helped."""
    sight = snapshot.sight
    helped = [source for row in sight.restored_by.tolist() for source in snapshot.rows.sources[row]]
    return {
        "observable": sight.observable,
        "observable_islands": sight.n_island,
        "unobservable_nodes": node_mrids(sight.unobservable, scene),
        "restored_by": [measurement_name(source, scene.model) for source in helped],
    }


def bad_data(snapshot: Snapshot, scene: Scene) -> dict[str, Any]:
    """Return what is wrong with the data, and where nobody can tell."""
    estimate, report = snapshot.estimate, snapshot.estimate.bad_data
    doubtful = len(report.suspects) > 0 or len(report.unlocated) > 0
    fails = estimate.degrees_of_freedom > 0 and not estimate.passes_chi2
    branch = scene.model.branches.mrid[scene.network.branch_row[report.suspect_branches]]
    notes = ["rejection ended at its bound; more may be wrong"] if report.is_exhausted else []
    if len(report.suspects):
        notes.append("normalized residuals above the limit remain; see the measurements")
    return {
        "suspected": bool(doubtful or fails),
        "rejected": _names(report.rejected, snapshot, scene),
        "critical_sets": [_names(group, snapshot, scene) for group in report.unlocated],
        "topology_suspects": [*branch.tolist(), *node_mrids(report.suspect_zero_injections, scene)],
        "notes": notes,
    }


def node_mrids(buses: Ints, scene: Scene) -> list[str]:
    """Return the mRIDs of buses of the network, star points left out."""
    rows = scene.network.bus_row[buses]
    mrids: list[str] = scene.model.buses.mrid[rows[~scene.model.buses.is_star[rows]]].tolist()
    return mrids


def snapshot_tables(snapshot: Snapshot, scene: Scene) -> dict[str, list[dict[str, Any]]]:
    """Return the tables of one snapshot as rows."""
    model, network, estimate = scene.model, scene.network, snapshot.estimate
    return {
        "nodes": tables.rows_of(tables.nodes(model, network, estimate)),
        "branches": tables.rows_of(tables.branches(model, network, estimate)),
        "injections": tables.rows_of(tables.injections(model, network, estimate)),
        "measurements": measurement_rows(
            snapshot.rows, Verdicts.of(estimate.measurements), model, network.base_mva
        ),
    }


def _names(rows: Ints, snapshot: Snapshot, scene: Scene) -> list[dict[str, Any]]:
    known = [row for row in rows.tolist() if row < len(snapshot.rows.sources)]
    return [measurement_name(source, scene.model) for row in known for source in snapshot.rows.sources[row]]


def _parts(done: list[Snapshot], scene: Scene) -> list[Part]:
    collected: dict[str, list[dict[str, Any]]] = {}
    for snapshot in done:
        stamp = {"time": snapshot.time} if len(done) > 1 else {}
        for name, rows in snapshot_tables(snapshot, scene).items():
            collected.setdefault(name, []).extend(stamp | row for row in rows)
    small = all(len(rows) <= INLINE_ROWS for rows in collected.values()) and len(done) == 1
    return [Part(name, rows if small else pa.Table.from_pylist(rows)) for name, rows in collected.items()]
