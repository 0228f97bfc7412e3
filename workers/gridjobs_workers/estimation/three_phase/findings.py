"""Gross errors among measurements of phases, by the symmetric estimator's identification."""

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from gridjobs_workers.estimation.bad_data import identify, normalized, threshold
from gridjobs_workers.estimation.options import BadData
from gridjobs_workers.estimation.three_phase.options import PhaseOptions
from gridjobs_workers.estimation.three_phase.solver import Solution, Solver
from gridjobs_workers.grids.network import Floats, Ints


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with the measurements.

    Attributes:
        limit: Normalized residual above which a measurement is suspect.
        rejected: Measurements rejected beyond doubt.
        unlocated: Groups of which one is wrong, and no method can tell which.
        suspects: Measurements above the limit after all rejections.
        is_exhausted: Whether suspects are left because the bound was reached.
    """

    limit: float = np.inf
    rejected: Ints = field(default_factory=lambda: np.empty(0, np.intp))
    unlocated: list[Ints] = field(default_factory=list)
    suspects: Ints = field(default_factory=lambda: np.empty(0, np.intp))
    is_exhausted: bool = False


def find_bad_data(
    solver: Solver, values: Floats, solution: Solution, options: PhaseOptions
) -> tuple[Findings, Solution]:
    """Look for gross errors as the options say, from a solution whose factor and inverse the solver holds.

    Returns:
        What was found, and the estimate without what is rejected, whose factor and inverse the solver holds.
    """
    if options.bad_data == BadData.OFF:
        return Findings(), solution
    limit = threshold(int(solver.used.sum()), options.false_alarm)
    suspects = _above(solver, solution, limit)
    if options.bad_data == BadData.DETECT or not len(suspects):
        return Findings(limit, suspects=suspects), solution
    # The identification knows of a solver what both estimators' solvers have.
    found = identify(
        cast("Any", solver), values, cast("Any", solution), limit, options.max_rejected, options.tolerance
    )
    without = cast("Solution", found.solution)
    suspects = _above(solver, without, limit)
    return Findings(limit, found.rejected, found.unlocated, suspects, found.is_exhausted), without


def normalized_residuals(solver: Solver, residuals: Floats) -> Floats:
    """|r| / σ_r of each measurement, as if those not in use were; 0 where nothing checks one; after `invert`."""
    redundancy = solver.redundancy()
    scaled = residuals / solver.sigma
    return np.where(solver.used, normalized(scaled, redundancy), np.abs(scaled) * np.sqrt(redundancy))


def _above(solver: Solver, solution: Solution, limit: float) -> Ints:
    size = normalized_residuals(solver, solution.residuals)
    return np.asarray(np.flatnonzero(solver.used & (size > limit)), np.intp)
