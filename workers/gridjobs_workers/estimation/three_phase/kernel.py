"""Measurement functions of phase nodes and their Jacobian, compiled.

Every pair of measurements is about linear combinations of node voltages: a phasor w = Σ y_k V_k (a voltage between
conductors, a symmetrical component, a current), or a power Σ u conj(w) over up to three such currents, where u is a
difference of two voltages.

The state of a node is (t, s). A phase has V = exp(s + jt): its angle and log magnitude, as in the symmetric
estimator. A neutral, whose voltage may be zero, has V = s + jt. `frame` says which: the derivative is ∂V/∂s = c and
∂V/∂t = jc with c = V or c = 1.
"""

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.kernels.jit import kernel
from gridjobs_workers.estimation.kernels.types import Floats, Int8s
from gridjobs_workers.estimation.three_phase.stencils import Stencils

Complexes = NDArray[np.complex128]

POLAR = 0  # rows (arg w, |w|)
AXES = 1  # components of w along two axes
MAGNITUDE = 2  # rows (|w|, across w: no measurement, but see `residuals_at`)
POWER = 3  # rows (P, Q)


@kernel
def evaluate(
    stencils: Stencils,
    shapes: Int8s,
    axes: Complexes,
    v: Complexes,
    frame: Int8s,
    free: Floats,
    values: Floats,
    jacobian: Floats,
) -> None:
    """Evaluate every pair and its derivatives at a state.

    Args:
        stencils: The pairs.
        shapes: POLAR, AXES, MAGNITUDE or POWER, shape (n_pair,).
        axes: Unit phasors of both axes of AXES pairs, shape (n_pair, 2).
        v: Voltage of each position [p.u.], shape (n,).
        frame: 1 for a phase, 0 for a neutral, shape (n,).
        free: 1, or 0 where the angle is given, shape (n,).
        values: Output, two numbers a pair.
        jacobian: Output, four numbers a stencil entry: (∂h0/∂t, ∂h0/∂s, ∂h1/∂t, ∂h1/∂s).
    """
    starts, columns = stencils.starts, stencils.columns
    for r in range(len(shapes)):
        first, end = starts[r], starts[r + 1]
        shape = shapes[r]
        for q in range(4 * first, 4 * end):
            jacobian[q] = 0.0
        if shape == POWER:
            p = 0.0
            reactive = 0.0
            for t in range(stencils.term_starts[r], stencils.term_starts[r + 1]):
                share = stencils.share[t]
                shift = stencils.y_starts[t] - first
                w = 0j
                for q in range(first, end):
                    w += stencils.y[q + shift] * v[columns[q]]
                u = 0j
                if stencils.plus[t] >= 0:
                    u += v[columns[stencils.plus[t]]]
                if stencils.minus[t] >= 0:
                    u -= v[columns[stencils.minus[t]]]
                s_power = share * u * np.conj(w)
                p += s_power.real
                reactive += s_power.imag
                for q in range(first, end):
                    i = columns[q]
                    c = v[i] if frame[i] else 1.0 + 0j
                    alpha = share * u * np.conj(stencils.y[q + shift] * c)
                    jacobian[4 * q] += alpha.imag * free[i]
                    jacobian[4 * q + 1] += alpha.real
                    jacobian[4 * q + 2] -= alpha.real * free[i]
                    jacobian[4 * q + 3] += alpha.imag
                for sign in (1.0, -1.0):
                    q = stencils.plus[t] if sign > 0 else stencils.minus[t]
                    if q < 0:
                        continue
                    i = columns[q]
                    c = v[i] if frame[i] else 1.0 + 0j
                    beta = sign * share * np.conj(w) * c
                    jacobian[4 * q] -= beta.imag * free[i]
                    jacobian[4 * q + 1] += beta.real
                    jacobian[4 * q + 2] += beta.real * free[i]
                    jacobian[4 * q + 3] += beta.imag
            values[2 * r] = p
            values[2 * r + 1] = reactive
            continue
        shift = stencils.y_starts[stencils.term_starts[r]] - first
        w = 0j
        for q in range(first, end):
            w += stencils.y[q + shift] * v[columns[q]]
        size = abs(w)
        if shape == AXES:
            a = np.conj(axes[r, 0])
            b = np.conj(axes[r, 1])
            values[2 * r] = (a * w).real
            values[2 * r + 1] = (b * w).real
        else:
            # The direction of a current that does not flow is anybody's choice.
            a = np.conj(w) / size if size > 0.0 else 1.0 + 0j
            b = -1j * a
            values[2 * r] = size if shape == MAGNITUDE else np.arctan2(w.imag, w.real)
            values[2 * r + 1] = 0.0 if shape == MAGNITUDE else size
        for q in range(first, end):
            i = columns[q]
            c = v[i] if frame[i] else 1.0 + 0j
            delta = stencils.y[q + shift] * c
            along = a * delta
            if shape == POLAR:
                turn = 1.0 / size if size > 0.0 else 0.0
                jacobian[4 * q] = along.real * turn * free[i]
                jacobian[4 * q + 1] = along.imag * turn
                jacobian[4 * q + 2] = -along.imag * free[i]
                jacobian[4 * q + 3] = along.real
                continue
            across = b * delta
            jacobian[4 * q] = -along.imag * free[i]
            jacobian[4 * q + 1] = along.real
            jacobian[4 * q + 2] = -across.imag * free[i]
            jacobian[4 * q + 3] = across.real


@kernel
def residuals_at(
    stencils: Stencils,
    shapes: Int8s,
    axes: Complexes,
    targets: Floats,
    weights: Floats,
    v: Complexes,
    frame: Int8s,
    free: Floats,
    values: Floats,
    jacobian: Floats,
    residuals: Floats,
) -> float:
    """Evaluate, fill the residuals (shape (2 n_pair,)) and return Σ w r².

    The weight of a magnitude's second row is set to the curvature of (z − |w|)² across w, where that is positive:
    without it small currents, whose direction is open, make the iteration slow.
    """
    evaluate(stencils, shapes, axes, v, frame, free, values, jacobian)
    for r in range(len(shapes)):
        if shapes[r] == MAGNITUDE:
            excess = values[2 * r] - targets[2 * r]
            weights[2 * r + 1] = weights[2 * r] * excess / values[2 * r] if excess > 0.0 else 0.0
    total = 0.0
    for i in range(len(targets)):
        r = targets[i] - values[i]
        if i % 2 == 0 and shapes[i // 2] == POLAR:  # an angle counts on the circle
            r -= 2 * np.pi * np.rint(r / (2 * np.pi))
        residuals[i] = r
        total += weights[i] * r * r
    return total


@kernel
def moved(v: Complexes, frame: Int8s, step: Floats, part: float, result: Complexes) -> None:
    """Fill `result` with the state moved by a part of a step (t, s), shape (2 n,)."""
    for i in range(len(v)):
        change = part * complex(step[2 * i + 1], step[2 * i])
        result[i] = v[i] * np.exp(change) if frame[i] else v[i] + change
