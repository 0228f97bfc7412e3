"""Zero-sequence two-ports of branches, from the files where they have them, else by documented ratios.

Ratios to the positive sequence where the grid has no zero-sequence data:

=====================================  ======  ======  =======================================================
branch                                 R0/R1   X0/X1   why
=====================================  ======  ======  =======================================================
line or cable up to 1 kV               4       4       four equal conductors, return by the fourth alone
line or cable above 1 kV               3       3       between cable (about 1 to 4) and overhead line (3 to 3.5)
transformer, through or to delta       1       0.95    Dyn and YNd distribution transformers
transformer, zigzag side               0.4     0.1     flux of the zero sequence cancels in the windings
transformer, earthed star, other star  1       10      zero-sequence magnetising of a three-limb core
=====================================  ======  ======  =======================================================

Charging of the zero sequence is 0.6 times that of the positive one.

References:
    IEC TR 60909-2:2008, tables 6 to 17 (lines, cables, transformers).
    DIN VDE 0102 supplement 4 (four-core low-voltage cables, R0/R1 = 4).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.model import BranchKind, GridModel, Problem
from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network

Bools = NDArray[np.bool_]

LV_KV = 1.0
LINE_LV, LINE_MV = (4.0, 4.0), (3.0, 3.0)
THROUGH, ZIGZAG, MAGNETISING = (1.0, 0.95), (0.4, 0.1), (1.0, 10.0)
CHARGING = 0.6
EVEN_AND_INVERTED = (2, 6, 10)  # clocks at which the zero sequence of star-star windings changes sign

HALF_AN_HOUR = np.pi / 12

EARTHED = ("Yn", "Zn")


@dataclass(frozen=True, slots=True)
class ZeroSequence:
    """Zero-sequence two-ports [p.u.], and what the clock adds to the network's phase shifts, shape (n_branch,)."""

    y_ff: Complexes
    y_ft: Complexes
    y_tf: Complexes
    y_tt: Complexes
    hidden_shift_rad: Floats  # by which the from side leads, beyond `Network.shift_rad`
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Windings:
    """Connections of transformer branches, "" for other branches; "star" at a star point."""

    from_connection: list[str]
    to_connection: list[str]
    clock: Ints  # hours by which the to side lags
    tap_shift_rad: Floats  # by which the from side leads because of phase-shifting taps
    is_assumed: Bools


def zero_sequence(model: GridModel, network: Network) -> ZeroSequence:
    """Zero-sequence two-ports of the branches of a network.

    Args:
        model: The grid, with zero-sequence values where its files have them.
        network: Its network.
    """
    row = network.branch_row
    branches = model.branches
    is_transformer = np.isin(branches.kind[row], (BranchKind.TRANSFORMER, BranchKind.WINDING))
    windings = _windings(model, network)
    r, x, r0, x0 = (values[row] for values in (branches.r, branches.x, branches.r0, branches.x0))
    known = np.isfinite(r0) & np.isfinite(x0) & (np.abs(np.nan_to_num(r0) + 1j * np.nan_to_num(x0)) > 0)
    default = _default_ratios(network, is_transformer, windings)
    z = r + 1j * x
    z0 = np.where(known, np.nan_to_num(r0) + 1j * np.nan_to_num(x0), default[0] * r + 1j * default[1] * x)
    # A branch without impedance of its own got one in the network: keep the ratio of the defaults.
    share = np.divide(
        z, z0, out=(1 / np.maximum(default[1], 1e-9)).astype(np.complex128), where=np.abs(z0) > 0
    )
    lines = _line_two_ports(model, network, share)
    transformers = _transformer_two_ports(network, windings, share)
    y_ff, y_ft, y_tf, y_tt = (
        np.where(is_transformer, a, b) for a, b in zip(transformers, lines, strict=True)
    )
    # The network's own shifts are those of taps, and of clocks if the file's solution counts them.
    counted = np.abs(np.angle(np.exp(1j * (network.shift_rad - windings.tap_shift_rad)))) > HALF_AN_HOUR
    shift = np.where(counted, 0.0, np.pi / 6 * windings.clock)
    return ZeroSequence(
        y_ff=y_ff,
        y_ft=y_ft,
        y_tf=y_tf,
        y_tt=y_tt,
        hidden_shift_rad=np.where(is_transformer, shift, 0.0),
        problems=_problems(model, row, ~known, windings.is_assumed & is_transformer),
    )


def _default_ratios(network: Network, is_transformer: Bools, windings: _Windings) -> tuple[Floats, Floats]:
    low = network.base_kv[network.from_bus] <= LV_KV
    pairs = np.where(low[:, None], LINE_LV, LINE_MV).astype(float)
    for k in np.flatnonzero(is_transformer):
        ends = {windings.from_connection[k], windings.to_connection[k]}
        if "Zn" in ends:
            pairs[k] = ZIGZAG
        elif "Yn" in ends and ends & {"Y", "Z"}:
            pairs[k] = MAGNETISING
        else:
            pairs[k] = THROUGH
    return pairs[:, 0], pairs[:, 1]


