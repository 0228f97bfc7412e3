"""Voltages, and the outcome of one weighted least squares problem."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.grids.network import Complexes, Floats


@dataclass(frozen=True, slots=True)
class State:
    """Voltages by bus, shape (n_bus,) each."""

    angle_rad: Floats
    vm_pu: Floats

    def phasor(self) -> Complexes:
        """Complex voltages [p.u.]."""
        v: Complexes = self.vm_pu * np.exp(1j * self.angle_rad)
        return v


@dataclass(frozen=True, slots=True)
class Solution:
    """Outcome of one weighted least squares problem.

    Attributes:
        state: Voltages at the optimum.
        residuals: z − h(x) of each measurement, unused ones included, shape (n_measurement,).
        objective: J = Σ r²/σ² over the measurements in use.
        iterations: Iterations made.
        step: Largest change of the last one.
        multipliers: Of the exact zeros, (P, Q) each, shape (2 n_zero,).
        zeros_pu: What is missing at the exact zeros, not nothing where one is released, shape (2 n_zero,).
    """

    state: State
    residuals: Floats
    objective: float
    iterations: int
    step: float
    multipliers: Floats
    zeros_pu: Floats
