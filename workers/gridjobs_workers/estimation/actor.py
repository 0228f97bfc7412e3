"""State estimation as a job."""

from collections.abc import Iterator
from typing import Any

from gridjobs_workers.cache import recent_grids
from gridjobs_workers.estimation.desks import AsymmetricDesk, SymmetricDesk
from gridjobs_workers.estimation.three_phase import warm as three_phase
from gridjobs_workers.estimation.warm import compile_kernels
from gridjobs_workers.estimation.wire.dataset import BadDataset, snapshots
from gridjobs_workers.estimation.wire.request import Wishes
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.grids.codec import model_from_bytes
from gridjobs_workers.task import JobFailure, Outcome, Task

ENGINE = {"name": "gridjobs-wls", "version": "0.1.0"}


def run(task: Task) -> Outcome:
    """Estimate every snapshot of a request."""
    desk = _desk(task)
    for number, (moment, measurements, share) in enumerate(_snapshots(task)):
        task.progress(share, "estimating", f"snapshot {number + 1}")
        desk.estimate(moment, measurements)
    task.progress(0.95, "reporting", "")
    return Outcome(*desk.report(task.input["grid_id"], task.input.get("outputs", ())), ENGINE)


def warm() -> None:
    """Compile the kernels, so that no job waits for a compiler."""
    compile_kernels()
    three_phase.compile_kernels()


def _desk(task: Task) -> SymmetricDesk | AsymmetricDesk:
    digest = task.resources["grid"]["model_digest"]
    scene = recent_grids().get(
        ("estimation", digest), lambda: Scene.of(model_from_bytes(task.blobs.get(digest)))
    )
    wishes = Wishes.of(task.input)
    if task.input.get("calculation") == "asymmetric":
        return AsymmetricDesk(scene, wishes)
    return SymmetricDesk(digest, scene, wishes)


def _snapshots(task: Task) -> Iterator[tuple[str, list[dict[str, Any]], float]]:
    """Yield time, measurements and the share of the work that is done before each."""
    if "dataset" not in task.resources:
        yield "", task.input["measurements"], 0.1
        return
    record = task.resources["dataset"]
    try:
        found = list(snapshots(task.blobs.get(record["digest"]), record["media_type"]))
    except BadDataset as error:
        fault = {"pointer": "/dataset_id", "code": "bad_dataset", "detail": str(error)}
        raise JobFailure("bad_dataset", str(error), [fault]) from error
    for number, (moment, measurements) in enumerate(found):
        yield moment, measurements, 0.1 + 0.8 * number / len(found)
