"""The network stripped to what decides observability: which buses are joined, and by what ratio of R to X.

Every branch gets an admittance between 1 and 2 at its own angle, shunts, taps and shifts go, no current
flows. Then small pivots of the gain matrix mean missing measurements and not short lines, and a uniform
rise of the voltage is invisible unless a voltage is measured. Drawn magnitudes keep branches from
cancelling by accident.

References:
    A. Monticelli, F. F. Wu, "Network observability: theory", IEEE Trans. PAS-104(5), 1985.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from gridjobs_workers.estimation.currents import assumed_direction_rad
from gridjobs_workers.estimation.islands import Islands
from gridjobs_workers.estimation.kernels.factor import null_vector
from gridjobs_workers.estimation.kernels.newton import residuals_at
from gridjobs_workers.estimation.layout import build_layout, metered_bus
from gridjobs_workers.estimation.linear import LinearModel
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.grids.network import Complexes, Floats, Network

Bools = NDArray[np.bool_]

# Pivots of what is measured are about 1 and rounding leaves 1e-10; in between lies what is only felt
# through the coupling of P with |V| or Q with θ over several branches, too weak to be of use.
_SMALLEST_PIVOT = 1e-5
_ROUNDING = 1e-13
_SEED = 1


def unit_network(network: Network) -> Network:
    """The network with drawn admittance magnitudes and nothing else but its branches."""
    root: Complexes = (network.y_ft * network.y_tf) ** 0.5
    series = np.where(root.real < 0, -root, root)
    size = np.abs(series)
    drawn = np.random.default_rng(_SEED).uniform(1.0, 2.0, network.n_branch)
    y = np.asarray(drawn * series / np.where(size > 0, size, 1.0), np.complex128)
    nothing = np.zeros(network.n_bus, np.complex128)
    return replace(network, y_ff=y, y_ft=-y, y_tf=-y, y_tt=y, y_shunt=nothing)


class UnitModel(LinearModel):
    """Linear model of a set of measurements on the unit network, each with a sigma of 1."""

    def __init__(
        self, network: Network, structure: Structure, measurements: Measurements, islands: Islands
    ) -> None:
        self.network = unit_network(network)
        admittance = self.network.admittance()[structure.bus_at][:, structure.bus_at]
        admittance.sort_indices()
        unit_structure = replace(structure, stencil_y=admittance.data)
        layout = build_layout(self.network, unit_structure, _as_axes(network, islands, measurements))
        n_zero = 2 * layout.pairs.n_constraint
        super().__init__(unit_structure, layout, islands, np.ones(len(measurements)), np.ones(n_zero))
        nothing = np.zeros(2 * layout.n_pair)
        at_rest, flat = np.zeros(structure.n_bus), np.ones(structure.n_bus)
        residuals_at(layout.pairs, layout.axes, nothing, nothing, at_rest, flat, self.free, self.space, True)

    def deficiency(self, used: Bools) -> int:
        """Number of state variables that the measurements in use leave open."""
        self.use(used)
        return self.factorise(_SMALLEST_PIVOT)

    def null_vectors(self, seeds: Floats) -> Complexes:
        """Changes of (ln |V| + jθ) that no measurement sees, after `deficiency`.

        Args:
            seeds: Weights of the null pivots, shape (n_vector, 2 n_bus).

        Returns:
            By bus, shape (n_vector, n_bus).
        """
        x = np.empty(2 * self.structure.n_bus)
        found = np.empty((len(seeds), self.structure.n_bus), np.complex128)
        for k, seed in enumerate(seeds):
            self._null_vector(seed, x)
            found[k] = (x[1::2] + 1j * x[::2])[self.structure.position]
        return found

    def null_space(self) -> csc_array:
        """A sparse basis of what no measurement sees, after `deficiency`; columns are null pivots in order.

        Returns:
            Shape (2 n_bus, deficiency), rows (θ, ln |V|) by position.
        """
        null = np.flatnonzero(self.space.null)
        x = np.empty(2 * self.structure.n_bus)
        rows, columns, values = [], [], []
        for k, pivot in enumerate(null):
            seed = np.zeros_like(x)
            seed[pivot] = 1.0
            self._null_vector(seed, x)
            at = np.flatnonzero(np.abs(x) > _ROUNDING)
            rows.append(at)
            columns.append(np.full(len(at), k))
            values.append(x[at])
        entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        return csc_array(entries, shape=(len(x), len(null)))

    def _null_vector(self, seeds: Floats, x: Floats) -> None:
        pattern, space = self.structure.pattern, self.space
        null_vector(pattern.row_starts, pattern.columns, space.blocks, space.null, seeds, x)


def _as_axes(network: Network, islands: Islands, measurements: Measurements) -> Measurements:
    """Current magnitudes as components in the direction assumed; axes relative to the local voltage."""
    magnitude = np.isin(measurements.kind, (Kind.I_MAG, Kind.I_INJ_MAG))
    axis = np.isin(measurements.kind, (Kind.I_AXIS, Kind.I_INJ_AXIS))
    if not (magnitude | axis).any():
        return measurements
    local = measurements.axis_rad - islands.angle_rad[metered_bus(network, measurements)]
    assumed = assumed_direction_rad(network, islands, measurements)
    return replace(
        measurements,
        kind=np.where(magnitude, measurements.kind + 1, measurements.kind),
        axis_rad=np.where(magnitude, assumed, np.where(axis, local, 0.0)),
    )
