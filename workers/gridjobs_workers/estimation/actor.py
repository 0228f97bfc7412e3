"""State estimation as a job."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gridjobs_workers.cache import recent_grids
from gridjobs_workers.estimation.errors import EstimationError
from gridjobs_workers.estimation.warm import compile_kernels
from gridjobs_workers.estimation.wire import failures, pictures, result
from gridjobs_workers.estimation.wire.dataset import BadDataset, snapshots
from gridjobs_workers.estimation.wire.kept import Kept
from gridjobs_workers.estimation.wire.readings import BadMeasurements
from gridjobs_workers.estimation.wire.request import Wishes
from gridjobs_workers.estimation.wire.result import Snapshot
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.estimation.wls import State
from gridjobs_workers.grids.codec import model_from_bytes
from gridjobs_workers.task import JobFailure, Outcome, Task

ENGINE = {"name": "gridjobs-wls", "version": "0.1.0"}

Rows = list[dict[str, Any]]


def run(task: Task) -> Outcome:
    """Estimate every snapshot of a request."""
    grid = task.resources["grid"]["model_digest"]
    desk = _Desk(grid, _scene(task, grid), Wishes.of(task.input))
    done: list[Snapshot] = []
    for number, (moment, measurements, share) in enumerate(_snapshots(task)):
        task.progress(share, "estimating", f"snapshot {number + 1}")
        done.append(desk.estimated(moment, measurements, done[-1] if done else None))
    task.progress(0.95, "reporting", "")
    body, parts = result.assemble_result(done, desk.scene, task.input["grid_id"])
    files = pictures.files(done[-1], desk.scene, task.input.get("outputs", ()))
    return Outcome(body, [*parts, *files], ENGINE)


def warm() -> None:
    """Compile the kernels, so that no job waits for a compiler."""
    compile_kernels()


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where the snapshots of one request are worked on."""

    grid: str
    scene: Scene
    wishes: Wishes

    def estimated(self, moment: str, measurements: Rows, before: Snapshot | None) -> Snapshot:
        """Estimate one snapshot, from the state of the one before."""
        scene, wishes = self.scene, self.wishes
        try:
            rows = wishes.rows(measurements, scene)
        except BadMeasurements as bad:
            raise JobFailure("invalid_measurements", str(bad), bad.faults) from bad
        core, options = wishes.measurements(rows, scene), wishes.options(scene)
        started = time.perf_counter()
        try:
            estimator = _kept().estimator(self.grid, scene, core, options)
            found = estimator.estimate(core.value, _start(before))
        except EstimationError as error:
            raise failures.explained(error, rows, scene) from error
        elapsed_s = time.perf_counter() - started
        seen = _kept().sight(self.grid, scene, core, options, estimator)
        return Snapshot(moment, rows, core, found, seen, elapsed_s)


@cache
def _kept() -> Kept:
    return Kept()


def _scene(task: Task, digest: str) -> Scene:
    return recent_grids().get(
        ("estimation", digest), lambda: Scene.of(model_from_bytes(task.blobs.get(digest)))
    )


def _snapshots(task: Task) -> Iterator[tuple[str, Rows, float]]:
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


def _start(before: Snapshot | None) -> State | None:
    """Begin where the snapshot before ended, unless it knows only a part."""
    if before is None:
        return None
    state = before.estimate.state
    return state if np.isfinite(state.vm_pu).all() else None
