"""What the kernels know about measurement pairs."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.kernels.types import Floats, Int32s, Int64s

Complexes = NDArray[np.complex128]


class Stencils(NamedTuple):
    """Pairs over the phase nodes they involve; a pair has one term, a total power one for each phase."""

    starts: Int64s  # of each pair's nodes, shape (n_pair + 1,)
    columns: Int32s  # positions, ascending within a pair
    term_starts: Int64s  # of each pair's terms, shape (n_pair + 1,)
    y: Complexes  # coefficients of each term's w, aligned with the pair's nodes
    y_starts: Int64s  # of each term in y, shape (n_term,)
    plus: Int64s  # index in columns of the node u counts from, -1 for earth, shape (n_term,)
    minus: Int64s  # and to
    share: Floats  # of each term in a power, shape (n_term,)
