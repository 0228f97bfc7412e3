"""The three-phase network: conductors A, B, C and N at each bus, and the multi-conductor two-ports between them."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from gridjobs_workers.grids.model import GridModel, Problem
from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.grids.sequence import SEQUENCES, from_sequences
from gridjobs_workers.grids.zero_sequence import zero_sequence

Bools = NDArray[np.bool_]

N_CONDUCTOR = 4


class Conductor(IntEnum):
    """A conductor of a bus."""

    A = 0
    B = 1
    C = 2
    N = 3


@dataclass(frozen=True, slots=True)
class ThreePhaseNetwork:
    """Energised buses with up to four conductors, in per unit.

    Voltages count to earth on `base_kv` / √3, phase powers on `base_mva` / 3, currents and impedances as in
    `Network`; so balanced quantities have the same per-unit values as there. A neutral that is absent at a bus is
    solidly earthed there: its voltage is zero and earth takes its current. In a network whose neutral is earthed
    everywhere (after `sequence.kron_reduced`) no bus has one.

    Attributes:
        base_mva: Three-phase base power [MVA].
        base_kv: Line-to-line base voltage of each bus [kV], shape (n_bus,).
        present: Conductors of each bus that carry a voltage of their own, shape (n_bus, 4).
        from_bus: From-bus of each branch, shape (n_branch,).
        to_bus: To-bus of each branch, shape (n_branch,).
        y_ff: I_from = y_ff V_from + y_ft V_to [p.u.], shape (n_branch, 4, 4), zero at conductors the branch lacks.
        y_ft: See y_ff.
        y_tf: I_to = y_tf V_from + y_tt V_to [p.u.], shape (n_branch, 4, 4).
        y_tt: See y_tf.
        y_shunt: Shunt admittance of each bus [p.u.], shape (n_bus, 4, 4); earthing of the neutral included.
        shift_rad: Phase by which the from side leads the to side at no load, shape (n_branch,).
        bus_row: Row of each bus in the grid model, shape (n_bus,).
        branch_row: Row of each branch in the grid model, shape (n_branch,).
    """

    base_mva: float
    base_kv: Floats
    present: Bools
    from_bus: Ints
    to_bus: Ints
    y_ff: Complexes
    y_ft: Complexes
    y_tf: Complexes
    y_tt: Complexes
    y_shunt: Complexes
    shift_rad: Floats
    bus_row: Ints
    branch_row: Ints

    @property
    def n_bus(self) -> int:
        """Number of buses."""
        return len(self.base_kv)

    @property
    def n_branch(self) -> int:
        """Number of branches."""
        return len(self.from_bus)

    @property
    def n_node(self) -> int:
        """Number of phase nodes: conductors of buses."""
        return int(self.present.sum())

    def node(self) -> Ints:
        """Number of each conductor's phase node, bus by bus, -1 where absent, shape (n_bus, 4)."""
        numbers = np.full(self.present.shape, -1, np.intp)
        numbers[self.present] = np.arange(self.n_node)
        return numbers

    def admittance(self) -> csr_array:
        """Currents out of the conductors by their voltages, shape (4 n_bus, 4 n_bus), conductor c of bus b at
        4 b + c; rows and columns of absent conductors have no meaning."""
        f, t, bus = self.from_bus, self.to_bus, np.arange(self.n_bus)
        rows, columns = np.concatenate((f, f, t, t, bus)), np.concatenate((f, t, f, t, bus))
        blocks = np.concatenate((self.y_ff, self.y_ft, self.y_tf, self.y_tt, self.y_shunt))
        return _scattered(blocks, rows, columns, (self.n_bus, self.n_bus))

    def end_currents(self) -> tuple[csr_array, csr_array]:
        """Currents into the branches at their from and to ends, shape (4 n_branch, 4 n_bus) each."""
        branch = np.arange(self.n_branch)
        rows, columns = np.tile(branch, 2), np.concatenate((self.from_bus, self.to_bus))
        shape = (self.n_branch, self.n_bus)
        at_from = _scattered(np.concatenate((self.y_ff, self.y_ft)), rows, columns, shape)
        return at_from, _scattered(np.concatenate((self.y_tf, self.y_tt)), rows, columns, shape)

    def positive_sequence(self) -> Network:
        """What a balanced system sees of the network."""

        def part(y: Complexes) -> Complexes:
            forward = SEQUENCES[:, 1]
            seen: Complexes = np.einsum("i,nij,j->n", forward.conj(), y[:, :3, :3], forward) / 3
            return seen

        return Network(
            base_mva=self.base_mva,
            base_kv=self.base_kv,
            from_bus=self.from_bus,
            to_bus=self.to_bus,
            y_ff=part(self.y_ff),
            y_ft=part(self.y_ft),
            y_tf=part(self.y_tf),
            y_tt=part(self.y_tt),
            y_shunt=part(self.y_shunt),
            shift_rad=self.shift_rad,
            bus_row=self.bus_row,
            branch_row=self.branch_row,
        )


