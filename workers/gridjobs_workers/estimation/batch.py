"""Many snapshots of one arrangement of meters."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.bad_data import normalized
from gridjobs_workers.estimation.errors import NotConverged
from gridjobs_workers.estimation.estimate import Estimator
from gridjobs_workers.estimation.kernels.batch import iterate_batch
from gridjobs_workers.estimation.kernels.newton import CONVERGED
from gridjobs_workers.estimation.options import Options
from gridjobs_workers.estimation.wls import Solver
from gridjobs_workers.grids.network import Floats, Ints

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Batch:
    """Estimates of many snapshots, by the buses and measurements of the estimator's part.

    Attributes:
        vm_pu: Voltage magnitudes, shape (n_snapshot, n_bus).
        angle_rad: Voltage angles, shape (n_snapshot, n_bus).
        residual_pu: Measured less estimated values, shape (n_snapshot, n_measurement).
        normalized_residual: Shape (n_snapshot, n_measurement).
        objective: J, shape (n_snapshot,).
        iterations: Shape (n_snapshot,).
        is_suspect: Whether a normalized residual exceeds the limit, shape (n_snapshot,): look at these with
            `Estimator.estimate`.
        has_converged: Whether there is an estimate, shape (n_snapshot,); else all else is NaN.
    """

    vm_pu: Floats
    angle_rad: Floats
    residual_pu: Floats
    normalized_residual: Floats
    objective: Floats
    iterations: Ints
    is_suspect: Bools
    has_converged: Bools


def estimate_batch(estimator: Estimator, values: Floats) -> Batch:
    """Estimate snapshots in order, each from the one before, without rejecting anything.

    Releases the interpreter lock; needs an estimator of its own per thread.

    Args:
        estimator: Of the arrangement of meters; of the whole network, not of a part.
        values: Values of the measurements given [p.u., rad], shape (n_snapshot, n_measurement).

    Raises:
        NotConverged: The first snapshot has no estimate.
    """
    solver, options = estimator.solver, estimator.options
    values = estimator.part_values(values)
    solver.use(np.ones(values.shape[1], bool))
    first = solver.solve(values[0], tolerance=options.tolerance, max_iterations=options.max_iterations)
    order, position = solver.structure.bus_at, solver.structure.position
    found = _iterate(solver, values, first.state.angle_rad[order], first.state.vm_pu[order], options)
    thetas, vms, residuals, redundancies, statuses, iterations = found
    for k in np.flatnonzero(statuses != CONVERGED):
        with suppress(NotConverged):
            alone = solver.solve(values[k], first.state, tolerance=options.tolerance)
            solver.invert()
            thetas[k], vms[k] = alone.state.angle_rad[order], alone.state.vm_pu[order]
            residuals[k], redundancies[k], iterations[k] = (
                alone.residuals,
                solver.redundancy(),
                alone.iterations,
            )
            statuses[k] = CONVERGED
    scaled = residuals / solver.sigma
    ratio = normalized(scaled, np.where(estimator.is_critical, 0.0, redundancies))
    return Batch(
        vm_pu=vms[:, position],
        angle_rad=thetas[:, position],
        residual_pu=residuals,
        normalized_residual=ratio,
        objective=np.einsum("ki,ki->k", scaled, scaled),
        iterations=iterations.astype(np.intp),
        is_suspect=ratio.max(axis=1, initial=0.0) > estimator.limit,
        has_converged=statuses == CONVERGED,
    )


def _iterate(
    solver: Solver, values: Floats, theta: Floats, vm: Floats, options: Options
) -> tuple[Floats, Floats, Floats, Floats, NDArray[np.int64], NDArray[np.int64]]:
    n_snapshot, m = values.shape
    n = solver.structure.n_bus
    thetas, vms = np.full((n_snapshot, n), np.nan), np.full((n_snapshot, n), np.nan)
    residuals, redundancies = np.full((n_snapshot, m), np.nan), np.full((n_snapshot, m), np.nan)
    statuses, iterations = np.empty(n_snapshot, np.int64), np.empty(n_snapshot, np.int64)
    iterate_batch(
        solver.structure.pattern, solver.layout.pairs, solver.layout.axes, solver.layout.row.astype(np.int64),
        np.ascontiguousarray(values), solver.sigma, solver.weights, theta, vm, solver.free, solver.space,
        options.tolerance, options.max_iterations, True, thetas, vms, residuals, redundancies, statuses, iterations,
    )  # fmt: skip
    return thetas, vms, residuals, redundancies, statuses, iterations
