import hashlib
import json
from typing import Any

import pytest
from support.cgmes import two_buses

from gridjobs_workers.grids import actor
from gridjobs_workers.grids.codec import model_from_bytes
from gridjobs_workers.task import JobFailure, Outcome, Task


class Blobs:
    """Blobs in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, digest: str) -> bytes:
        return self.kept[digest]

    def put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self.kept[digest] = data
        return digest


def run(blobs: Blobs, documents: list[tuple[str, bytes]], **more: Any) -> Outcome:
    files = [
        {"name": name, "digest": blobs.put(content), "bytes": len(content)} for name, content in documents
    ]
    task = Task(
        job_id="job",
        type="grid-import",
        tenant="t",
        attempt=1,
        input={"grid_id": "g", "files": files, **more},
        resources={"grid": {"id": "g"}},
        blobs=blobs,
        progress=lambda *_: None,
    )
    return actor.run(task)


def test_an_import_leaves_model_index_and_summary() -> None:
    blobs = Blobs()

    outcome = run(blobs, two_buses().documents(), name="Two buses")

    assert outcome.resource["status"] == "ready"
    assert model_from_bytes(blobs.get(outcome.resource["model_digest"])).name == "Two buses"
    summary = json.loads(outcome.resource["summary"])
    assert summary == outcome.result["summary"]
    assert summary["dialect"] == "cgmes_2.4.15"
    assert summary["profiles"] == ["EQ", "TP", "SSH"]
    assert summary["counts"]["nodes"] == 2
    assert summary["counts"]["lines"] == summary["counts"]["loads"] == 1
    assert summary["voltage_levels"] == [{"base_kv": 20.0, "nodes": 2}]
    assert summary["islands"] == [{"nodes": 2, "branches": 1, "sources": ["source"]}]
    assert summary["scenario_time"] == "2026-01-01T00:00:00Z"
    assert json.loads(outcome.resource["problems"]) == []


def test_the_index_names_every_component_that_users_may_name() -> None:
    blobs = Blobs()

    index = json.loads(blobs.get(run(blobs, two_buses().documents()).resource["index_digest"]))

    assert index["a"] == ["node", "A", "TopologicalNode", 20.0]
    assert index["line"] == ["branch", None, "ACLineSegment", 20.0]
    assert index["load"] == ["injection", "load", "EnergyConsumer", 20.0]
    assert index["line-2"] == ["terminal", None, "Terminal", 20.0]
    assert sorted(index) == sorted(
        ["a", "b", "line", "line-1", "line-2", "load", "load-1", "source", "source-1"]
    )


def test_a_grid_is_called_after_its_equipments_file_by_default() -> None:
    blobs = Blobs()

    assert (
        model_from_bytes(blobs.get(run(blobs, two_buses().documents()).resource["model_digest"])).name
        == "grid_EQ"
    )


def test_a_rejected_grid_tells_every_reason_with_file_and_line() -> None:
    grid = two_buses()
    grid.line("bad", "a", "b", r="NaN")  # type: ignore[arg-type]
    grid.add("EQ", "PowerTransformer", "bare")

    with pytest.raises(JobFailure) as failure:
        run(Blobs(), grid.documents())

    assert failure.value.code == "grid_rejected"
    assert sorted(error["code"] for error in failure.value.errors) == ["invalid_value", "winding_missing"]
    assert {error["pointer"] for error in failure.value.errors} == {"/files/0"}
    assert all("grid_EQ.xml:" in error["detail"] for error in failure.value.errors)
    told = json.loads(failure.value.resource["problems"])
    assert {problem["mrid"] for problem in told} == {"bad", "bare"}


def test_warming_up_imports_without_a_complaint() -> None:
    actor.warm()
