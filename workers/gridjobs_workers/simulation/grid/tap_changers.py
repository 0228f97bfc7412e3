"""Ratio tap changers of a grid model that hold a voltage."""

import numpy as np

from gridjobs_workers.grids.model import BranchKind, GridModel
from gridjobs_workers.grids.network import Ints, Network
from gridjobs_workers.simulation.power_flow import TapChangers


def tap_changers(model: GridModel, network: Network, bus_of: Ints) -> TapChangers:
    """Tap changers with voltage control in service, on branches that are closed."""
    ends = model.transformers
    branch_of = np.full(len(model.branches.mrid), -1, dtype=np.intp)
    branch_of[network.branch_row] = np.arange(network.n_branch)
    held = np.where(ends.regulated_bus >= 0, bus_of[ends.regulated_bus], -1)
    use = ends.regulates & (ends.tap_kind == "ratio") & (branch_of[ends.branch] >= 0) & (held >= 0)
    use &= (ends.target_kv > 0) & (ends.tap_step_percent != 0)
    rows = np.flatnonzero(use)
    base_kv = network.base_kv[held[rows]]
    # The from side is end 1, or the winding's own bus where the to side is a star point.
    winding = model.branches.kind[ends.branch[rows]] == BranchKind.WINDING
    return TapChangers(
        branch=branch_of[ends.branch[rows]],
        at_from=winding | (ends.end_number[rows] == 1),
        position=ends.tap_position[rows],
        neutral=ends.tap_neutral[rows],
        low=ends.tap_low[rows],
        high=ends.tap_high[rows],
        step=ends.tap_step_percent[rows] / 100,
        regulated_bus=held[rows],
        target_pu=ends.target_kv[rows] / base_kv,
        deadband_pu=np.nan_to_num(ends.deadband_kv[rows]) / base_kv,
    )
