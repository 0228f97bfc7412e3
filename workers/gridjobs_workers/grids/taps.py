"""Tap changers: what ratio, phase shift and change of impedance their position in use means.

References:
    IEC 61970-301, RatioTapChanger and PhaseTapChanger.
    ENTSO-E, "Phase Shift Transformers Modelling", version 1.0.0, 2014 (equations of angle and reactance).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from gridjobs_workers.grids.arrays import Complexes, Floats, Rows, Strings
from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.table import CimTable

KINDS: Final = {
    "RatioTapChanger": "ratio",
    "PhaseTapChangerLinear": "phase_linear",
    "PhaseTapChangerSymmetrical": "phase_symmetrical",
    "PhaseTapChangerAsymmetrical": "phase_asymmetrical",
    "PhaseTapChangerTabular": "phase_tabular",
}
RIGHT_ANGLE_DEG: Final = 90.0
SAME_OHMS: Final = 1e-3
MAX_STEPS: Final = 10_000  # beyond this a table is not checked for completeness


@dataclass(frozen=True, slots=True)
class TapChangers:
    """Tap changers at their position in use, shape (n_tap,) each.

    Attributes:
        row: The tap changer.
        end: Its winding (row of the table), -1 where the reference is missing.
        kind: See `model.Transformers.tap_kind`.
        position: In use: the solution's, else the set one, else the normal one.
        neutral: Neutral step.
        low: Lowest step.
        high: Highest step.
        step_percent: Change of voltage per step, NaN for phase shifters by angle or table.
        ratio: Off-nominal ratio, complex: magnitude and phase shift of the winding's terminal voltage.
        r_factor: By which the winding's resistance is multiplied.
        x_factor: See r_factor.
        g_factor: See r_factor.
        b_factor: See r_factor.
    """

    row: Rows
    end: Rows
    kind: Strings
    position: Floats
    neutral: Floats
    low: Floats
    high: Floats
    step_percent: Floats
    ratio: Complexes
    r_factor: Floats
    x_factor: Floats
    g_factor: Floats
    b_factor: Floats


def read_taps(context: Context) -> TapChangers:
    """Read every tap changer and evaluate it at its position in use."""
    table = context.table
    rows = [table.rows(name) for name in KINDS]
    row = np.concatenate(rows)
    kind = np.repeat(list(KINDS.values()), [len(part) for part in rows])
    end = table.ref(row, "RatioTapChanger.TransformerEnd")
    end = np.where(end >= 0, end, table.ref(row, "PhaseTapChanger.TransformerEnd"))
    neutral = table.number(row, "TapChanger.neutralStep", default=0.0)
    position = _positions(table, row, neutral)
    step_percent = table.number(
        row, "RatioTapChanger.stepVoltageIncrement", "PhaseTapChangerNonLinear.voltageStepIncrement"
    )
    taps = TapChangers(
        row,
        end,
        kind,
        position,
        neutral,
        table.number(row, "TapChanger.lowStep"),
        table.number(row, "TapChanger.highStep"),
        step_percent,
        np.ones(len(row), dtype=np.complex128),
        *(np.ones(len(row)) for _ in range(4)),
    )
    _check_positions(context, taps)
    _apply_formulas(table, taps)
    _apply_tables(context, taps)
    return taps


def _positions(table: CimTable, row: Rows, neutral: Floats) -> Floats:
    solved = table.rows("SvTapStep")
    by_row = np.full(table.size + 1, np.nan)  # row -1 writes to the spare end
    by_row[table.ref(solved, "SvTapStep.TapChanger")] = table.number(
        solved, "SvTapStep.position", "SvTapStep.continuousPosition"
    )
    by_row[-1] = np.nan
    stated = table.number(row, "TapChanger.step", "TapChanger.normalStep")
    position = np.where(np.isnan(by_row[row]), stated, by_row[row])
    return np.where(np.isnan(position), neutral, position)


def _check_positions(context: Context, taps: TapChangers) -> None:
    outside = (taps.position < taps.low) | (taps.position > taps.high)
    detail = "the position in use lies outside the lowest and highest step"
    context.warning("tap_position_outside", detail, taps.row[outside])


def _apply_formulas(table: CimTable, taps: TapChangers) -> None:
    """Evaluate changers that are described by a step size, in place."""
    steps = taps.position - taps.neutral
    step = np.nan_to_num(taps.step_percent) / 100
    is_ratio, is_linear = taps.kind == "ratio", taps.kind == "phase_linear"
    is_symmetrical, is_asymmetrical = taps.kind == "phase_symmetrical", taps.kind == "phase_asymmetrical"
    taps.ratio[is_ratio] = 1 + (steps * step)[is_ratio]

    increment = np.deg2rad(
        table.number(taps.row, "PhaseTapChangerLinear.stepPhaseShiftIncrement", default=0.0)
    )
    connection = np.deg2rad(
        table.number(taps.row, "PhaseTapChangerAsymmetrical.windingConnectionAngle", default=RIGHT_ANGLE_DEG)
    )
    angle = np.where(is_linear, steps * increment, 2 * np.arctan(steps * step / 2))
    by_angle = is_linear | is_symmetrical
    taps.ratio[by_angle] = np.exp(1j * angle)[by_angle]
    taps.ratio[is_asymmetrical] = (1 + steps * step * np.exp(1j * connection))[is_asymmetrical]

    farthest = np.maximum(np.abs(taps.low - taps.neutral), np.abs(taps.high - taps.neutral))
    largest = np.where(is_linear, farthest * increment, 2 * np.arctan(farthest * step / 2))
    shape = np.zeros(len(taps.row))
    shape[by_angle] = _quotient(np.sin(angle / 2), np.sin(largest / 2))[by_angle]
    extreme = np.angle(1 + farthest * step * np.exp(1j * connection))
    shape[is_asymmetrical] = _asymmetrical_shape(np.angle(taps.ratio), extreme, connection)[is_asymmetrical]
    _apply_reactance(table, taps, shape)


def _asymmetrical_shape(angle: Floats, largest: Floats, connection: Floats) -> Floats:
    """How far along from least to greatest reactance an asymmetrical changer stands, before squaring."""
    tangent, extreme = np.tan(angle), np.tan(largest)
    leverage = _quotient(
        np.sin(connection) - extreme * np.cos(connection), np.sin(connection) - tangent * np.cos(connection)
    )
    return _quotient(tangent, extreme) * leverage


def _apply_reactance(table: CimTable, taps: TapChangers, shape: Floats) -> None:
    """Scale the reactance from xMin in the middle to xMax at the end, where the file gives both."""
    x_min = table.number(taps.row, "PhaseTapChangerLinear.xMin", "PhaseTapChangerNonLinear.xMin")
    x_max = table.number(taps.row, "PhaseTapChangerLinear.xMax", "PhaseTapChangerNonLinear.xMax")
    usable = (x_min > 0) & (x_max >= x_min)
    taps.x_factor[usable] = (1 + (x_max / np.where(usable, x_min, 1.0) - 1) * shape**2)[usable]


def _quotient(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=np.abs(below) > 1e-12)


@dataclass(frozen=True, slots=True)
class _Points:
    """Points of all tap changer tables, by table and step: both, and what stands there."""

    table: Rows
    step: Floats
    ratio: Floats
    angle_deg: Floats
    change_percent: tuple[Floats, Floats, Floats, Floats]  # of r, x, g and b


def _apply_tables(context: Context, taps: TapChangers) -> None:
    """Evaluate changers that are described by a table, in place; a missing step takes its nearest neighbour's."""
    used = context.table.ref(taps.row, "RatioTapChanger.RatioTapChangerTable")
    used = np.where(
        used >= 0, used, context.table.ref(taps.row, "PhaseTapChangerTabular.PhaseTapChangerTable")
    )
    tabular = np.flatnonzero((used >= 0) | (taps.kind == "phase_tabular"))
    if not len(tabular):
        return
    points = _read_points(context.table)
    own_r, own_x = (
        context.table.number(taps.end, f"PowerTransformerEnd.{name}", default=0.0) for name in ("r", "x")
    )
    first = np.searchsorted(points.table, used, side="left")
    last = np.searchsorted(points.table, used, side="right")
    for k in tabular.tolist():
        rows = np.arange(first[k], last[k])
        _check_table(context, taps, k, points.step[rows])
        if len(rows):
            at = _apply_table(taps, k, points, rows)
            _apply_ohms(context, taps, k, points, rows, at, (own_r[k], own_x[k]))


