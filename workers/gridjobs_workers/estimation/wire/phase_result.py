"""From the three-phase core's estimate to the result that users read: one row a phase."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gridjobs_workers.estimation.report import Status
from gridjobs_workers.estimation.three_phase.estimate import PhaseEstimate
from gridjobs_workers.estimation.three_phase.measurements import PhaseMeasurements
from gridjobs_workers.estimation.wire.phases import PHASES, PhaseRows
from gridjobs_workers.estimation.wire.residuals import Verdicts, measurement_name, measurement_rows
from gridjobs_workers.estimation.wire.result import INLINE_ROWS
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.estimation.wire.tables import SQRT3, Table, rows_of
from gridjobs_workers.grids.model import BranchKind
from gridjobs_workers.grids.network import Ints
from gridjobs_workers.task import Part


@dataclass(frozen=True, slots=True)
class PhaseSnapshot:
    """One snapshot estimated phase by phase."""

    time: str
    rows: PhaseRows
    measurements: PhaseMeasurements
    estimate: PhaseEstimate
    core_seconds: float


def assemble_phase_result(
    done: list[PhaseSnapshot], scene: Scene, grid_id: str
) -> tuple[dict[str, Any], list[Part]]:
    """Return the result and its tables; of several snapshots the tables hold all, the result the last one."""
    last = done[-1]
    body: dict[str, Any] = {
        "type": "estimation",
        "grid_id": grid_id,
        "summary": summary(last),
        "islands": islands(last, scene),
        "observability": observability(last, scene),
        "bad_data": bad_data(last, scene),
    }
    if last.time:
        body["time"] = last.time
    if len(done) > 1:
        body["snapshots"] = [summary(snapshot) for snapshot in done]
    return body, _parts(done, scene)


def summary(snapshot: PhaseSnapshot) -> dict[str, Any]:
    """Return the figures of one snapshot."""
    estimate, pseudo = snapshot.estimate, snapshot.measurements.is_pseudo
    used = estimate.measurements.is_used
    found: dict[str, Any] = {
        "converged": True,
        "iterations": estimate.iterations,
        "objective": estimate.objective,
        "degrees_of_freedom": estimate.degrees_of_freedom,
        "measurements": int(np.count_nonzero(~pseudo & used)),
        "pseudo_measurements": int(np.count_nonzero(pseudo & used)),
        "constraints": 2 * len(snapshot.measurements.zero_injection),
        "rejected": len(estimate.bad_data.rejected),
        "core_seconds": snapshot.core_seconds,
    }
    if estimate.degrees_of_freedom > 0:  # without redundancy there is nothing to test
        found["chi_square_threshold"] = estimate.chi2_limit
        found["chi_square_passed"] = bool(estimate.passes_chi2)
    return {"time": snapshot.time, **found} if snapshot.time else found


def islands(snapshot: PhaseSnapshot, scene: Scene) -> list[dict[str, Any]]:
    """Return the estimated islands, the largest first."""
    found = snapshot.estimate.start.islands
    mrid = scene.model.buses.mrid[scene.network.bus_row]
    star = scene.model.buses.is_star[scene.network.bus_row]
    sizes = np.bincount(found.island[~star], minlength=len(found.reference_bus))
    return [
        {"nodes": int(sizes[k]), "reference": str(mrid[found.reference_bus[k]]), "observable": True}
        for k in np.argsort(-sizes, kind="stable").tolist()
    ]


def observability(snapshot: PhaseSnapshot, scene: Scene) -> dict[str, Any]:
    """Return which nodes have a phase that nothing determines."""
    open_bus = np.isnan(snapshot.estimate.quantities.vm_pu[:, :3]).any(axis=1)
    rows = scene.network.bus_row[open_bus]
    nodes = scene.model.buses.mrid[rows[~scene.model.buses.is_star[rows]]].tolist()
    return {"observable": not nodes, "unobservable_nodes": nodes, "restored_by": []}


def bad_data(snapshot: PhaseSnapshot, scene: Scene) -> dict[str, Any]:
    """Return what is wrong with the data, and where nobody can tell."""
    estimate, found = snapshot.estimate, snapshot.estimate.bad_data
    fails = estimate.degrees_of_freedom > 0 and not estimate.passes_chi2
    notes = ["rejection ended at its bound; more may be wrong"] if found.is_exhausted else []
    return {
        "suspected": bool(len(found.suspects) or found.unlocated or fails),
        "rejected": _names(found.rejected, snapshot, scene),
        "critical_sets": [_names(group, snapshot, scene) for group in found.unlocated],
        "topology_suspects": [],
        "notes": notes,
    }


def _names(rows: Ints, snapshot: PhaseSnapshot, scene: Scene) -> list[dict[str, Any]]:
    sources = snapshot.rows.rows.sources
    known = [row for row in rows.tolist() if row < len(sources)]
    return [measurement_name(source, scene.model) for row in known for source in sources[row]]


def nodes(snapshot: PhaseSnapshot, scene: Scene) -> Table:
    """Voltages to earth, one row a phase of an energised node."""
    buses, q, s = scene.model.buses, snapshot.estimate.quantities, snapshot.estimate.sigmas
    shown = np.flatnonzero(~buses.is_star[scene.network.bus_row])
    rows = np.repeat(scene.network.bus_row[shown], 3)
    phase_kv = buses.base_kv[rows] / SQRT3
    v_pu, sigma = q.vm_pu[shown, :3].ravel(), s.vm_pu[shown, :3].ravel()
    return {
        "mrid": buses.mrid[rows],
        "name": buses.name[rows],
        "base_kv": buses.base_kv[rows],
        "energised": np.ones(len(rows), np.bool_),
        "observable": np.isfinite(v_pu),
        "island": np.repeat(snapshot.estimate.start.islands.island[shown], 3),
        "phase": np.tile(PHASES, len(shown)),
        "v_kv": v_pu * phase_kv,
        "v_pu": v_pu,
        "angle_deg": np.degrees(q.angle_rad[shown, :3].ravel()),
        "sigma_v_kv": sigma * phase_kv,
        "sigma_v_pu": sigma,
        "sigma_angle_deg": np.degrees(s.angle_rad[shown, :3].ravel()),
    }


def branches(snapshot: PhaseSnapshot, scene: Scene) -> Table:
    """Flows into the branches, one row a phase."""
    found, network = scene.model.branches, scene.network
    q, s = snapshot.estimate.quantities, snapshot.estimate.sigmas
    rows = np.repeat(network.branch_row, 3)
    node = np.where(scene.model.buses.is_star, "", scene.model.buses.mrid)
    kinds = np.array([kind.name.lower() for kind in BranchKind])
    table: Table = {
        "mrid": found.mrid[rows],
        "name": found.name[rows],
        "kind": kinds[found.kind[rows]],
        "from_node": node[found.from_bus[rows]],
        "to_node": node[found.to_bus[rows]],
        "phase": np.tile(PHASES, network.n_branch),
    }
    phase_mva = network.base_mva / 3.0
    limits = (found.limit_from_a[rows], found.limit_to_a[rows])
    loading = np.zeros(len(rows))
    for side, (end, bus) in enumerate((("from", network.from_bus), ("to", network.to_bus))):
        ampere = np.repeat(network.base_mva * 1e3 / (SQRT3 * network.base_kv[bus]), 3)
        current = q.branch_i_pu[:, side, :3].ravel() * ampere
        for name, values, sigmas in (
            (f"p_{end}_mw", q.branch_p_pu, s.branch_p_pu),
            (f"q_{end}_mvar", q.branch_q_pu, s.branch_q_pu),
        ):
            table[name] = values[:, side].ravel() * phase_mva
            table["sigma_" + name] = sigmas[:, side].ravel() * phase_mva
        table[f"i_{end}_a"] = current
        table[f"sigma_i_{end}_a"] = s.branch_i_pu[:, side, :3].ravel() * ampere
        loading = np.maximum(loading, current / limits[side])
    table["loading_percent"] = np.where(np.isinf(limits[0]) & np.isinf(limits[1]), np.nan, 100.0 * loading)
    return table


def injections(snapshot: PhaseSnapshot, scene: Scene) -> Table:
    """Net consumption at every node where equipment is in service, one row a phase."""
    q, s, buses = snapshot.estimate.quantities, snapshot.estimate.sigmas, scene.model.buses
    at_buses = scene.injections_at_buses
    shown = np.array(sorted(at_buses), np.intp)
    rows = np.repeat(scene.network.bus_row[shown], 3)
    mrid, phase_mva = scene.model.injections.mrid, scene.network.base_mva / 3.0
    return {
        "node": buses.mrid[rows],
        "name": buses.name[rows],
        "components": [mrid[at_buses[bus]].tolist() for bus in shown.tolist() for _ in PHASES],
        "phase": np.tile(PHASES, len(shown)),
        "p_mw": -q.p_pu[shown].ravel() * phase_mva,
        "q_mvar": -q.q_pu[shown].ravel() * phase_mva,
        "sigma_p_mw": s.p_pu[shown].ravel() * phase_mva,
        "sigma_q_mvar": s.q_pu[shown].ravel() * phase_mva,
    }


def verdicts(estimate: PhaseEstimate) -> Verdicts:
    """Return what the three-phase core says about its measurements."""
    report = estimate.measurements
    status = np.where(report.is_used, Status.USED, Status.UNUSED)
    status[estimate.bad_data.rejected] = Status.REJECTED
    return Verdicts(
        report.residual_pu, report.normalized_residual, report.is_critical, report.critical_set, status
    )


def _parts(done: list[PhaseSnapshot], scene: Scene) -> list[Part]:
    collected: dict[str, list[dict[str, Any]]] = {}
    for snapshot in done:
        stamp = {"time": snapshot.time} if len(done) > 1 else {}
        said = verdicts(snapshot.estimate)
        tables = {
            "nodes": rows_of(nodes(snapshot, scene)),
            "branches": rows_of(branches(snapshot, scene)),
            "injections": rows_of(injections(snapshot, scene)),
            "measurements": measurement_rows(snapshot.rows.rows, said, scene.model, scene.network.base_mva),
        }
        for name, rows in tables.items():
            collected.setdefault(name, []).extend(stamp | row for row in rows)
    small = all(len(rows) <= INLINE_ROWS for rows in collected.values()) and len(done) == 1
    return [Part(name, rows if small else pa.Table.from_pylist(rows)) for name, rows in collected.items()]
