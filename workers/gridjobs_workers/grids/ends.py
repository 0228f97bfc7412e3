"""Windings and tap changers as the model shows them."""

import numpy as np

from gridjobs_workers.grids.arrays import Floats, Rows, Strings
from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.model import Transformers
from gridjobs_workers.grids.regulation import read_targets
from gridjobs_workers.grids.taps import TapChangers
from gridjobs_workers.grids.topology import Topology
from gridjobs_workers.grids.windings import Windings


def transformer_ends(
    context: Context, topology: Topology, base_kv: Floats, windings: Windings, taps: TapChangers, branch: Rows
) -> Transformers:
    """List windings with their tap changers; where one has a ratio and a phase changer, the ratio changer stands."""
    table = context.table
    tap = np.full(
        table.size + 1, -1, dtype=np.intp
    )  # a tap changer without a winding (-1) writes to the spare end
    order = np.argsort(taps.kind == "ratio", kind="stable")
    tap[taps.end[order]] = order
    tap = tap[windings.row]
    has = tap >= 0
    changer = np.append(taps.row, -1)[tap]
    control = table.ref(changer, "TapChanger.TapChangerControl")
    enabled = table.flag(changer, "TapChanger.controlEnabled", default=True)
    is_ratio = _words(taps.kind, tap) == "ratio"
    targets = read_targets(context, topology, base_kv, control, enabled & is_ratio)
    numbers = {
        name: table.number(windings.row, f"PowerTransformerEnd.{name}") for name in ("r", "x", "g", "b")
    }
    zero = {name: table.number(windings.row, f"PowerTransformerEnd.{name}") for name in ("r0", "x0")}
    return Transformers(
        mrid=table.mrid(windings.transformer),
        end_mrid=table.mrid(windings.row),
        end_number=windings.number,
        branch=branch,
        rated_kv=windings.rated_kv,
        rated_mva=windings.rated_mva,
        **{name: np.nan_to_num(values) for name, values in numbers.items()},
        **zero,
        connection=table.enum(windings.row, "PowerTransformerEnd.connectionKind"),
        clock=windings.clock,
        grounded=table.flag(windings.row, "TransformerEnd.grounded", default=False),
        tap_mrid=table.mrid(changer),
        tap_kind=_words(taps.kind, tap),
        tap_position=_numbers(taps.position, tap),
        tap_neutral=_numbers(taps.neutral, tap),
        tap_low=_numbers(taps.low, tap),
        tap_high=_numbers(taps.high, tap),
        tap_step_percent=_numbers(taps.step_percent, tap),
        tap_ratio=np.abs(windings.ratio),
        tap_shift_rad=np.angle(windings.ratio),
        regulates=targets.regulates & has,
        regulated_bus=targets.bus,
        target_kv=targets.kv,
        deadband_kv=targets.deadband_kv,
    )


def _numbers(values: Floats, tap: Rows) -> Floats:
    """Values of each winding's tap changer, NaN where it has none."""
    return np.append(values, np.nan)[tap]


def _words(values: Strings, tap: Rows) -> Strings:
    """Words of each winding's tap changer, "" where it has none."""
    return np.append(values, "")[tap]
