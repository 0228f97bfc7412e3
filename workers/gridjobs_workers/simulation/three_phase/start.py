"""Balanced voltages to begin with."""

from collections.abc import Iterator

import numpy as np

from gridjobs_workers.grids.network import Complexes
from gridjobs_workers.grids.sequence import SEQUENCES
from gridjobs_workers.grids.three_phase import ThreePhaseNetwork
from gridjobs_workers.simulation.power_flow import (
    OperatingPoint,
    PowerFlowError,
    PowerFlowOptions,
    VoltageControls,
    solve_power_flow,
)
from gridjobs_workers.simulation.power_flow.start import flat_start
from gridjobs_workers.simulation.three_phase.problem import ThreePhasePoint


def balanced_starts(network: ThreePhaseNetwork, point: ThreePhasePoint) -> Iterator[Complexes]:
    """The balanced solution of the mean powers if there is one, and no load; shape (4 n_bus + 1,), earth last."""
    one_phase, mean = network.positive_sequence(), _mean(point)
    try:
        flow = solve_power_flow(one_phase, mean, PowerFlowOptions(q_limits=False, diagnose=False))
        yield _expanded(network, point, flow.v)
    except PowerFlowError:
        pass
    yield _expanded(network, point, flat_start(one_phase, mean))


def _mean(point: ThreePhasePoint) -> OperatingPoint:
    s = point.star_pu.mean(axis=1)
    if point.delta_pu.size:
        s = s + point.delta_pu.mean(axis=1)
    held = np.concatenate((point.reference_bus, point.machine_bus))
    target = np.concatenate((np.abs(point.reference_v), point.machine_target_pu))
    return OperatingPoint(
        s, point.reference_bus, np.angle(point.reference_v), VoltageControls.local(held, target)
    )


def _expanded(network: ThreePhaseNetwork, point: ThreePhasePoint, v: Complexes) -> Complexes:
    positive = v.copy()
    positive[point.reference_bus] = point.reference_v
    phases = np.zeros((network.n_bus, 4), dtype=np.complex128)
    phases[:, :3] = positive[:, None] * SEQUENCES[:, 1]
    phases[:, :3][~network.present[:, :3]] = 0.0
    return np.append(phases.ravel(), 0.0)
