"""The three-phase network stripped to what decides observability.

Every branch keeps how its conductors hang together (coupling, vector group, where the zero sequence can pass) but
both its ends are scaled to admittances of about 1; charging and shunts go, earthing of neutrals stays. All of it is
seen at the balanced state at no load, so that small pivots of the gain matrix mean missing measurements.

References:
    A. Monticelli, F. F. Wu, "Network observability: theory", IEEE Trans. PAS-104(5), 1985.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from gridjobs_workers.estimation.kernels.factor import null_vector
from gridjobs_workers.estimation.three_phase.currents import assumed_axis_rad
from gridjobs_workers.estimation.three_phase.layout import build_layout
from gridjobs_workers.estimation.three_phase.measurements import MAGNITUDES, PhaseMeasurements
from gridjobs_workers.estimation.three_phase.phase_model import PhaseModel
from gridjobs_workers.estimation.three_phase.start import Start
from gridjobs_workers.estimation.three_phase.terms import Wiring
from gridjobs_workers.grids.network import Complexes, Floats, Ints
from gridjobs_workers.grids.three_phase import Conductor, ThreePhaseNetwork

Bools = NDArray[np.bool_]

# Pivots of observable states stay above 1e-7 (300 buses in a row, four wires), rounding leaves less than 1e-11.
_SMALLEST_PIVOT = 1e-8
_SMALL_ENTRY = 1e-13
_LINE_LIKE = 0.1  # share of its series admittance that a line's charging stays below
_SEED = 1


def unit_network(network: ThreePhaseNetwork) -> ThreePhaseNetwork:
    """The network with branches of size 1 to 2 and nothing else but earthed neutrals."""
    # By the positive sequence, so that at no load no current flows whatever the zero sequence.
    balanced = network.positive_sequence()
    own_f, own_t = _positive(balanced.y_ff, network.y_ff), _positive(balanced.y_tt, network.y_tt)
    drawn = np.random.default_rng(_SEED).uniform(1.0, 2.0, network.n_branch)
    across = (drawn / np.sqrt(own_f * own_t))[:, None, None]
    y_ft, y_tf = network.y_ft * across, network.y_tf * across
    y_ff = network.y_ff * (drawn / own_f)[:, None, None]
    y_tt = network.y_tt * (drawn / own_t)[:, None, None]
    is_line = (_size(y_ff + y_ft) < _LINE_LIKE * drawn) & (_size(y_tt + y_tf) < _LINE_LIKE * drawn)
    line = is_line[:, None, None]
    earthed = np.zeros_like(network.y_shunt)
    earthed[:, Conductor.N, Conductor.N] = network.y_shunt[:, Conductor.N, Conductor.N] != 0
    return replace(
        network,
        y_ff=np.where(line, -y_ft, y_ff),
        y_ft=y_ft,
        y_tf=y_tf,
        y_tt=np.where(line, -y_tf, y_tt),
        y_shunt=earthed,
    )


def _positive(positive: Complexes, blocks: Complexes) -> Floats:
    size = np.abs(positive)
    return np.where(size > 0, size, _size(blocks))


def _size(blocks: Complexes) -> Floats:
    size = np.abs(blocks).max(axis=(1, 2))
    return np.where(size > 0, size, 1.0)


class UnitModel:
    """Linear model of measurements on the unit network, each of weight 1."""

    def __init__(self, network: ThreePhaseNetwork, wiring: Wiring, start: Start) -> None:
        self.network, self.start = network, start
        self.wiring = Wiring(unit_network(network), wiring.structure)
        self.structure = wiring.structure
        self.v = np.where(start.is_phase, start.v / np.maximum(np.abs(start.v), 1e-6), 0.0)

    def seen(self, measurements: PhaseMeasurements) -> "Seen":
        """What measurements and their exact zeros see."""
        return Seen(self, _as_axes(self.wiring, self.start, measurements))


class Seen(PhaseModel):
    """Measurements on the unit network, each of weight 1."""

    def __init__(self, model: UnitModel, measurements: PhaseMeasurements) -> None:
        alike = replace(measurements, sigma=np.ones(len(measurements)))
        n_zero = len(build_layout(model.wiring, alike).zero_bus)
        super().__init__(model.wiring, alike, model.start, np.ones(2 * n_zero))
        self.evaluate(model.v, np.zeros(2 * self.phases.n_pair), self.weights.copy())

    def deficiency(self, used: Bools) -> int:
        """Number of state variables that the measurements in use leave open."""
        self.use(used)
        return self.factorise(_SMALLEST_PIVOT)

    def null_pivots(self) -> Ints:
        """State variables left open, two a position, after `deficiency`."""
        return np.flatnonzero(self.space.null)

    def null_space(self) -> csc_array:
        """A sparse basis of what no measurement sees, after `deficiency`; shape (2 n_node, deficiency)."""
        pattern, space = self.structure.pattern, self.space
        pivots = self.null_pivots()
        x = np.empty(2 * self.structure.n_bus)
        rows, columns, values = [np.empty(0, np.intp)], [np.empty(0, np.intp)], [np.empty(0)]
        for k, pivot in enumerate(pivots):
            seed = np.zeros_like(x)
            seed[pivot] = 1.0
            null_vector(pattern.row_starts, pattern.columns, space.blocks, space.null, seed, x)
            at = np.flatnonzero(np.abs(x) > _SMALL_ENTRY)
            rows.append(at)
            columns.append(np.full(len(at), k))
            values.append(x[at])
        entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        return csc_array(entries, shape=(len(x), len(pivots)))

    def rows(self) -> csr_array:
        """What each measurement sees of the state, shape (n_measurement, 2 n_node)."""
        return csr_array(self.jacobian()[self.phases.row])


def _as_axes(wiring: Wiring, start: Start, m: PhaseMeasurements) -> PhaseMeasurements:
    """Current magnitudes as components in the direction assumed."""
    magnitude = np.isin(m.kind, MAGNITUDES)
    if not magnitude.any():
        return m
    axis = np.where(magnitude, assumed_axis_rad(wiring, start, m), m.axis_rad)
    return replace(m, kind=np.where(magnitude, m.kind + 1, m.kind), axis_rad=axis)
