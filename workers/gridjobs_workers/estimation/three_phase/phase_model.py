"""Measurements of phase nodes around one state: evaluation, factors, variances.

The linear algebra is that of the symmetric estimator: its kernels take phase nodes for buses.
"""

from typing import Any, cast

import numpy as np

from gridjobs_workers.estimation.kernels.newton import factorised
from gridjobs_workers.estimation.kernels.variance import pair_covariances
from gridjobs_workers.estimation.linear import LinearModel
from gridjobs_workers.estimation.three_phase.kernel import residuals_at
from gridjobs_workers.estimation.three_phase.layout import Layout, build_layout
from gridjobs_workers.estimation.three_phase.measurements import PhaseMeasurements
from gridjobs_workers.estimation.three_phase.orthogonal import rotate
from gridjobs_workers.estimation.three_phase.start import Start
from gridjobs_workers.estimation.three_phase.terms import Wiring
from gridjobs_workers.estimation.three_phase.zeros import zero_weights
from gridjobs_workers.grids.network import Complexes, Floats

_SMALLEST_PIVOT = 1e-15


class PhaseModel(LinearModel):
    """Measurements of phase nodes around a state. One thread at a time."""

    def __init__(
        self, wiring: Wiring, measurements: PhaseMeasurements, start: Start, zeros: Floats | None
    ) -> None:
        self.phases: Layout = build_layout(wiring, measurements)
        self.start = start
        if zeros is None:
            zeros = zero_weights(wiring, measurements, self.phases)
        # Layouts and starts of both estimators have what a linear model needs of them.
        super().__init__(
            wiring.structure, cast("Any", self.phases), cast("Any", start), measurements.sigma, zeros
        )

        # Rows of the earliest nodes first: later ones then meet a factor that is there already.
        first = np.repeat(self.phases.pairs.columns[self.phases.pairs.starts[:-1]], 2)
        self._in_order = np.argsort(first, kind="stable")

    def evaluate(self, v: Complexes, targets: Floats, weights: Floats, layout: Layout | None = None) -> float:
        """Fill residuals and Jacobian at a state and return Σ w r².

        The weights of the second rows of magnitudes are set to their curvature, see `kernel.residuals_at`.
        """
        space, layout = self.space, layout or self.phases
        objective: float = residuals_at(
            layout.stencils, layout.shapes, layout.axes, targets, weights, v, self.start.is_phase, self.free,
            space.values, space.jacobian, space.residuals,
        )  # fmt: skip
        return objective

    def variances(self) -> Floats:
        """Variance of each measurement's estimate, shape (n_measurement,), from the workspace's Jacobian and inverse."""
        pairs, space = self.phases.pairs, self.space
        covariances = np.empty(3 * self.phases.n_pair)
        pair_covariances(
            pairs.starts, pairs.slots, pairs.slot_starts, space.jacobian, space.inverse, covariances
        )
        pair, component = np.divmod(self.phases.row, 2)
        found: Floats = covariances[3 * pair + 2 * component]
        return found

    def normalise(self, weights: Floats) -> int:
        """Factorise the gain matrix of the Jacobian at hand; whether a pivot is not positive."""
        return int(
            factorised(
                self.structure.pattern, self.phases.pairs, weights, self.free, self.space, _SMALLEST_PIVOT, 0.0, True
            )
        )  # fmt: skip

    def orthogonalise(self, weights: Floats) -> int:
        """Factorise by rotations of the Jacobian at hand; the number of states that nothing determines."""
        counting = self._in_order[weights[self._in_order] > 0]
        space, pairs = self.space, self.phases.pairs
        return int(
            rotate(
                self.structure.pattern, pairs.starts, pairs.columns, space.jacobian, weights, counting, self.free,
                space.blocks, space.inverse_diagonal, space.null,
            )
        )  # fmt: skip