def _read_points(table: CimTable) -> _Points:
    row = table.rows("RatioTapChangerTablePoint", "PhaseTapChangerTablePoint")
    owner = table.ref(row, "RatioTapChangerTablePoint.RatioTapChangerTable")
    owner = np.where(owner >= 0, owner, table.ref(row, "PhaseTapChangerTablePoint.PhaseTapChangerTable"))
    step = table.number(row, "TapChangerTablePoint.step")
    order = np.lexsort((step, owner))
    row, owner, step = row[order], owner[order], step[order]
    change = [table.number(row, f"TapChangerTablePoint.{name}", default=0.0) for name in ("r", "x", "g", "b")]
    return _Points(
        owner,
        step,
        table.number(row, "TapChangerTablePoint.ratio", default=1.0),
        table.number(row, "PhaseTapChangerTablePoint.angle", default=0.0),
        (change[0], change[1], change[2], change[3]),
    )


def _apply_table(taps: TapChangers, k: int, points: _Points, rows: Rows) -> int:
    """Apply the point nearest to the position in use; return it."""
    at = int(rows[np.argmin(np.abs(points.step[rows] - taps.position[k]))])
    taps.ratio[k] = points.ratio[at] * np.exp(1j * np.deg2rad(points.angle_deg[at]))
    for factors, change in zip(
        (taps.r_factor, taps.x_factor, taps.g_factor, taps.b_factor), points.change_percent, strict=True
    ):
        factors[k] = 1 + change[at] / 100
    return at