def _line_two_ports(
    model: GridModel, network: Network, share: Complexes
) -> tuple[Complexes, Complexes, Complexes, Complexes]:
    """Series admittance by the share, charging by b0 / b where known."""
    row = network.branch_row
    b, b0 = model.branches.b[row], model.branches.b0[row]
    known = np.isfinite(b0) & np.isfinite(b) & (np.nan_to_num(b) != 0)
    charging = np.divide(np.nan_to_num(b0), np.nan_to_num(b), out=np.full(len(row), CHARGING), where=known)
    across_ft, across_tf = network.y_ft * share, network.y_tf * share
    own_f = -across_ft + (network.y_ff + network.y_ft) * charging
    own_t = -across_tf + (network.y_tt + network.y_tf) * charging
    return own_f, across_ft, across_tf, own_t


def _transformer_two_ports(
    network: Network, windings: _Windings, share: Complexes
) -> tuple[Complexes, Complexes, Complexes, Complexes]:
    """Where the zero sequence can pass or close, by the connections of both ends."""
    n = network.n_branch
    passes, at_from, at_to = np.zeros(n), np.zeros(n), np.zeros(n)
    for k in range(n):
        a, b = windings.from_connection[k], windings.to_connection[k]
        if a == "Yn" and b in ("Yn", "star"):
            passes[k] = at_from[k] = at_to[k] = 1.0
        elif b == "star":  # a delta closes it at the star point, a zigzag at its own bus
            at_to[k], at_from[k] = a == "D", a == "Zn"
        else:
            at_from[k], at_to[k] = a in EARTHED, b in EARTHED
    sign = np.where(np.isin(windings.clock % 12, EVEN_AND_INVERTED), -1.0, 1.0)
    series = np.sqrt(network.y_ft * network.y_tf)
    series = np.where((series / network.y_ff).real > 0, -series, series)  # of the same sign as −y_ff
    across = passes * sign * series * share
    return network.y_ff * share * at_from, across, across, network.y_tt * share * at_to


def _windings(model: GridModel, network: Network) -> _Windings:
    ends = model.transformers
    by_branch: dict[int, list[int]] = {}
    for end in np.lexsort((ends.end_number, ends.branch)):
        by_branch.setdefault(int(ends.branch[end]), []).append(int(end))
    leaders: dict[str, int] = {}
    for end in np.argsort(ends.end_number, kind="stable"):
        leaders.setdefault(str(ends.mrid[end]), int(end))
    n = network.n_branch
    first, second = [""] * n, [""] * n
    clock, assumed, tap = np.zeros(n, np.intp), np.zeros(n, bool), np.zeros(n)
    for k, row in enumerate(network.branch_row.tolist()):
        own = by_branch.get(row, [])
        if not own:
            continue
        tap[k] = ends.tap_shift_rad[own[0]] - (ends.tap_shift_rad[own[1]] if len(own) > 1 else 0.0)
        first[k], assumed[k] = _connection(model, own[0], network.base_kv[network.from_bus[k]], network, k)
        if len(own) == 1:  # a winding lags the first one, whose frame the star point has
            second[k] = "star"
            clock[k] = ends.clock[leaders[str(ends.mrid[own[0]])]] - ends.clock[own[0]]
            continue
        second[k], also = _connection(model, own[1], network.base_kv[network.to_bus[k]], network, k)
        assumed[k] |= also
        clock[k] = ends.clock[own[1]] - ends.clock[own[0]]
    return _Windings(first, second, clock, tap, assumed)


def _connection(model: GridModel, end: int, kv: float, network: Network, branch: int) -> tuple[str, bool]:
    """Connection of a winding, its star point earthed or not; and whether it had to be assumed.

    A star point brought out counts as earthed if the file says so, and always up to 1 kV. Without a connection the
    winding of the higher voltage is a delta, that of the lower one an earthed star.
    """
    ends = model.transformers
    found = str(ends.connection[end])
    if found in EARTHED:
        return (found if kv <= LV_KV or bool(ends.grounded[end]) else found[0]), False
    if found in ("D", "Y", "Z"):
        return found, False
    highest = max(network.base_kv[network.from_bus[branch]], network.base_kv[network.to_bus[branch]])
    return ("Yn" if kv < highest else "D"), True


def _problems(model: GridModel, row: Ints, missing: Bools, assumed: Bools) -> tuple[Problem, ...]:
    branches = model.branches
    found = [
        Problem(
            "zero_sequence_assumed", "warning", "no zero-sequence impedance: a usual ratio is taken",
            mrid=str(branches.mrid[k]),
        )
        for k in row[missing]
    ]  # fmt: skip
    found += [
        Problem(
            "vector_group_assumed", "warning", "no winding connection: delta to earthed star is taken",
            mrid=str(branches.mrid[k]),
        )
        for k in row[assumed]
    ]  # fmt: skip
    return tuple(found)
