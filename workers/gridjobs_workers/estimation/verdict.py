"""Which measurements the residuals convict.

Suspects and what is correlated with them are candidates; the explanations of all residuals are searched
among them. A candidate is convicted when it is in the best explanation and, by the weight of all
explanations, likely enough to be wrong. Where explanations differ, the group is named and nobody convicted.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from gridjobs_workers.estimation.explanations import Explanation, explain, probability
from gridjobs_workers.estimation.linear import LinearModel
from gridjobs_workers.estimation.state import Solution
from gridjobs_workers.grids.network import Floats, Ints

# Redundancy below which a residual is rounding.
LEAST_REDUNDANCY = 1e-5
_POSSIBLE = 9.2  # an explanation worse than the best by this is 1 : 100 beside it
_MOST_SWEEPS = 6
_SUSPICIOUS = 2.5  # normalized residual of a candidate
_RELATED = 0.2  # correlation with a suspect that makes a candidate
_CLOSE = 0.4  # the same over one in between
_MOST_CLOSE = 60
_CONNECTED = 0.1  # correlation of candidates that are searched together
_MOST_RELATED = 40
_MOST_CANDIDATES = 150


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, numbered as in `LinearModel.judged_residuals`.

    Attributes:
        assumed: The best explanation.
        rejected: What is sure of it.
        groups: What may be wrong instead of the rest of it.
    """

    assumed: frozenset[int]
    rejected: frozenset[int]
    groups: list[frozenset[int]]


NOTHING = Verdict(frozenset(), frozenset(), [])


def normalized(scaled: Floats, variance: Floats) -> Floats:
    """|r| / σ_r from r / σ and σ_r² / σ²; 0 where nothing checks the measurement."""
    checked = variance > LEAST_REDUNDANCY
    return np.where(checked, np.abs(scaled) / np.sqrt(np.where(checked, variance, 1.0)), 0.0)


def judge(model: LinearModel, solution: Solution, limit: float, most: int, odds: float) -> Verdict:
    """Explain the residuals at a solution, as if everything were in use, on the model linearised there."""
    model.factorise()
    model.invert()
    scaled, variance = model.judged_residuals(solution), model.judged_variances()
    suspects, columns = _suspects(model, scaled, variance, limit, most)
    if not suspects:
        return NOTHING
    known = dict(zip(suspects, columns, strict=True))
    candidates = _candidates(model, scaled, variance, known)
    covariance = np.stack([_column(model, known, k)[candidates] for k in candidates.tolist()])
    covariance = (covariance + covariance.T) / 2
    return _explained(candidates, scaled[candidates], covariance, limit**2, most, odds)


def _column(model: LinearModel, known: dict[int, Floats], k: int) -> Floats:
    if k not in known:
        known[k] = model.sensitivity(k)
    return known[k]


def _suspects(
    model: LinearModel, scaled: Floats, variance: Floats, limit: float, most: int
) -> tuple[list[int], list[Floats]]:
    """Measurements that leave no suspect when they go, found one by one; and their columns of S.

    Each one found takes its part out of the other residuals (S without it: S − s sᵀ / s_ii).
    """
    scaled, variance = scaled.copy(), variance.copy()
    found: list[int] = []
    columns: list[Floats] = []
    taken: list[Floats] = []
    while len(found) < most:
        ratio = normalized(scaled, variance)
        k = int(np.argmax(ratio))
        if ratio[k] < limit:
            break
        whole = model.sensitivity(k)
        column = whole
        for other, earlier in zip(found, taken, strict=True):
            column = column - earlier * (column[other] / earlier[other])
        if column[k] < 0.5 * variance[k]:  # what the inverse subset lost in rounding
            variance[k] = max(column[k], 0.0)
            continue
        scaled = scaled - column * (scaled[k] / column[k])
        variance = np.maximum(variance - column**2 / column[k], 0.0)
        variance[k] = 0.0
        found.append(k)
        columns.append(whole)
        taken.append(column)
    return found, columns