def _apply_ohms(
    context: Context,
    taps: TapChangers,
    k: int,
    points: _Points,
    rows: Rows,
    at: int,
    own: tuple[float, float],
) -> None:
    """Correct a table that holds impedances where it should hold changes in percent.

    Some exporters write the winding's own r and x at the neutral step, in ohm.
    """
    r, x = points.change_percent[:2]
    neutral = rows[(points.ratio[rows] == 1) & (points.angle_deg[rows] == 0)]
    same = np.isclose(x[neutral], own[1], rtol=SAME_OHMS) & np.isclose(r[neutral], own[0], rtol=SAME_OHMS)
    if own[1] == 0 or not same.any():
        return
    context.warning(
        "tap_table_in_ohms", "its table holds impedances, not changes in percent", taps.row[k : k + 1]
    )
    taps.x_factor[k] = x[at] / own[1]
    taps.r_factor[k] = r[at] / own[0] if own[0] else 1.0


def _check_table(context: Context, taps: TapChangers, k: int, steps: Floats) -> None:
    row = taps.row[k : k + 1]
    if not len(steps):
        context.warning("tap_table_missing", "its table is missing or has no points: taken as neutral", row)
        return
    if np.isnan(steps).any() or len(np.unique(steps)) < len(steps):
        context.warning("tap_table_faulty", "its table has points without a step, or two at one step", row)
    low, high = taps.low[k], taps.high[k]
    bounded = bool(np.isfinite(high - low)) and high - low < MAX_STEPS
    absent = np.setdiff1d(np.arange(low, high + 1), steps) if bounded else steps[:0]
    if len(absent):
        listed = ", ".join(f"{step:g}" for step in absent[:10])
        context.warning("tap_table_incomplete", f"its table lacks steps {listed}", row)
    if not (steps == taps.position[k]).any():
        detail = f"its table lacks the step in use, {taps.position[k]:g}: the nearest one is taken"
        context.warning("tap_step_missing", detail, row)
