"""The estimation job from its request to its result, in one process, on the example grid."""

import hashlib
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cimpy
import pytest

from gridjobs.contract.models import EstimationResult
from gridjobs_workers.estimation import actor
from gridjobs_workers.grids import actor as grids
from gridjobs_workers.grids.build import import_grid
from gridjobs_workers.task import JobFailure, Outcome, Task

EXAMPLE = Path(__file__).parents[3] / "examples" / "cigre_mv"
EQUIPMENT = ("cigre_mv_EQ.xml", "cigre_mv_TP.xml", "cigre_mv_SSH.xml")
REQUEST: dict[str, Any] = json.loads((EXAMPLE / "estimation.json").read_text())


class Memory:
    """Blobs in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, digest: str) -> bytes:
        return self.kept[digest]

    def put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self.kept[digest] = data
        return digest


def task(kind: str, body: dict[str, Any], blobs: Memory, **resources: dict[str, Any]) -> Task:
    return Task("job", kind, "default", 1, body, resources, blobs, lambda *_: None)


@pytest.fixture(scope="module")
def blobs() -> Memory:
    return Memory()


@pytest.fixture(scope="module")
def grid(blobs: Memory) -> dict[str, str]:
    archive = (EXAMPLE / "grid.zip").read_bytes()
    files = [{"name": "grid.zip", "digest": blobs.put(archive), "bytes": len(archive)}]
    return dict(grids.run(task("grid-import", {"grid_id": "g", "files": files}, blobs)).resource)


def estimated(blobs: Memory, grid: dict[str, str], **choices: Any) -> Outcome:
    body = {"grid_id": "g", "measurements": REQUEST["measurements"], **choices}
    outcome = actor.run(task("estimation", body, blobs, grid=grid))
    tables = {part.name: part.content for part in outcome.parts if isinstance(part.content, list)}
    EstimationResult.model_validate({**outcome.result, **tables, "parts": []})
    return outcome


def table(outcome: Outcome, name: str) -> list[dict[str, Any]]:
    rows = next(part.content for part in outcome.parts if part.name == name)
    assert isinstance(rows, list)
    return rows


def test_each_measurement_of_the_request_is_answered_in_its_own_unit(
    blobs: Memory, grid: dict[str, str]
) -> None:
    rows = table(estimated(blobs, grid), "measurements")
    given = [row for row in rows if not row["pseudo"]]
    assert [row["value"] for row in given] == [m["value"] for m in REQUEST["measurements"]]
    assert all(abs(row["value"] - row["estimate"] - row["residual"]) < 1e-9 for row in given)
    assert {row["unit"] for row in given} == {"kV", "MW", "Mvar"}


def test_units_of_the_request_do_not_change_the_estimate(blobs: Memory, grid: dict[str, str]) -> None:
    in_kv = table(estimated(blobs, grid), "nodes")
    scale = {"voltage_magnitude": ("V", 1e3), "active_power": ("kW", 1e3), "reactive_power": ("var", 1e6)}
    converted = [
        {**m, "unit": scale[m["measurand"]][0], "value": m["value"] * scale[m["measurand"]][1]}
        for m in REQUEST["measurements"]
    ]
    in_volts = table(estimated(blobs, grid, measurements=converted), "nodes")
    for one, other in zip(in_kv, in_volts, strict=True):
        assert one["v_kv"] == pytest.approx(other["v_kv"], rel=1e-9)


def test_without_assumptions_the_gap_is_named_with_what_would_close_it(
    blobs: Memory, grid: dict[str, str]
) -> None:
    with pytest.raises(JobFailure) as failure:
        estimated(blobs, grid, observability="require")
    assert failure.value.code == "not_observable"
    assert failure.value.parts[0].name == "diagnosis"


def test_partial_estimates_only_what_the_meters_determine(blobs: Memory, grid: dict[str, str]) -> None:
    outcome = estimated(blobs, grid, observability="partial")
    seen = {node["name"] for node in table(outcome, "nodes") if node["observable"]}
    assert {"N0", "N1", "N12"} <= seen
    assert len(seen) < 18
    assert outcome.result["summary"]["pseudo_measurements"] == 0


def test_balanced_measurements_give_the_same_state_phase_by_phase(
    blobs: Memory, grid: dict[str, str]
) -> None:
    symmetric = {n["mrid"]: n for n in table(estimated(blobs, grid), "nodes")}
    phases = table(estimated(blobs, grid, calculation="asymmetric"), "nodes")
    assert len(phases) == 3 * len(symmetric)
    for node in phases:
        # The balance of the reference is assumed within 0.01 rad there, hence not to the last digit.
        assert node["v_pu"] == pytest.approx(symmetric[node["mrid"]]["v_pu"], abs=2e-4)
        assert node["v_kv"] == pytest.approx(node["v_pu"] * node["base_kv"] / 3**0.5)


def test_a_dataset_with_times_is_a_batch_of_snapshots(blobs: Memory, grid: dict[str, str]) -> None:
    names = ("component", "measurand", "value", "accuracy_class", "side")
    lines = ["time," + ",".join(names)]
    for minute in range(3):
        for m in REQUEST["measurements"]:
            value = m["value"] * (1 + 0.001 * minute if m["measurand"] == "active_power" else 1.0)
            cells = [component_or(m, name, value) for name in names]
            lines.append(f"2026-11-20T12:{minute:02d}:00Z," + ",".join(cells))
    record = {"digest": blobs.put("\n".join(lines).encode()), "media_type": "text/csv"}
    body = {"grid_id": "g", "dataset_id": "d"}
    outcome = actor.run(task("estimation", body, blobs, grid=grid, dataset=record))
    assert [s["time"] for s in outcome.result["snapshots"]] == [
        f"2026-11-20T12:{minute:02d}:00Z" for minute in range(3)
    ]
    nodes = next(part.content for part in outcome.parts if part.name == "nodes")
    assert nodes.num_rows == 3 * 18  # type: ignore[union-attr]


def component_or(measurement: dict[str, Any], name: str, value: float) -> str:
    return repr(value) if name == "value" else str(measurement.get(name, ""))


def test_a_gross_error_is_rejected_by_name_or_reported_as_not_locatable(
    blobs: Memory, grid: dict[str, str]
) -> None:
    measurements = [dict(m) for m in REQUEST["measurements"]]
    measurements[3]["value"] *= 1.1  # 60 σ of a voltage that six others check
    report = estimated(blobs, grid, measurements=measurements).result["bad_data"]
    assert [found["index"] for found in report["rejected"]] == [3]


def test_unknown_components_are_all_named(blobs: Memory, grid: dict[str, str]) -> None:
    measurements = [dict(m) for m in REQUEST["measurements"]]
    measurements[0]["component"] = measurements[4]["component"] = "nowhere"
    with pytest.raises(JobFailure) as failure:
        estimated(blobs, grid, measurements=measurements)
    assert {fault["pointer"] for fault in failure.value.errors} == {
        "/measurements/0/component",
        "/measurements/4/component",
    }


def state_variables(blobs: Memory, grid: dict[str, str]) -> tuple[bytes, list[dict[str, Any]]]:
    """The estimate as SV profile, and as nodes."""
    outcome = estimated(blobs, grid, outputs=["sv"])
    profile = next(part.content for part in outcome.parts if part.name == "sv.xml")
    assert isinstance(profile, bytes)
    return profile, table(outcome, "nodes")


def test_the_sv_profile_comes_back_through_our_own_import(blobs: Memory, grid: dict[str, str]) -> None:
    profile, nodes = state_variables(blobs, grid)
    files = [(name, (EXAMPLE / name).read_bytes()) for name in EQUIPMENT]
    model = import_grid([*files, ("estimate_SV.xml", profile)])
    assert not model.problems
    for node in nodes:
        bus = model.bus_of[node["mrid"]]
        assert model.buses.sv_kv[bus] == pytest.approx(node["v_kv"], rel=1e-8)
        assert model.buses.sv_deg[bus] == pytest.approx(node["angle_deg"], abs=1e-7)


def test_the_sv_profile_is_read_by_cimpy(blobs: Memory, grid: dict[str, str], tmp_path: Path) -> None:
    profile, nodes = state_variables(blobs, grid)
    (tmp_path / "estimate_SV.xml").write_bytes(profile)
    paths = [*(EXAMPLE / name for name in EQUIPMENT), tmp_path / "estimate_SV.xml"]
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("rb")) for path in paths]
        read = cimpy.cim_import(files, "cgmes_v2_4_15")["topology"]
    voltages = {v.TopologicalNode.mRID: float(v.v) for v in read.values() if type(v).__name__ == "SvVoltage"}
    assert len(voltages) == len(nodes)
    for node in nodes:
        assert voltages[f"_{node['mrid']}"] == pytest.approx(node["v_kv"], rel=1e-8)
