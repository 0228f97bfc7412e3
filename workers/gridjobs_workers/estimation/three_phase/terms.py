"""Which phasors and powers a measurement is made of, conductor by conductor."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy.sparse import coo_array, csr_array, eye_array, vstack

from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.estimation.three_phase.measurements import N_KIND, V_AXIS, At
from gridjobs_workers.grids.network import Complexes, Floats, Ints
from gridjobs_workers.grids.sequence import SEQUENCES
from gridjobs_workers.grids.three_phase import N_CONDUCTOR, Conductor, ThreePhaseNetwork

SUM = 12  # code beside `At`: the sum over all conductors, of a closed neutral


class Port(IntEnum):
    """Where phasors come from: each has four rows, one a conductor."""

    VOLTAGE = 0  # of a bus
    INJECTED = 1  # current from a bus's equipment into the grid
    FROM = 2  # current into a branch at its from end
    TO = 3


PORT_OF = np.array([Port.INJECTED] * N_KIND)
PORT_OF[[Kind.V_MAG, Kind.V_ANG, V_AXIS]] = Port.VOLTAGE
PORT_OF[[Kind.P_FLOW, Kind.Q_FLOW, Kind.I_MAG, Kind.I_AXIS]] = Port.FROM


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of a list of pairs, in their order.

    Attributes:
        pair: Pair of each term, shape (n_term,).
        w: Coefficients of the term's phasor by position, shape (n_term, n_node).
        plus: Position u counts from, -1 for earth or where there is no u.
        minus: Position u counts to.
        share: Part of the power.
    """

    pair: Ints
    w: csr_array
    plus: Ints
    minus: Ints
    share: Floats


class Wiring:
    """Phasors of all ports of a network by the voltages of its nodes, in elimination order."""

    def __init__(self, network: ThreePhaseNetwork, structure: Structure) -> None:
        self.network, self.structure = network, structure
        at_from, at_to = network.end_currents()
        voltages = eye_array(N_CONDUCTOR * network.n_bus, dtype=np.complex128, format="csr")
        every = vstack((voltages, network.admittance(), at_from, at_to), format="csr")
        self._rows = csr_array(every[:, structure.bus_at])
        sizes = N_CONDUCTOR * np.array([network.n_bus, network.n_bus, network.n_branch, network.n_branch])
        self._first_row = np.concatenate(([0], np.cumsum(sizes)[:-1]))

    def bus(self, port: Ints, element: Ints) -> Ints:
        """Bus of each port."""
        network = self.network
        bus = element.copy()
        at_from, at_to = port == Port.FROM, port == Port.TO
        bus[at_from] = network.from_bus[element[at_from]]
        bus[at_to] = network.to_bus[element[at_to]]
        return bus

    def terms(
        self, port: Ints, element: Ints, at: Ints, is_power: np.ndarray[tuple[int], np.dtype[np.bool_]]
    ) -> Terms:
        """Terms of pairs, shape (n_pair,) each."""
        total = is_power & (at == At.ABC)
        counts = np.where(total, 3, 1)
        pair = np.repeat(np.arange(len(port)), counts)
        inside = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
        power = is_power[pair]
        conductor = np.where(total[pair], inside, np.where(power, at[pair] % 7, 0))  # AN is 7: conductor A
        combination = np.where(power, conductor, at[pair])

        coefficients = np.where(
            (port[pair] == Port.VOLTAGE)[:, None], _OF_VOLTAGES[combination], _OF_CURRENTS[combination]
        )
        bus = self.bus(port, element)[pair]
        coefficients = np.where(
            self._is_earth_return(port[pair], bus, combination)[:, None], _RETURN, coefficients
        )
        first = self._first_row[port[pair]] + N_CONDUCTOR * element[pair]
        term, which = np.nonzero(coefficients)
        pick = coo_array(
            (coefficients[term, which], (term, first[term] + which)), shape=(len(pair), self._rows.shape[0])
        )
        to_neutral = power & (at[pair] >= At.AN)
        position = self.structure.position
        return Terms(
            pair=pair,
            w=csr_array(pick.tocsr() @ self._rows),
            plus=np.where(power, position[N_CONDUCTOR * bus + conductor], -1),
            minus=np.where(to_neutral, position[N_CONDUCTOR * bus + Conductor.N], -1),
            share=np.where(total[pair], 1 / 3, 1.0),
        )

    def _is_earth_return(
        self, port: Ints, bus: Ints, combination: Ints
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether the neutral's current is asked for where earth stands for the neutral."""
        no_neutral = ~self.network.present[bus, Conductor.N]
        found: np.ndarray[tuple[int], np.dtype[np.bool_]] = (
            (port != Port.VOLTAGE) & (combination == At.N) & no_neutral
        )
        return found


def _combinations() -> tuple[Complexes, Complexes]:
    unit = np.eye(N_CONDUCTOR, dtype=np.complex128)
    zero, positive = (np.append(SEQUENCES[:, k].conj() / 3, 0) for k in (0, 1))
    between = [(unit[p] - unit[(p + 1) % 3]) / np.sqrt(3) for p in range(3)]
    to_neutral = [unit[p] - unit[Conductor.N] for p in range(3)]
    summed = np.ones(N_CONDUCTOR, np.complex128)
    of_voltages = np.array([*unit, *between, *to_neutral, positive, zero, summed])
    of_currents = np.array([*unit, *between, *unit[:3], positive, zero, summed])
    return of_voltages, of_currents


_OF_VOLTAGES, _OF_CURRENTS = _combinations()
_RETURN = np.array([-1, -1, -1, 0], np.complex128)
