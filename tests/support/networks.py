"""Small networks made by hand."""

from collections.abc import Sequence

import numpy as np

from gridjobs_workers.grids.network import Network

Line = tuple[int, int, complex]  # from, to, series impedance [p.u.]


def network_of(n_bus: int, lines: Sequence[Line], base_mva: float = 1.0) -> Network:
    """Lines without charging between buses of 20 kV."""
    y = np.array([1 / z for _, _, z in lines])
    return Network(
        base_mva=base_mva,
        base_kv=np.full(n_bus, 20.0),
        from_bus=np.array([f for f, _, _ in lines], dtype=np.intp),
        to_bus=np.array([t for _, t, _ in lines], dtype=np.intp),
        y_ff=y,
        y_ft=-y,
        y_tf=-y,
        y_tt=y,
        y_shunt=np.zeros(n_bus, dtype=complex),
        shift_rad=np.zeros(len(lines)),
        bus_row=np.arange(n_bus),
        branch_row=np.arange(len(lines)),
    )
