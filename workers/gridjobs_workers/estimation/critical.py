"""Measurements whose errors nothing checks, and sets in which an error cannot be located.

A measurement is critical when the network is not observable without it: its residual is zero whatever its
error. In a critical set every measurement is critical without any one of the others: all their normalized
residuals are equal, whichever errs.

References:
    K. A. Clements, P. W. Davis, "Multiple bad data detectability and identifiability: a geometric approach",
    IEEE Trans. Power Delivery 1(3), 1986.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.bad_data import margin
from gridjobs_workers.estimation.linear import LinearModel
from gridjobs_workers.estimation.unit_model import UnitModel
from gridjobs_workers.grids.network import Floats, Ints

Bools = NDArray[np.bool_]

_LEAST_REDUNDANCY = 1e-5  # in the unit model, where it is 0 or far from it
_N_SKETCH = 8
_SAME = 1e-3
_NOTICED = 2.33  # sigmas above the limit at which 99 % of the errors are noticed
_LOCATED = 3.09  # the same for 99.9 %


@dataclass(frozen=True, slots=True)
class Criticality:
    """Which measurements nothing else checks, shape (n_measurement,) each.

    Attributes:
        is_critical: Whether no error of it can be noticed.
        critical_set: Number of the set in which an error is noticed but cannot be located, -1 for none.
    """

    is_critical: Bools
    critical_set: Ints


def find_critical(model: UnitModel, used: Bools) -> Criticality:
    """Find critical measurements and critical sets of what is in use; the network must be observable with it.

    Measurements of a set have proportional residuals whatever the errors are, so they are found by the
    residuals of a few random errors.
    """
    model.deficiency(used)
    model.invert()
    redundancy = model.redundancy()
    is_critical = used & (redundancy < _LEAST_REDUNDANCY)
    checked = np.flatnonzero(used & ~is_critical)
    sketch = _residual_directions(model, redundancy, checked)
    critical_set = np.full(len(used), -1)
    for number, group in enumerate(_parallel(sketch)):
        critical_set[checked[group]] = number
    return Criticality(is_critical, critical_set)


def _residual_directions(model: LinearModel, redundancy: Floats, checked: Ints) -> Floats:
    """Unit vectors of the residuals under random errors, shape (n_checked, _N_SKETCH)."""
    rng = np.random.default_rng(0)
    sketch = np.empty((len(checked), _N_SKETCH))
    for k in range(_N_SKETCH):
        errors = np.where(model.used, rng.standard_normal(len(redundancy)), 0.0)
        sketch[:, k] = model.settled(errors)[checked]
    length = np.linalg.norm(sketch, axis=1, keepdims=True)
    first = sketch[np.arange(len(checked)), np.abs(sketch).argmax(axis=1)]
    unit: Floats = sketch / (length * np.sign(first)[:, None])
    return unit


def _parallel(directions: Floats) -> list[Ints]:
    """Groups of equal unit vectors, two or more each."""
    if len(directions) < 2:
        return []
    # Equal vectors are neighbours when sorted by any one projection.
    order = np.argsort(directions @ np.random.default_rng(1).standard_normal(directions.shape[1]))
    ordered = directions[order]
    same = np.linalg.norm(np.diff(ordered, axis=0), axis=1) < _SAME
    start = np.concatenate(([True], ~same))
    group = np.cumsum(start) - 1
    sizes = np.bincount(group)
    return [np.sort(order[group == k]) for k in np.flatnonzero(sizes > 1)]


def noticed_sigma(redundancy: Floats, limit: float) -> Floats:
    """Size of an error [σ] that makes its measurement suspect with a probability of 99 %."""
    with np.errstate(divide="ignore"):
        size: Floats = (limit + _NOTICED) / np.sqrt(redundancy)
    return size


def locatable_sigma(model: LinearModel, limit: float, odds: float) -> Floats:
    """Size of a single error [σ] that is noticed and located with a probability of 99 %, shape
    (n_measurement,).

    The next best explanation of an error of size b is the measurement whose residual correlates most, by ρ;
    it leaves d² = b² S_ii (1 − ρ²) unexplained, give or take 2 d. Other errors nearby need larger ones. One
    linear solve a measurement.
    """
    m = len(model.sigma)
    columns = np.array([model.sensitivity(k) for k in range(m)])
    redundancy = np.clip(np.diag(columns[:, :m]), 0.0, None)
    variance = np.concatenate((np.where(model.used, redundancy, 0.0), model.judged_variances()[m:]))
    scale = np.sqrt(np.where(variance > _LEAST_REDUNDANCY, variance, np.inf))
    correlation = np.abs(columns) / np.outer(scale[:m], scale)
    np.fill_diagonal(correlation, 0.0)
    apart = np.clip(redundancy * (1.0 - np.minimum(correlation.max(axis=1), 1.0) ** 2), 0.0, None)
    clear = _LOCATED + np.sqrt(_LOCATED**2 + margin(odds))
    with np.errstate(divide="ignore"):
        size = np.maximum((limit + _LOCATED) / np.sqrt(redundancy), clear / np.sqrt(apart))
    return np.where(np.isfinite(scale[:m]), size, np.inf)
