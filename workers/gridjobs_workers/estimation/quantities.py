"""Everything that follows from the voltages: powers, currents, and how well each is known."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.estimation.kernels.bundles import Pairs
from gridjobs_workers.estimation.kernels.jacobian import evaluate
from gridjobs_workers.estimation.kernels.variance import pair_covariances
from gridjobs_workers.estimation.layout import build_layout
from gridjobs_workers.estimation.measurements import Kind, Measurements, Side
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.estimation.wls import Solver, State
from gridjobs_workers.grids.network import Floats, Network


@dataclass(frozen=True, slots=True)
class Quantities:
    """Estimated quantities and their standard deviations, in per unit and radian.

    Bus quantities have shape (n_bus,), branch quantities (n_branch, 2) with the from end first. Powers and
    currents of a branch count from the bus into the branch, injections from the equipment into the grid.
    NaN: not observable.
    """

    vm_pu: Floats
    angle_rad: Floats
    p_pu: Floats
    q_pu: Floats
    branch_p_pu: Floats
    branch_q_pu: Floats
    branch_i_pu: Floats
    vm_sigma_pu: Floats
    angle_sigma_rad: Floats
    p_sigma_pu: Floats
    q_sigma_pu: Floats
    branch_p_sigma_pu: Floats
    branch_q_sigma_pu: Floats
    branch_i_sigma_pu: Floats


class Gauge:
    """Computes all quantities of one structure."""

    def __init__(self, network: Network, structure: Structure) -> None:
        self._structure = structure
        n_bus, n_branch = network.n_bus, network.n_branch
        both = np.tile(np.arange(n_branch), 2)
        sides = np.repeat([Side.FROM, Side.TO], n_branch)
        everything = Measurements.join(
            (
                Measurements.of(Kind.P_INJ, np.arange(n_bus), 0.0, 1.0),
                Measurements.of(Kind.P_FLOW, both, 0.0, 1.0, side=sides),
                Measurements.of(Kind.I_MAG, both, 0.0, 1.0, side=sides),
            )
        )
        layout = build_layout(network, structure, everything)
        self._pairs: Pairs = layout.pairs
        self._axes = layout.axes
        n_pair = len(layout.pairs.own)
        # Kept between snapshots: fresh memory costs more than the arithmetic.
        self._values = np.empty(2 * n_pair)
        self._jacobian = np.empty(4 * len(layout.pairs.columns))
        self._covariances = np.empty(3 * n_pair)
        pair = layout.row // 2
        self._bus = pair[:n_bus]
        self._flow = pair[n_bus : n_bus + 2 * n_branch].reshape(2, n_branch).T
        self._current = pair[n_bus + 2 * n_branch :].reshape(2, n_branch).T

    def measure(self, solver: Solver, state: State, *, with_sigma: bool = True) -> Quantities:
        """All quantities at a solution; the sigmas need `solver.covariance()` before."""
        pairs, order, space = self._pairs, self._structure.bus_at, solver.space
        evaluate(
            pairs.n_voltage, pairs.n_power, pairs.starts, pairs.columns, pairs.y_re, pairs.y_im, pairs.own,
            self._axes, state.angle_rad[order], state.vm_pu[order], solver.free, space.v_re, space.v_im,
            self._values, self._jacobian, with_sigma,
        )  # fmt: skip
        diagonal = space.inverse[-4 * len(order) :].reshape(-1, 4)
        if with_sigma:
            pair_covariances(
                pairs.starts, pairs.slots, pairs.slot_starts, self._jacobian, space.inverse, self._covariances
            )
        else:
            self._covariances[:] = np.nan
            diagonal = np.full_like(diagonal, np.nan)
        values, covariances = self._values, self._covariances
        first, second = values.reshape(-1, 2).T
        sigma_first, sigma_second = np.sqrt(np.maximum(covariances.reshape(-1, 3)[:, [0, 2]].T, 0.0))
        position = self._structure.position
        own_variance = np.maximum(diagonal[position], 0.0)
        return Quantities(
            vm_pu=state.vm_pu,
            angle_rad=state.angle_rad,
            p_pu=first[self._bus],
            q_pu=second[self._bus],
            branch_p_pu=first[self._flow],
            branch_q_pu=second[self._flow],
            branch_i_pu=first[self._current],
            vm_sigma_pu=state.vm_pu * np.sqrt(own_variance[:, 3]),
            angle_sigma_rad=np.sqrt(own_variance[:, 0]) * solver.free[position],
            p_sigma_pu=sigma_first[self._bus],
            q_sigma_pu=sigma_second[self._bus],
            branch_p_sigma_pu=sigma_first[self._flow],
            branch_q_sigma_pu=sigma_second[self._flow],
            branch_i_sigma_pu=sigma_first[self._current],
        )
