"""Compile the three-phase kernels ahead, so that no job waits for a compiler."""

import numpy as np

from gridjobs_workers.estimation.errors import EstimationError
from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.options import OnUnobservable
from gridjobs_workers.estimation.three_phase.estimate import PhaseEstimator
from gridjobs_workers.estimation.three_phase.measurements import At, PhaseMeasurements, no_injection_at
from gridjobs_workers.estimation.three_phase.options import PhaseOptions
from gridjobs_workers.grids.three_phase import ThreePhaseNetwork, series_two_port


def compile_kernels() -> None:
    """Run every kernel once on a feeder of four buses; what is compiled stays in numba's cache on disk."""
    network = _four_buses()
    phases = np.arange(3)
    to_neutral = phases + At.AN
    of = PhaseMeasurements.of
    parts = [of(Kind.V_MAG, np.full(3, bus), to_neutral, 1.0, 0.01) for bus in (0, 2)]
    for kind, value in ((Kind.P_INJ, -0.1), (Kind.Q_INJ, -0.03)):
        parts += [of(kind, np.full(3, bus), to_neutral, value, 0.01) for bus in (2, 3)]
        parts.append(of(kind, [3], At.ABC, value, 0.01))
    current = of(Kind.I_MAG, np.full(3, 2), phases, 0.1, 0.01, zero_injection=no_injection_at(1))
    everything = PhaseMeasurements.join([*parts, current])
    gross = everything.value.copy()
    gross[6] = 5.0
    estimator = PhaseEstimator(network, everything)
    estimator.estimate()
    for values in (gross, np.where(everything.kind == Kind.V_MAG, 5.0, 100.0)):
        try:
            estimator.estimate(values)
        except EstimationError:
            continue
    few = everything.rows(everything.element != 3)
    PhaseEstimator(network, few, PhaseOptions(observability=OnUnobservable.PARTIAL)).estimate()


def _four_buses() -> ThreePhaseNetwork:
    z = np.tile((0.02 + 0.01j) * np.eye(3) + (0.005 + 0.02j), (3, 1, 1))
    own, across = series_two_port(z)
    present = np.ones((4, 4), bool)
    present[:, 3] = False
    return ThreePhaseNetwork(
        base_mva=1.0,
        base_kv=np.full(4, 0.4),
        present=present,
        from_bus=np.arange(3),
        to_bus=np.arange(1, 4),
        y_ff=own,
        y_ft=across,
        y_tf=across,
        y_tt=own,
        y_shunt=np.zeros((4, 4, 4), np.complex128),
        shift_rad=np.zeros(3),
        bus_row=np.arange(4),
        branch_row=np.arange(3),
    )
