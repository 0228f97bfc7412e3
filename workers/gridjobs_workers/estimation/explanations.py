"""Which gross errors explain a set of residuals best: a search over subsets.

Leaving out the measurements D lowers the objective by e_Dᵀ S_DD⁻¹ e_D, with e the scaled residuals and S
their covariance. The best explanation is the one with the least objective plus a penalty for each error it
assumes. The largest normalized residual alone may mislead when several errors interact; a beam of many
partial explanations does not commit to one beginning.

References:
    A. Monticelli, F. F. Wu, M. Yen, "Multiple bad data identification for state estimation by combinatorial
    optimization", IEEE Trans. Power Delivery 1(3), 1986.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Floats

Bools = NDArray[np.bool_]

_BEAM = 48
_PATIENCE = 2  # sizes without improvement after which the search ends
_LEAST_VARIANCE = 1e-4  # below it a measurement checks nothing any more


@dataclass(frozen=True, slots=True)
class Explanation:
    """Errors assumed, as positions among the candidates, and the penalised objective relative to assuming
    none."""

    errors: frozenset[int]
    score: float


def probability(found: list[Explanation], error: int) -> float:
    """Probability of an error, where each explanation found weighs exp(−score / 2)."""
    weights = np.exp(-0.5 * (np.array([explanation.score for explanation in found]) - found[0].score))
    having = np.array([error in explanation.errors for explanation in found])
    return float(weights[having].sum() / weights.sum())


@dataclass(slots=True)
class _Beam:
    """Partial explanations: members (w, n), gain in objective (w,), residuals (w, n) and covariance (w, n,
    n)."""

    members: Bools
    gain: Floats
    residuals: Floats
    covariance: Floats


def explain(residuals: Floats, covariance: Floats, penalty: float, most: int) -> list[Explanation]:
    """Search the explanations of residuals, best first; the empty one is among them.

    Args:
        residuals: Scaled residuals of the candidates, shape (n,).
        covariance: Their covariance S, shape (n, n).
        penalty: What each error assumed costs.
        most: Bound on the number of errors.
    """
    n = len(residuals)
    beam = _Beam(np.zeros((1, n), bool), np.zeros(1), residuals[None].copy(), covariance[None].copy())
    visited = {frozenset[int](): 0.0}
    best, stale = 0.0, 0
    for size in range(1, min(n, most) + 1):
        grown = _grow(beam)
        if grown is None:
            break
        beam = grown
        scores = size * penalty - beam.gain
        for members, score in zip(beam.members, scores.tolist(), strict=True):
            visited[frozenset(np.flatnonzero(members).tolist())] = score
        stale = 0 if scores.min() < best else stale + 1
        best = min(best, float(scores.min()))
        if stale > _PATIENCE:
            break
    found = [Explanation(errors, score) for errors, score in visited.items()]
    return sorted(found, key=lambda explanation: explanation.score)


def _grow(beam: _Beam) -> _Beam | None:
    """Add one error to each partial explanation, keep the best different ones."""
    variance = np.einsum("wii->wi", beam.covariance)
    open_ = ~beam.members & (variance > _LEAST_VARIANCE)
    gain = np.where(open_, beam.residuals**2 / np.where(open_, variance, 1.0), -np.inf)
    total = (beam.gain[:, None] + gain).ravel()
    order = np.argsort(-total)[: 4 * _BEAM]
    parents, added = np.divmod(order[np.isfinite(total[order])], gain.shape[1])
    members = beam.members[parents]
    members[np.arange(len(added)), added] = True
    _, first = np.unique(np.packbits(members, axis=1), axis=0, return_index=True)
    chosen = np.sort(first)[:_BEAM]
    if not len(chosen):
        return None
    parents, added = parents[chosen], added[chosen]
    rows = np.arange(len(chosen))
    residuals, covariance = beam.residuals[parents], beam.covariance[parents]
    column = covariance[rows, :, added]
    own = column[rows, added]
    return _Beam(
        members=members[chosen],
        gain=total.reshape(gain.shape)[parents, added],
        residuals=residuals - column * (residuals[rows, added] / own)[:, None],
        covariance=covariance - column[:, :, None] * (column / own[:, None])[:, None, :],
    )
