"""What counts as a violation."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.grids.network import Floats, Network


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of voltages and currents.

    Attributes:
        v_min_pu: Least magnitude of each bus [p.u.], shape (n_bus,); -inf where none.
        v_max_pu: Greatest magnitude, inf where none.
        i_from_pu: Greatest current into each branch at its from end [p.u.], shape (n_branch,), or inf.
        i_to_pu: The same at its to end.
    """

    v_min_pu: Floats
    v_max_pu: Floats
    i_from_pu: Floats
    i_to_pu: Floats


def no_limits(network: Network) -> Limits:
    """Limits that nothing violates."""
    bus, branch = np.full(network.n_bus, np.inf), np.full(network.n_branch, np.inf)
    return Limits(-bus, bus, branch, branch)
