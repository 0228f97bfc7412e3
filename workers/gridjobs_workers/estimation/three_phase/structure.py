"""Elimination order and factor pattern of a three-phase network: buses in order, the conductors of each together."""

import numpy as np
from scipy.sparse import csr_array, kron

from gridjobs_workers.estimation.structure import Structure, elimination_order, symbolic
from gridjobs_workers.grids.three_phase import N_CONDUCTOR, ThreePhaseNetwork


def build_structure(network: ThreePhaseNetwork) -> Structure:
    """Order the phase nodes and find the pattern of the factor.

    Returns:
        A structure whose "buses" are phase nodes: `bus_at` is 4 · bus + conductor at each position, shape
        (n_node,); `position` its inverse, shape (4 n_bus,), -1 where a conductor is absent.
    """
    buses = network.positive_sequence().admittance()
    adjacency = csr_array((np.ones(buses.nnz), buses.indices, buses.indptr), buses.shape)
    two_steps = csr_array(adjacency @ adjacency)
    order = elimination_order(two_steps)
    code = (N_CONDUCTOR * order[:, None] + np.arange(N_CONDUCTOR)).ravel()
    code_at = code[network.present.ravel()[code]]
    position = np.full(network.present.size, -1, np.intp)
    position[code_at] = np.arange(len(code_at))

    every = csr_array(kron(two_steps, np.ones((N_CONDUCTOR, N_CONDUCTOR)), format="csr"))
    pattern = symbolic(csr_array(every[code_at][:, code_at]))
    rows = np.repeat(np.arange(len(code_at)), np.diff(pattern.row_starts))
    admittance = csr_array(network.admittance()[code_at][:, code_at])
    admittance.sort_indices()
    return Structure(
        bus_at=code_at,
        position=position,
        stencil_starts=admittance.indptr.astype(np.int64),
        stencil_columns=admittance.indices.astype(np.int32),
        stencil_y=admittance.data,
        pattern=pattern,
        keys=rows * len(code_at) + pattern.columns.astype(np.int64),
    )
