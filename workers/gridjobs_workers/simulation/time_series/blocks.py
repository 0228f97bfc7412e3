"""Voltages of consecutive steps in the kernels' own layout, and what makes them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Complexes, Floats, Ints


@dataclass(frozen=True, slots=True)
class Blocks:
    """Voltages of consecutive steps.

    Attributes:
        start: First step.
        n_steps: Steps; what lies beyond in the last block repeats the last step.
        v_re: Real parts [p.u.], shape (n_block, n_row, LANES).
        v_im: Imaginary parts.
        solved: Shape (n_block, LANES).
        row_of: Row of each bus, shape (n_bus,).
        iterations: Iterations, summed over blocks.
    """

    start: int
    n_steps: int
    v_re: Floats
    v_im: Floats
    solved: NDArray[np.bool_]
    row_of: Ints
    iterations: int

    def blank_unsolved(self) -> None:
        """Put NaN where a step is unsolved, and beyond the last step."""
        self.solved.ravel()[self.n_steps :] = False
        for block, lane in np.argwhere(~self.solved):
            self.v_re[block, :, lane] = self.v_im[block, :, lane] = np.nan

    def voltages(self, buses: Ints | None = None) -> Complexes:
        """Voltages [p.u.] of all or some buses, shape (n, n_steps)."""
        rows = self.row_of if buses is None else self.row_of[buses]
        v = self.v_re[:, rows] + 1j * self.v_im[:, rows]
        return np.asarray(v.transpose(1, 0, 2).reshape(len(rows), -1)[:, : self.n_steps])


class Solver(Protocol):
    """Solves chunks of one series on one network; threads may call `solve` at the same time."""

    method: str  # "iterative_current" or "newton"
    reason: str  # why not the iterative-current method
    row_of: Ints  # row of each bus in a block, shape (n_bus,)

    def solve(self, x: Floats, start: int, n_steps: int) -> Blocks:
        """Solve the steps of profiles x, shape (n_block, n_profile, LANES)."""
        ...
