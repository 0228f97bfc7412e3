"""State estimation as a job."""

import time
from collections.abc import Iterator
from typing import Any

from gridjobs_workers.cache import recent_grids
from gridjobs_workers.estimation.errors import EstimationError
from gridjobs_workers.estimation.estimate import estimate
from gridjobs_workers.estimation.wire import failures, pictures, result
from gridjobs_workers.estimation.wire.dataset import BadDataset, snapshots
from gridjobs_workers.estimation.wire.readings import BadMeasurements
from gridjobs_workers.estimation.wire.request import Wishes
from gridjobs_workers.estimation.wire.result import Snapshot
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.grids.codec import model_from_bytes
from gridjobs_workers.task import JobFailure, Outcome, Task

ENGINE = {"name": "gridjobs-wls", "version": "0.1.0"}


def run(task: Task) -> Outcome:
    """Estimate every snapshot of a request."""
    scene = _scene(task)
    wishes = Wishes.of(task.input)
    done = []
    for number, (moment, measurements, share) in enumerate(_snapshots(task)):
        task.progress(share, "estimating", f"snapshot {number + 1}")
        done.append(_estimated(moment, measurements, wishes, scene))
    task.progress(0.95, "reporting", "")
    body, parts = result.assemble_result(done, scene, task.input["grid_id"])
    return Outcome(body, [*parts, *pictures.files(done[-1], scene, task.input.get("outputs", ()))], ENGINE)


def _scene(task: Task) -> Scene:
    digest = task.resources["grid"]["model_digest"]
    return recent_grids().get(
        ("estimation", digest), lambda: Scene.of(model_from_bytes(task.blobs.get(digest)))
    )


def _snapshots(task: Task) -> Iterator[tuple[str, list[dict[str, Any]], float]]:
    """Yield time, measurements and the share of the work that is done before each."""
    if "dataset" not in task.resources:
        yield "", task.input["measurements"], 0.1
        return
    record = task.resources["dataset"]
    try:
        found = list(snapshots(task.blobs.get(record["digest"]), record["media_type"]))
    except BadDataset as error:
        raise JobFailure(
            "bad_dataset", str(error), [_fault("/dataset_id", "bad_dataset", str(error))]
        ) from error
    for number, (moment, measurements) in enumerate(found):
        yield moment, measurements, 0.1 + 0.8 * number / len(found)


def _estimated(moment: str, measurements: list[dict[str, Any]], wishes: Wishes, scene: Scene) -> Snapshot:
    try:
        rows = wishes.rows(measurements, scene)
        core = wishes.measurements(rows, scene)
        started = time.perf_counter()
        found = estimate(scene.network, core, wishes.options(scene))
        return Snapshot(moment, rows, core, found, time.perf_counter() - started)
    except BadMeasurements as bad:
        raise JobFailure("invalid_measurements", str(bad), bad.faults) from bad
    except EstimationError as error:
        raise failures.explained(error, rows, scene) from error


def _fault(pointer: str, code: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "code": code, "detail": detail}
