"""The linearised problem around one state: its factor, variances and residual sensitivities."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from gridjobs_workers.estimation.islands import Islands
from gridjobs_workers.estimation.kernels import newton
from gridjobs_workers.estimation.kernels.inverse import inverse_subset
from gridjobs_workers.estimation.kernels.jacobian import subtract_linear
from gridjobs_workers.estimation.kernels.variance import pair_covariances
from gridjobs_workers.estimation.layout import Layout
from gridjobs_workers.estimation.state import Solution
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.estimation.workspace import new_workspace
from gridjobs_workers.grids.network import Floats, Ints

Bools = NDArray[np.bool_]


class LinearModel:
    """Measurements with sigmas around the state whose Jacobian is in `space`. One thread at a time."""

    def __init__(
        self, structure: Structure, layout: Layout, islands: Islands, sigma: Floats, zero_weights: Floats
    ) -> None:
        self.structure = structure
        self.layout = layout
        self.islands = islands
        self.sigma = sigma
        self.free = islands.free()[structure.bus_at]
        self.space = new_workspace(structure, layout)
        self.weights = np.zeros(2 * layout.n_pair)
        self.weights[layout.constraint_rows] = zero_weights
        self._variances = np.empty(0)
        self._covariances = np.empty(3 * layout.n_pair)
        self.use(np.ones(len(sigma), bool))

    def use(self, chosen: Bools) -> None:
        """Choose the measurements that count."""
        self.used = chosen
        self.weights[self.layout.row] = np.where(chosen, self.sigma**-2.0, 0.0)

    def factorise(self, floor: float = 0.0) -> int:
        """Factorise the gain matrix of the Jacobian at hand; the number of pivots not above the floor."""
        return newton.factorised(
            self.structure.pattern, self.layout.pairs, self.weights, self.free, self.space, 0.0, floor, False
        )

    def invert(self) -> None:
        """Invert the factorised gain matrix on its pattern."""
        pattern, space = self.structure.pattern, self.space
        inverse_subset(
            pattern.row_starts,
            pattern.columns,
            space.blocks,
            space.inverse_diagonal,
            space.inverse,
            space.work,
        )
        self._variances = self._row_variances()

    def variances(self) -> Floats:
        """Variance of each measurement's estimate, shape (n_measurement,); after `invert`."""
        rows: Floats = self._variances[self.layout.row]
        return rows

    def zero_variances(self) -> Floats:
        """Variance of each exact zero (P, Q) as the gain matrix weighs it, shape (2 n_zero,); after
        `invert`."""
        rows: Floats = self._variances[self.layout.constraint_rows]
        return rows

    def _row_variances(self) -> Floats:
        pairs = self.layout.pairs
        pair_covariances(
            pairs.starts,
            pairs.slots,
            pairs.slot_starts,
            self.space.jacobian,
            self.space.inverse,
            self._covariances,
        )
        return self._covariances.reshape(-1, 3)[:, [0, 2]].ravel()

    def redundancy(self) -> Floats:
        """Var(r)/σ² of each measurement's residual, 0 to 1; after `invert`.

        Of a measurement not in use it is what it would be with it, from Var(h)/σ² without it.
        """
        share = self.variances() / self.sigma / self.sigma
        with_it = np.where(self.used, share, share / (1.0 + share))
        return np.clip(1.0 - with_it, 0.0, 1.0)

    def leave_out(self, everything: Bools, out: frozenset[int]) -> None:
        """Use all of `everything` but what is judged wrong, numbered as in `judged_residuals`."""
        used = everything.copy()
        used[list(out)] = False
        self.use(used)

    def judged_residuals(self, solution: Solution) -> Floats:
        """Scaled residuals that bad data show in, with everything in use; one a measurement."""
        scaled: Floats = self.settled(solution.residuals) / self.sigma
        return scaled

    def judged_variances(self) -> Floats:
        """Variances of `judged_residuals`, 0 where nothing checks them; after `invert`."""
        return np.where(self.used, self.redundancy(), 0.0)

    def sensitivity(self, measurement: int) -> Floats:
        """By how much `judged_residuals` change when one measurement errs by one sigma.

        A column of S = I − W^½ H (HᵀWH)⁻¹ Hᵀ W^½, with the exact zeros kept exact; by corrected seminormal
        equations, so that small entries are right.
        """
        error = np.zeros(len(self.sigma))
        error[measurement] = self.sigma[measurement]
        changes: Floats = self.settled(error) / self.sigma
        return changes

    def settled(self, residuals_pu: Floats) -> Floats:
        """Residuals after one more linear step with all measurements in use, shape (n_measurement,)."""
        return self.respond(residuals_pu, np.zeros(2 * self.layout.pairs.n_constraint))[0]

    def respond(self, residuals_pu: Floats, zeros_pu: Floats) -> tuple[Floats, Floats]:
        """Take one linear step.

        Args:
            residuals_pu: Residuals before it, shape (n_measurement,).
            zeros_pu: What is missing at the exact zeros, shape (2 n_zero,).

        Returns:
            Residuals after it, and the multipliers of the exact zeros.
        """
        pairs, space = self.layout.pairs, self.space
        rows = self.layout.constraint_rows
        space.residuals[:] = 0.0
        space.residuals[self.layout.row] = residuals_pu
        space.residuals[rows] = zeros_pu
        shifts = np.zeros(2 * pairs.n_constraint)
        newton.linear_step(self.structure.pattern, pairs, self.weights, shifts, space, _ACCURACY, 0.0)
        space.residuals[rows] = 0.0
        subtract_linear(pairs.starts, pairs.columns, space.jacobian, space.step, space.residuals, space.left)
        left: Floats = space.left[self.layout.row]
        return left, self.weights[rows] * shifts

    def jacobian(self) -> csr_array:
        """The Jacobian, shape (2 n_pair, 2 n_bus), columns (θ, ln |V|) by position."""
        pair = np.repeat(np.arange(self.layout.n_pair), np.diff(self.layout.pairs.starts))
        bus = self.layout.pairs.columns
        rows = np.stack((2 * pair, 2 * pair, 2 * pair + 1, 2 * pair + 1), axis=1).ravel()
        columns = np.stack((2 * bus, 2 * bus + 1, 2 * bus, 2 * bus + 1), axis=1).ravel()
        shape = (2 * self.layout.n_pair, 2 * self.structure.n_bus)
        return csr_array((self.space.jacobian, (rows, columns)), shape=shape)


_ACCURACY = 1e-6  # of a correction relative to the whole, after which passes end


def sensitivities(model: LinearModel, measurements: Ints) -> Floats:
    """Several columns of `LinearModel.sensitivity`, shape (n, n_measurement)."""
    columns = np.empty((len(measurements), len(model.sigma)))
    for k, measurement in enumerate(measurements):
        columns[k] = model.sensitivity(int(measurement))
    return columns
