"""Kernels compile before the first job."""

from gridjobs_workers.simulation.blocked_newton.newton_kernel import newton
from gridjobs_workers.simulation.contingency.connectivity_kernel import label
from gridjobs_workers.simulation.time_series.current_kernel import in_blocks, solve_blocks
from gridjobs_workers.simulation.time_series.watch_kernel import percentiles, watch_branches, watch_nodes
from gridjobs_workers.simulation.warm import warm


def test_warming_leaves_no_kernel_to_compile() -> None:
    warm()
    for kernel in (newton, label, in_blocks, solve_blocks, percentiles, watch_branches, watch_nodes):
        assert len(kernel.signatures) == 1  # type: ignore[attr-defined]
