"""Many snapshots of one arrangement of meters in one call."""

import numpy as np

from gridjobs_workers.estimation.kernels.bundles import Pairs, Pattern, Workspace
from gridjobs_workers.estimation.kernels.inverse import inverse_subset
from gridjobs_workers.estimation.kernels.jit import kernel
from gridjobs_workers.estimation.kernels.newton import CONVERGED, iterate
from gridjobs_workers.estimation.kernels.types import Floats, Int64s
from gridjobs_workers.estimation.kernels.variance import pair_covariances


@kernel
def iterate_batch(
    pattern: Pattern,
    pairs: Pairs,
    axes: Floats,
    rows: Int64s,
    values: Floats,
    sigma: Floats,
    weights: Floats,
    theta: Floats,
    vm: Floats,
    free: Floats,
    space: Workspace,
    tolerance: float,
    max_iterations: int,
    with_variance: bool,
    thetas: Floats,
    vms: Floats,
    residuals: Floats,
    redundancies: Floats,
    statuses: Int64s,
    iterations: Int64s,
) -> None:
    """Estimate snapshot after snapshot, each from the one before.

    Args:
        pattern: Pattern of the factor.
        pairs: Measurement pairs.
        axes: See `jacobian.evaluate`.
        rows: Row of each measurement among the pairs, shape (m,).
        values: Measured values, shape (n_snapshot, m).
        sigma: Standard deviations, shape (m,).
        weights: See `newton.iterate`.
        theta: Angles to start from by position, shape (n,); overwritten.
        vm: Magnitudes to start from, shape (n,); overwritten.
        free: See `newton.iterate`.
        space: Scratch.
        tolerance: See `newton.iterate`.
        max_iterations: See `newton.iterate`.
        with_variance: Whether redundancies are computed.
        thetas: Output, shape (n_snapshot, n).
        vms: Output, shape (n_snapshot, n).
        residuals: Output, shape (n_snapshot, m).
        redundancies: Output, Var(r)/σ², shape (n_snapshot, m).
        statuses: Output, see `newton`, shape (n_snapshot,).
        iterations: Output, shape (n_snapshot,).
    """
    targets = np.zeros(len(weights))
    shifts = np.zeros(2 * pairs.n_constraint)
    covariances = np.empty(3 * len(pairs.own))
    last_theta = theta.copy()
    last_vm = vm.copy()
    for k in range(len(values)):
        for i in range(len(rows)):
            targets[rows[i]] = values[k, i]
        status, count, _, _ = iterate(
            pattern,
            pairs,
            axes,
            targets,
            weights,
            theta,
            vm,
            free,
            shifts,
            space,
            tolerance,
            max_iterations,
        )
        statuses[k] = status
        iterations[k] = count
        if status != CONVERGED:
            theta[:] = last_theta
            vm[:] = last_vm
            shifts[:] = 0.0
            continue
        last_theta[:] = theta
        last_vm[:] = vm
        thetas[k] = theta
        vms[k] = vm
        for i in range(len(rows)):
            residuals[k, i] = space.residuals[rows[i]]
        if with_variance:
            inverse_subset(
                pattern.row_starts,
                pattern.columns,
                space.blocks,
                space.inverse_diagonal,
                space.inverse,
                space.work,
            )
            pair_covariances(
                pairs.starts, pairs.slots, pairs.slot_starts, space.jacobian, space.inverse, covariances
            )
            for i in range(len(rows)):
                share = covariances[3 * (rows[i] // 2) + 2 * (rows[i] % 2)] / (sigma[i] * sigma[i])
                redundancies[k, i] = min(max(1.0 - share, 0.0), 1.0)
