"""The electrical network that every numerical core takes: plain arrays in per unit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Complexes = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Network:
    """Energised buses and the two-ports between them, in per unit on `base_mva` and the bus's `base_kv`.

    A branch open at one end is already reduced to a shunt at its other end, a branch open at both ends is left
    out; `branch_row` tells which row of the grid model a branch is, `bus_row` which bus.

    Attributes:
        base_mva: Three-phase base power [MVA].
        base_kv: Line-to-line base voltage of each bus [kV], shape (n_bus,).
        from_bus: From-bus of each branch, shape (n_branch,).
        to_bus: To-bus of each branch, shape (n_branch,).
        y_ff: I_from = y_ff V_from + y_ft V_to [p.u.], shape (n_branch,).
        y_ft: See y_ff.
        y_tf: I_to = y_tf V_from + y_tt V_to [p.u.], shape (n_branch,).
        y_tt: See y_tf.
        y_shunt: Shunt admittance of each bus [p.u.], shape (n_bus,).
        shift_rad: Phase by which the from side leads the to side at no load, shape (n_branch,).
        bus_row: Row of each bus in the grid model, shape (n_bus,).
        branch_row: Row of each branch in the grid model, shape (n_branch,).
    """

    base_mva: float
    base_kv: Floats
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

    def admittance(self) -> csr_array:
        """The bus admittance matrix [p.u.], shape (n_bus, n_bus), sorted, with a full diagonal."""
        f, t, bus = self.from_bus, self.to_bus, np.arange(self.n_bus)
        rows = np.concatenate((f, f, t, t, bus))
        columns = np.concatenate((f, t, f, t, bus))
        values = np.concatenate((self.y_ff, self.y_ft, self.y_tf, self.y_tt, self.y_shunt))
        matrix = csr_array((values, (rows, columns)), shape=(self.n_bus, self.n_bus))
        matrix.sum_duplicates()
        matrix.sort_indices()
        return matrix
