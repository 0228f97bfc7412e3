"""Where the snapshots of one request are worked on: decode, estimate, keep for the report.

The symmetric desk takes the phases as balanced, the asymmetric one estimates each.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import numpy as np

from gridjobs_workers.estimation.errors import EstimationError
from gridjobs_workers.estimation.three_phase.estimate import PhaseEstimator
from gridjobs_workers.estimation.wire import failures, pictures, result
from gridjobs_workers.estimation.wire.kept import Kept
from gridjobs_workers.estimation.wire.phase_result import PhaseSnapshot, assemble_phase_result
from gridjobs_workers.estimation.wire.readings import BadMeasurements
from gridjobs_workers.estimation.wire.request import Wishes
from gridjobs_workers.estimation.wire.result import Snapshot
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.estimation.wls import State
from gridjobs_workers.task import JobFailure, Part

Measured = list[dict[str, Any]]
Arranged = TypeVar("Arranged")


@cache
def _kept() -> Kept:
    return Kept()


@dataclass(slots=True)
class SymmetricDesk:
    """Estimates balanced snapshots, each from the state of the one before."""

    grid: str
    scene: Scene
    wishes: Wishes
    done: list[Snapshot] = field(default_factory=list)

    def estimate(self, moment: str, measurements: Measured) -> None:
        """Estimate one snapshot; raises JobFailure."""
        scene, wishes = self.scene, self.wishes
        rows = _arranged(lambda: wishes.rows(measurements, scene))
        core, options = wishes.measurements(rows, scene), wishes.options(scene)
        started = time.perf_counter()
        try:
            estimator = _kept().estimator(self.grid, scene, core, options)
            found = estimator.estimate(core.value, self._start())
        except EstimationError as error:
            raise failures.explained(error, rows, scene) from error
        elapsed_s = time.perf_counter() - started
        seen = _kept().sight(self.grid, scene, core, options, estimator)
        self.done.append(Snapshot(moment, rows, core, found, seen, elapsed_s))

    def report(self, grid_id: str, outputs: Iterable[str]) -> tuple[dict[str, Any], list[Part]]:
        """Return the result, its tables and the files that were asked for."""
        body, parts = result.assemble_result(self.done, self.scene, grid_id)
        return body, [*parts, *pictures.files(self.done[-1], self.scene, outputs)]

    def _start(self) -> State | None:
        """Begin where the snapshot before ended, unless it knows only a part."""
        if not self.done:
            return None
        state = self.done[-1].estimate.state
        return state if np.isfinite(state.vm_pu).all() else None


@dataclass(slots=True)
class AsymmetricDesk:
    """Estimates snapshots phase by phase."""

    scene: Scene
    wishes: Wishes
    done: list[PhaseSnapshot] = field(default_factory=list)

    def estimate(self, moment: str, measurements: Measured) -> None:
        """Estimate one snapshot; raises JobFailure."""
        scene, wishes = self.scene, self.wishes
        rows = _arranged(lambda: wishes.phase_rows(measurements, scene))
        core = wishes.phase_measurements(rows, scene)
        started = time.perf_counter()
        try:
            found = PhaseEstimator(scene.three_phase[0], core, wishes.phase_options(scene)).estimate()
        except EstimationError as error:
            raise failures.explained(error, rows.rows, scene) from error
        self.done.append(PhaseSnapshot(moment, rows, core, found, time.perf_counter() - started))

    def report(self, grid_id: str, outputs: Iterable[str]) -> tuple[dict[str, Any], list[Part]]:
        """Return the result and its tables; SV profile and picture are of balanced grids only."""
        body, parts = assemble_phase_result(self.done, self.scene, grid_id)
        notes = body["bad_data"]["notes"]
        for code, number in sorted(Counter(problem.code for problem in self.scene.three_phase[1]).items()):
            notes.append(f"{code.replace('_', ' ')} of {number} piece(s) of equipment")
        if left_out := sorted(set(outputs)):
            notes.append(f"no {', '.join(left_out)} of an asymmetric estimation")
        return body, parts


def _arranged(arrange: Callable[[], Arranged]) -> Arranged:
    try:
        return arrange()
    except BadMeasurements as bad:
        raise JobFailure("invalid_measurements", str(bad), bad.faults) from bad
