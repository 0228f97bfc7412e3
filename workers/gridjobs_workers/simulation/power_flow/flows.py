"""What flows in the branches at given voltages."""

from typing import NamedTuple

from gridjobs_workers.grids.network import Complexes, Network


class BranchFlows(NamedTuple):
    """Flows into the branches at both ends, shape (n_branch,) each; leading axes as in the voltages."""

    s_from: Complexes  # [p.u.]
    s_to: Complexes
    i_from: Complexes
    i_to: Complexes


def branch_flows(network: Network, v: Complexes) -> BranchFlows:
    """Powers and currents that leave the buses into the branches [p.u.].

    Args:
        network: The network.
        v: Bus voltages [p.u.], shape (..., n_bus).
    """
    v_from, v_to = v[..., network.from_bus], v[..., network.to_bus]
    i_from = network.y_ff * v_from + network.y_ft * v_to
    i_to = network.y_tf * v_from + network.y_tt * v_to
    return BranchFlows(v_from * i_from.conj(), v_to * i_to.conj(), i_from, i_to)