def _scattered(blocks: Complexes, rows: Ints, columns: Ints, shape: tuple[int, int]) -> csr_array:
    """Sum of 4 × 4 blocks as a sparse matrix; zeros of the blocks are left out."""
    k, i, j = np.nonzero(blocks)
    at = (N_CONDUCTOR * rows[k] + i, N_CONDUCTOR * columns[k] + j)
    size = (N_CONDUCTOR * shape[0], N_CONDUCTOR * shape[1])
    matrix: csr_array = coo_array((blocks[k, i, j], at), shape=size).tocsr()
    matrix.sort_indices()
    return matrix


def four_wire(blocks: Complexes) -> Complexes:
    """Three-conductor blocks as four-conductor ones without neutral, shape (n, 4, 4) from (n, 3, 3)."""
    padded = np.zeros((len(blocks), N_CONDUCTOR, N_CONDUCTOR), np.complex128)
    padded[:, :3, :3] = blocks
    return padded


def series_two_port(z: Complexes, y_shunt: Complexes | float = 0.0) -> tuple[Complexes, Complexes]:
    """Two-port of a line: (y_ff = y_tt, y_ft = y_tf), shape (n, 4, 4) each.

    Args:
        z: Series impedance matrices [p.u.], shape (n, 3, 3) or (n, 4, 4).
        y_shunt: Total shunt admittance matrices [p.u.], same shape.
    """
    series = np.asarray(np.linalg.inv(z), np.complex128)
    own: Complexes = series + np.asarray(y_shunt) / 2
    if z.shape[1] == N_CONDUCTOR:
        return own, -series
    return four_wire(own), four_wire(-series)


def to_three_phase(model: GridModel, network: Network) -> tuple[ThreePhaseNetwork, tuple[Problem, ...]]:
    """Add the negative and the zero sequence to a network: three phases, the neutral earthed at every bus.

    Angles stay those of the network: where it leaves vector groups out, the low-voltage side is seen in a frame that
    turns with the clock, and only the negative sequence shows it. Shunts are taken as unearthed.

    Args:
        model: The grid, with zero-sequence values and vector groups where its files have them.
        network: Its positive sequence, from `reduce.to_network`.

    Returns:
        The network, and a warning for each zero-sequence value or vector group that had to be assumed.
    """
    zero = zero_sequence(model, network)
    turn = np.exp(1j * zero.hidden_shift_rad)
    y_ff = from_sequences(zero.y_ff, network.y_ff, network.y_ff)
    y_tt = from_sequences(zero.y_tt, network.y_tt, network.y_tt)
    y_ft = from_sequences(zero.y_ft / turn, network.y_ft, network.y_tf / turn**2)
    y_tf = from_sequences(zero.y_tf * turn, network.y_tf, network.y_ft * turn**2)
    shunt = from_sequences(np.zeros(network.n_bus, np.complex128), network.y_shunt, network.y_shunt)
    present = np.ones((network.n_bus, N_CONDUCTOR), bool)
    present[:, Conductor.N] = False
    found = ThreePhaseNetwork(
        base_mva=network.base_mva,
        base_kv=network.base_kv,
        present=present,
        from_bus=network.from_bus,
        to_bus=network.to_bus,
        y_ff=four_wire(y_ff),
        y_ft=four_wire(y_ft),
        y_tf=four_wire(y_tf),
        y_tt=four_wire(y_tt),
        y_shunt=four_wire(shunt),
        shift_rad=network.shift_rad,
        bus_row=network.bus_row,
        branch_row=network.branch_row,
    )
    return found, zero.problems
