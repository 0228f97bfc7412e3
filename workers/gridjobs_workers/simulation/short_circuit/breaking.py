"""Symmetrical breaking current of three-phase faults, IEC 60909-0."""

import numpy as np

from gridjobs_workers.grids.network import Complexes, Floats

# Minimum time delay [s]: (offset, factor, exponent) of μ, and (offset, factor) of q.
MU = {0.02: (0.84, 0.26, 0.26), 0.05: (0.71, 0.51, 0.30), 0.10: (0.62, 0.72, 0.32), 0.25: (0.56, 0.94, 0.38)}
Q = {0.02: (1.03, 0.12), 0.05: (0.79, 0.12), 0.10: (0.57, 0.12), 0.25: (0.26, 0.10)}
FAR_FROM_GENERATOR = 2.0


def mu(current_ratio: Floats, delay_s: float) -> Floats:
    """Decay of a machine's symmetrical current by its I''k over its rated current; 1 far from generators."""
    ratio = np.maximum(current_ratio, FAR_FROM_GENERATOR)
    value = _between(delay_s, {t: a + b * np.exp(-k * ratio) for t, (a, b, k) in MU.items()})
    return np.where(current_ratio <= FAR_FROM_GENERATOR, 1.0, np.minimum(value, 1.0))


def q(mw_per_pole_pair: Floats, delay_s: float) -> Floats:
    """Further decay of an asynchronous motor's current, at most 1."""
    value = _between(delay_s, {t: a + b * np.log(mw_per_pole_pair) for t, (a, b) in Q.items()})
    return np.clip(value, 0.0, 1.0)


def _between(delay_s: float, at: dict[float, Floats]) -> Floats:
    """Linear interpolation over the tabulated delays, constant beyond."""
    delays = np.array(list(at))
    weights = [np.interp(delay_s, delays, unit) for unit in np.eye(len(delays))]
    return np.asarray(sum(w * values for w, values in zip(weights, at.values(), strict=True)))


def breaking_current(
    ik: Complexes, contributions: Complexes, drops: Complexes, remaining: Floats, c: Floats
) -> Floats:
    """I_b = |I''k - Σ ΔU''/c (1 - μ q) I''k of the machine|, all in per unit.

    Args:
        ik: Initial current of each fault, shape (n_fault,).
        contributions: Current of each machine, shape (n_machine, n_fault).
        drops: Voltage drop ΔU'' of each machine on its X''d, shape (n_machine, n_fault).
        remaining: μ, or μ q of motors, shape (n_machine, n_fault).
        c: Voltage factor at each fault, shape (n_fault,).
    """
    return np.asarray(np.abs(ik - (drops / c * (1 - remaining) * contributions).sum(axis=0)))
