"""What a time series is asked, and what it answers."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Complexes, Floats, Ints
from gridjobs_workers.simulation.time_series.watch import Statistics

PERCENTILES = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)

Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SeriesOptions:
    """How to run a series.

    Attributes:
        tolerance_pu: Largest error of a voltage, of a power with Newton's method [p.u.].
        q_limits: Respect the reactive limits of voltage controls.
        taps: What tap changers do at each step, see `PowerFlowOptions`.
        threads: Threads that solve.
        record_v: Pass |V| of every bus on with each chunk.
        record_loading: Pass the loading of every branch on with each chunk.
        record_angle: Pass voltage angles on with each chunk (slower).
        percentiles: Levels [%].
    """

    tolerance_pu: float = 1e-8
    q_limits: bool = True
    taps: Literal["fixed", "discrete", "continuous"] = "fixed"
    threads: int = 1
    record_v: bool = False
    record_loading: bool = False
    record_angle: bool = False
    percentiles: tuple[float, ...] = PERCENTILES


@dataclass(frozen=True, slots=True)
class Chunk:
    """Results of consecutive steps; NaN where a step is unsolved.

    Attributes:
        start: First step.
        stop: Step after the last one.
        v_pu: |V|, shape (n_bus, stop - start), or (0, 0) where not recorded.
        angle_rad: Angles, likewise.
        loading: Loading of branches as a share of the limit, in p.u. current where a branch has none,
            shape (n_branch, stop - start), or (0, 0).
    """

    start: int
    stop: int
    v_pu: Singles
    angle_rad: Singles
    loading: Singles


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """What a whole series comes to.

    Attributes:
        v_pu: Statistics of |V| of the buses.
        loading: Statistics of the branches' loading.
        reference_s_pu: Power fed by each reference [p.u.], shape (n_reference, n_step).
        losses_pu: Active losses of all branches [p.u.], shape (n_step,).
        branch_losses_pu: Active losses of each branch summed over the solved steps [p.u.], shape (n_branch,).
        step_v_min_pu: Least |V| of each step, shape (n_step,).
        step_v_max_pu: Greatest |V| of each step.
        step_loading: Greatest loading of each step among branches.
        unsolved: Steps without a solution, shape (n_unsolved,).
        iterations: Iterations per block of LANES steps, mean.
        method: "iterative_current" or "newton".
        reason: Why the iterative-current method did not fit, "" where it did.
    """

    v_pu: Statistics
    loading: Statistics
    reference_s_pu: Complexes
    losses_pu: Floats
    branch_losses_pu: Floats
    step_v_min_pu: Floats
    step_v_max_pu: Floats
    step_loading: Floats
    unsolved: Ints
    iterations: float
    method: str
    reason: str
