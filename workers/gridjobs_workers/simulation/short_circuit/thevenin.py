"""Impedances of a sequence network as seen from its buses."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import SuperLU, splu

from gridjobs_workers.grids.network import Complexes, Ints

AT_ONCE = 64


class SequenceNetwork:
    """A factorised admittance matrix; parts without a way to earth have infinite impedance."""

    def __init__(self, y: csc_array, earths: Ints) -> None:
        """Factorise the parts that contain one of the buses `earths`."""
        self.size = y.shape[0]
        island = np.asarray(connected_components(abs(y), directed=False)[1])
        self.earthed: NDArray[np.bool_] = np.isin(island, island[earths])
        kept = np.flatnonzero(self.earthed)
        self.row = np.full(self.size, -1)
        self.row[kept] = np.arange(len(kept))
        inner = y[kept][:, kept].tocsc()
        self.lu: SuperLU | None = (
            splu(inner, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.01) if kept.size else None
        )

    def columns(self, buses: Ints) -> Complexes:
        """Columns of the impedance matrix for buses with a way to earth, shape (size, n); 0 elsewhere."""
        z = np.zeros((self.size, len(buses)), dtype=np.complex128)
        if self.lu is not None and len(buses):
            unit = np.zeros((int((self.row >= 0).sum()), len(buses)), dtype=np.complex128)
            unit[self.row[buses], np.arange(len(buses))] = 1.0
            z[self.row >= 0] = self.lu.solve(unit)
        return z

    def impedance(self, buses: Ints) -> Complexes:
        """Impedance seen from each bus, inf without a way to earth, shape (n,)."""
        z = np.full(len(buses), np.inf + 0j)
        seen = np.flatnonzero(self.earthed[buses])
        for first in range(0, len(seen), AT_ONCE):
            some = seen[first : first + AT_ONCE]
            columns = self.columns(buses[some])
            z[some] = columns[buses[some], np.arange(len(some))]
        return z
