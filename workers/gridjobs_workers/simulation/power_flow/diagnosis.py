"""Why there is no solution: what is missing where, and how much load the grid would carry."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gridjobs_workers.simulation.power_flow.errors import Diagnosis
from gridjobs_workers.simulation.power_flow.newton import Attempt
from gridjobs_workers.simulation.power_flow.problem import OperatingPoint

Solver = Callable[[OperatingPoint], Attempt]
BISECTIONS = 8


def scaled(point: OperatingPoint, share: float) -> OperatingPoint:
    """The operating point with all injections at a share of themselves."""
    return replace(
        point,
        s_pu=share * point.s_pu,
        s_current_pu=share * point.s_current_pu,
        s_impedance_pu=share * point.s_impedance_pu,
    )


def diagnose(point: OperatingPoint, failed: Attempt, solve: Solver | None) -> Diagnosis:
    """Look at the last mismatches and, given a solver, for the loading at which solutions end."""
    missing = np.abs(failed.mismatch)
    missing = np.where(np.isfinite(missing), missing, np.inf)
    worst = np.argsort(-missing)[:10]
    share, last = _loading_limit(point, solve) if solve else (np.nan, None)
    weakest, weakest_v = -1, np.nan
    if last is not None:
        magnitude = np.exp(last.state.log_v)
        weakest = int(np.argmin(magnitude))
        weakest_v = float(magnitude[weakest])
    return Diagnosis(
        worst, missing[worst], weakest, weakest_v, share, _reason(share, weakest_v, missing[worst[0]])
    )


def _loading_limit(point: OperatingPoint, solve: Solver) -> tuple[float, Attempt | None]:
    """Largest share of the injections that has a solution, by bisection, and that solution."""
    unloaded = solve(scaled(point, 0.0))
    if not unloaded.converged:
        return np.nan, None
    low, high, last = 0.0, 1.0, unloaded
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        attempt = solve(scaled(point, middle))
        if attempt.converged:
            low, last = middle, attempt
        else:
            high = middle
    return low, last


def _reason(share: float, weakest_v: float, worst: float) -> str:
    if np.isnan(share):
        return (
            f"no solution from any start; the largest mismatch left is {worst:.3g} p.u., and not even the "
            "unloaded network could be solved: impedances, set-points or references contradict each other"
        )
    if share > 0.99:
        return f"no solution from any start, just beyond the limit: {worst:.3g} p.u. missing at the worst bus"
    return (
        f"voltage collapse: solutions end at {100 * share:.0f} % of the injections, where the lowest voltage "
        f"is {weakest_v:.3f} p.u."
    )
