"""Tap changers that hold voltages, moved between power flows by their linear effect."""

from dataclasses import replace

import numpy as np

from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.power_flow.islands import islands
from gridjobs_workers.simulation.power_flow.layout import Layout, lay_out
from gridjobs_workers.simulation.power_flow.newton import State, factorised, residuals, state_at
from gridjobs_workers.simulation.power_flow.problem import OperatingPoint, TapChangers

CLOSE_PU = 1e-6  # a continuous tap changer within this of its target rests
LONGEST_MOVE_PU = 0.05  # of the ratio, in one round
MOST_REVERSALS = 2


def with_ratios(network: Network, taps: TapChangers, position: Floats) -> Network:
    """The network with tap changers at other positions, shape (n_tap,)."""
    relative = taps.ratio(position) / taps.ratio(taps.position)
    m_from, m_to = np.ones(network.n_branch), np.ones(network.n_branch)
    np.multiply.at(m_from, taps.branch[taps.at_from], relative[taps.at_from])
    np.multiply.at(m_to, taps.branch[~taps.at_from], relative[~taps.at_from])
    return replace(
        network,
        y_ff=network.y_ff / m_from**2,
        y_ft=network.y_ft / (m_from * m_to),
        y_tf=network.y_tf / (m_from * m_to),
        y_tt=network.y_tt / m_to**2,
    )


class TapControl:
    """Positions of the tap changers over the rounds of one power flow."""

    def __init__(self, network: Network, taps: TapChangers, discrete: bool) -> None:
        self.base = network
        self.taps = taps
        self.discrete = discrete
        self.position = taps.position.copy()
        self.reversals = np.zeros(len(taps.branch), dtype=np.intp)
        self.last_move = np.zeros(len(taps.branch))

    def network(self) -> Network:
        """The network at the present positions."""
        if np.array_equal(self.position, self.taps.position):
            return self.base
        return with_ratios(self.base, self.taps, self.position)

    def settle(self, layout: Layout, point: OperatingPoint, state: State) -> bool:
        """Move tap changers towards their targets; True where none moved."""
        error = np.exp(state.log_v[self.taps.regulated_bus]) - self.taps.target_pu
        tolerance = self.taps.deadband_pu / 2 if self.discrete else np.zeros_like(error)
        wants = (np.abs(error) > np.maximum(tolerance, CLOSE_PU)) & (self.reversals < MOST_REVERSALS)
        wants &= self.taps.step != 0
        if not wants.any():
            return True
        effect = voltage_per_ratio(self.network(), self.taps, self.position, layout, point, state)
        move = self._moves(np.flatnonzero(wants), error, effect)
        self.reversals += move * self.last_move < 0
        self.last_move = np.where(move != 0, move, self.last_move)
        self.position += move
        return not move.any()

    def _moves(self, wants: Ints, error: Floats, effect: Floats) -> Floats:
        """Positions to move each tap changer, least squares over all that want to, within limits."""
        taps, move = self.taps, np.zeros(len(error))
        ratio = -np.linalg.lstsq(effect[np.ix_(wants, wants)], error[wants], rcond=1e-6)[0]
        steps = np.clip(ratio, -LONGEST_MOVE_PU, LONGEST_MOVE_PU) / taps.step[wants]
        if self.discrete:
            own = np.diag(effect)[wants] * taps.step[wants]
            alone = np.where(own != 0, -error[wants] / np.where(own == 0, 1.0, own), 0.0)
            # At least one step when outside the band, unless that would lead farther away.
            helps = np.abs(alone) > 0.5
            steps = np.where(helps & (np.abs(steps) < 1), np.sign(alone), np.round(steps))
        move[wants] = (
            np.clip(self.position[wants] + steps, taps.low[wants], taps.high[wants]) - self.position[wants]
        )
        if not self.discrete:
            move[np.abs(move * taps.step) < 1e-9] = 0.0
        return move


def voltage_per_ratio(
    network: Network, taps: TapChangers, position: Floats, layout: Layout, point: OperatingPoint, state: State
) -> Floats:
    """dV of each regulated bus by each tap changer's ratio [p.u./p.u.], shape (n_tap, n_tap)."""
    _, s, terms = residuals(layout, point, state)
    jacobian = factorised(layout, point, state, s, terms)
    change = _power_per_log_ratio(network, taps, state.v)
    rhs = np.zeros((layout.n_unknown, len(taps.branch)))
    every = np.arange(len(taps.branch))
    for bus, power in zip((network.from_bus[taps.branch], network.to_bus[taps.branch]), change, strict=True):
        rhs[layout.p_row[bus], every] += power.real
        rhs[layout.q_row[bus], every] += power.imag
    log_v = -jacobian.solve(rhs)[2 * taps.regulated_bus + 1]
    magnitude = np.exp(state.log_v[taps.regulated_bus])
    return np.asarray(log_v * magnitude[:, None] / taps.ratio(position)[None, :])


def tap_effect(network: Network, point: OperatingPoint, v: Complexes) -> Floats:
    """`voltage_per_ratio` at given voltages and the network's own positions, all controls holding."""
    layout = lay_out(network, point, islands(network), np.arange(len(point.controls.bus)))
    state = state_at(layout, point, v)
    return voltage_per_ratio(network, point.taps, point.taps.position, layout, point, state)


def _power_per_log_ratio(network: Network, taps: TapChangers, v: Complexes) -> tuple[Complexes, Complexes]:
    """d S_from and d S_to of the tap changers' branches by ln m [p.u.], shape (n_tap,) each."""
    k = taps.branch
    v_from, v_to = v[network.from_bus[k]], v[network.to_bus[k]]
    cross_from = v_from * np.conj(network.y_ft[k] * v_to)
    cross_to = v_to * np.conj(network.y_tf[k] * v_from)
    own_from = np.abs(v_from) ** 2 * np.conj(network.y_ff[k])
    own_to = np.abs(v_to) ** 2 * np.conj(network.y_tt[k])
    by_from = np.where(taps.at_from, -2 * own_from - cross_from, -cross_from)
    by_to = np.where(taps.at_from, -cross_to, -2 * own_to - cross_to)
    return by_from, by_to
