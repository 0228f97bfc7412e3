"""Compile all kernels ahead, so that no job waits for a compiler."""

from dataclasses import replace

import numpy as np

from gridjobs_workers.estimation.batch import estimate_batch
from gridjobs_workers.estimation.errors import EstimationError, NotConverged
from gridjobs_workers.estimation.estimate import Estimator
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.grids.network import Network


def compile_kernels() -> None:
    """Run every kernel once on a grid of four buses; what is compiled stays in numba's cache on disk.

    A few dozen seconds the first time, a second when the cache is there. Numba keeps the cache beside the
    package or, where that is read-only, in the user's cache folder; NUMBA_CACHE_DIR says otherwise.
    """
    network = _four_buses()
    buses = np.arange(3)
    powers = Measurements.of(Kind.P_INJ, buses, -0.1, 0.01, zero_injection=[3])
    reactive = Measurements.of(Kind.Q_INJ, buses, -0.05, 0.01)
    flow = Measurements.of(Kind.P_FLOW, [2], 0.02, 0.01)
    current = Measurements.of(Kind.I_MAG, [1], 0.1, 0.01)
    level = Measurements.of(Kind.V_MAG, [0, 0, 2], 1.0, 0.01)
    everything = Measurements.join((powers, reactive, flow, current, level))
    estimator = Estimator(network, everything)
    estimator.estimate()
    estimate_batch(estimator, everything.value[None])
    gross = replace(everything, value=everything.value + np.where(np.arange(len(everything)) == 0, 5.0, 0.0))
    for measurements in (gross, everything.rows(everything.kind != Kind.Q_INJ)):
        try:
            Estimator(network, measurements).estimate()
        except EstimationError:
            continue
    try:
        estimator.solver.solve(everything.value, max_iterations=1)
    except NotConverged:
        return


def _four_buses() -> Network:
    """A ring of three buses and a spur with nothing at its end."""
    y = np.full(4, 1 / (0.01 + 0.02j))
    return Network(
        base_mva=1.0,
        base_kv=np.full(4, 20.0),
        from_bus=np.array([0, 1, 2, 2], np.intp),
        to_bus=np.array([1, 2, 0, 3], np.intp),
        y_ff=y,
        y_ft=-y,
        y_tf=-y,
        y_tt=y,
        y_shunt=np.zeros(4, np.complex128),
        shift_rad=np.zeros(4),
        bus_row=np.arange(4),
        branch_row=np.arange(4),
    )
