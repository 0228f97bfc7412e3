"""Gross errors: found by normalized residuals, rejected only where the evidence is clear.

A measurement is suspect when its normalized residual exceeds what noise explains. What may be wrong is
judged by the explanations of all residuals (`verdict`), the estimate repeated without it, and judged again,
until both agree.

References:
    A. Monticelli, A. Garcia, "Reliable bad data processing for real-time state estimation", IEEE Trans.
        PAS-102(5), 1983 (largest normalized residual).
    L. Mili, T. Van Cutsem, M. Ribbens-Pavella, "Hypothesis testing identification: a new method for bad data
        analysis in power system state estimation", IEEE Trans. PAS-103(11), 1984 (joint estimates of errors).
    A. Abur, A. Gómez-Expósito, "Power System State Estimation", Marcel Dekker 2004, chapter 5.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from gridjobs_workers.estimation.errors import NotConverged
from gridjobs_workers.estimation.verdict import NOTHING, judge, normalized
from gridjobs_workers.estimation.wls import Solution, Solver
from gridjobs_workers.grids.network import Floats, Ints

Bools = NDArray[np.bool_]

_MOST_ROUNDS = 8

__all__ = ["Identified", "identify", "margin", "normalized", "threshold"]


@dataclass(frozen=True, slots=True)
class Identified:
    """What was found.

    Attributes:
        rejected: Measurements rejected.
        released: Exact zeros given up, as rows (2 · zero + 0 for P, 1 for Q).
        unlocated: Groups of measurements that contain an error which no method can tell apart.
        solution: The estimate without the rejected ones; the solver holds its factor and inverse.
        is_exhausted: Whether suspects are left because the bound was reached.
    """

    rejected: Ints
    released: Ints
    unlocated: list[Ints]
    solution: Solution
    is_exhausted: bool


def threshold(n_measurement: int, false_alarm: float) -> float:
    """Normalized residual that the largest of n good ones exceeds with probability `false_alarm`
    (Bonferroni)."""
    return float(-ndtri(false_alarm / (2 * max(n_measurement, 1))))


def margin(odds: float) -> float:
    """Difference of the objectives of two explanations of which one is `odds` times as likely."""
    return 2.0 * float(np.log(odds))


def identify(
    solver: Solver,
    values: Floats,
    solution: Solution,
    limit: float,
    most: int,
    tolerance: float,
    odds: float = 5.0,
) -> Identified:
    """Find the gross errors, from a solution with every measurement in use.

    Args:
        solver: Holds the factor of `solution`.
        values: Measured values, shape (n_measurement,).
        solution: The estimate with all measurements.
        limit: Normalized residual from which on a measurement is suspect.
        most: Bound on the number of rejections.
        tolerance: Of the estimates in between and at the end.
        odds: Odds at which an error is sure enough.
    """
    everything = solver.used.copy()
    verdict = NOTHING
    now = solution
    for _ in range(_MOST_ROUNDS):
        solver.use(everything)
        before, verdict = verdict, judge(solver, now, limit, most, odds)
        if verdict.assumed == before.assumed:
            break
        try:
            now = _without(solver, everything, verdict.assumed, values, solution, tolerance)
        except NotConverged:
            verdict = before
            break
    m = len(everything)
    rejected = np.array(sorted(k for k in verdict.rejected if k < m), np.intp)
    released = np.array(sorted(k - m for k in verdict.rejected if k >= m), np.intp)
    groups = [frozenset(k for k in group if k < m) for group in verdict.groups]
    final = _without(solver, everything, verdict.rejected, values, solution, tolerance)
    solver.invert()
    return Identified(
        rejected=rejected,
        released=released,
        unlocated=[np.array(sorted(group), np.intp) for group in groups if group],
        solution=final,
        is_exhausted=len(verdict.assumed) >= most,
    )


def _without(
    solver: Solver,
    everything: Bools,
    out: frozenset[int],
    values: Floats,
    start: Solution,
    tolerance: float,
) -> Solution:
    solver.leave_out(everything, out)
    return solver.solve(values, start.state, tolerance=tolerance)