def _candidates(model: LinearModel, scaled: Floats, variance: Floats, known: dict[int, Floats]) -> Ints:
    """Suspects, what else has a large residual, and what is correlated with them, directly or by one in
    between.

    Args:
        model: The linear model.
        scaled: Scaled residuals.
        variance: Their variances.
        known: Columns of S of the suspects; more are added.
    """
    ratio = normalized(scaled, variance)
    suspects = list(known)
    near = [j for k in suspects for j in _related(_column(model, known, k), variance, k, _RELATED)]
    close = [j for k in suspects for j in _related(_column(model, known, k), variance, k, _CLOSE)]
    beyond = [j for k in close[:_MOST_CLOSE] for j in _related(_column(model, known, k), variance, k, _CLOSE)]
    chosen = {*suspects, *near, *beyond, *np.flatnonzero(ratio > _SUSPICIOUS).tolist()}
    others = sorted(chosen - set(suspects), key=lambda j: -ratio[j])
    return np.array(sorted({*suspects, *others[:_MOST_CANDIDATES]}), np.intp)


def _related(column: Floats, variance: Floats, k: int, least: float) -> list[int]:
    """Measurements whose residuals are correlated with that of k by at least so much, the closest first."""
    checked = np.where(variance > LEAST_REDUNDANCY, variance, np.inf)
    correlation = np.abs(column) / np.sqrt(checked * max(column[k], LEAST_REDUNDANCY))
    order = np.argsort(-correlation)[:_MOST_RELATED]
    found: list[int] = order[correlation[order] > least].tolist()
    return found


def _explained(
    candidates: Ints, scaled: Floats, covariance: Floats, penalty: float, most: int, odds: float
) -> Verdict:
    """Explain candidates that are correlated together, others apart, each part less what the others explain."""
    size = np.sqrt(np.maximum(np.diag(covariance), LEAST_REDUNDANCY))
    near = np.abs(covariance) / np.outer(size, size) > _CONNECTED
    n_part, part = connected_components(csr_array(near), directed=False)
    found: list[list[Explanation]] = [[] for _ in range(n_part)]
    assumed: list[list[int]] = [[] for _ in range(n_part)]
    for _ in range(_MOST_SWEEPS):
        before = [list(errors) for errors in assumed]
        for k in range(n_part):
            at = np.flatnonzero(part == k)
            others = [i for other in range(n_part) if other != k for i in assumed[other]]
            elsewhere = np.array(others, np.intp)
            e, S = _less(scaled, covariance, at, elsewhere)
            found[k] = explain(e, S, penalty, most)
            assumed[k] = at[sorted(found[k][0].errors)].tolist()
        if assumed == before:
            break
    shared: set[int] = set()
    groups: list[frozenset[int]] = []
    for k in range(n_part):
        names = candidates[part == k].tolist()
        sure = frozenset(i for i in found[k][0].errors if probability(found[k], i) > odds / (1.0 + odds))
        shared |= {names[i] for i in sure}
        groups += [frozenset(names[i] for i in group) for group in _open_groups(found[k], sure)]
    everything = frozenset(int(candidates[i]) for errors in assumed for i in errors)
    return Verdict(everything, frozenset(shared), groups)


def _less(scaled: Floats, covariance: Floats, at: Ints, out: Ints) -> tuple[Floats, Floats]:
    """Residuals and covariance of some candidates with others left out."""
    e, S = scaled[at], covariance[np.ix_(at, at)]
    if not len(out):
        return e, S
    across = covariance[np.ix_(at, out)]
    taken = np.linalg.solve(covariance[np.ix_(out, out)], np.column_stack((scaled[out], across.T)))
    return e - across @ taken[:, 0], S - across @ taken[:, 1:]


def _open_groups(found: list[Explanation], sure: frozenset[int]) -> list[frozenset[int]]:
    """What may be wrong instead of each error of the best explanation that is not sure; overlapping groups are one."""
    best = found[0]
    groups: list[set[int]] = []
    for other in found:
        if other.score > best.score + _POSSIBLE or best.errors <= other.errors:
            continue
        difference = set(best.errors ^ other.errors) - sure
        if difference <= sure or not difference & best.errors:
            continue
        for group in [g for g in groups if g & difference]:
            groups.remove(group)
            difference |= group
        groups.append(difference)
    return [frozenset(group) for group in groups]
