"""Scratch memory of the kernels."""

import numpy as np

from gridjobs_workers.estimation.kernels.bundles import Workspace
from gridjobs_workers.estimation.layout import Layout
from gridjobs_workers.estimation.structure import Structure


def new_workspace(structure: Structure, layout: Layout) -> Workspace:
    """Memory for one run at a time; linear in the grid."""
    n, n_block, n_pair = structure.n_bus, structure.n_block, layout.n_pair
    return Workspace(
        jacobian=np.zeros(4 * len(layout.pairs.columns)),
        blocks=np.zeros(4 * (n_block + n)),
        inverse_diagonal=np.zeros(3 * n),
        inverse=np.zeros(4 * (n_block + n)),
        null=np.zeros(2 * n, np.int8),
        work=np.zeros(4 * n),
        v_re=np.zeros(n),
        v_im=np.zeros(n),
        values=np.zeros(2 * n_pair),
        residuals=np.zeros(2 * n_pair),
        left=np.zeros(2 * n_pair),
        step=np.zeros(2 * n),
        correction=np.zeros(2 * n),
        gradient=np.zeros(2 * n),
        moved=np.zeros(2 * n),
    )
