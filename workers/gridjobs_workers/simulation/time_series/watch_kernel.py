"""Statistics of many quantities over time, updated chunk by chunk."""

# mypy: disable-error-code="no-untyped-def"

import numpy as np

from gridjobs_workers.simulation.compiled import compiled
from gridjobs_workers.simulation.time_series.current_kernel import LANES

# Columns of a watch's `extremes` (values) and `counts` (integers) arrays.
LOWEST, HIGHEST, TOTAL, RUN_WORST = range(4)
N, LOWEST_STEP, HIGHEST_STEP, BELOW, ABOVE, RUN_SIDE, RUN_LENGTH, LONGEST = range(8)


@compiled
def watch_nodes(
    v_re, v_im, row_of, start, n_step, lower, upper, origin, width, histogram, extremes, counts,
    events, n_event, step_low, step_high, record,
):  # fmt: skip
    """Watch |V| of every bus over one chunk; returns the number of events found so far.

    Args:
        v_re, v_im: Voltages, shape (n_block, n_row, LANES); NaN where unsolved.
        row_of: Row of each bus, shape (n_bus,).
        start, n_step: First step and number of steps.
        lower, upper, ..., n_event: See `_watch`.
        step_low, step_high: Least and greatest value of all items at each step, shape (n_step,); updated.
        record: Shape (n_bus, n_step) to be filled, or (0, 0).
    """
    values = np.empty(v_re.shape[0] * LANES)
    for bus in range(len(row_of)):
        row = row_of[bus]
        for block in range(v_re.shape[0]):
            for k in range(LANES):
                a, b = v_re[block, row, k], v_im[block, row, k]
                values[block * LANES + k] = np.sqrt(a * a + b * b)
        n_event = _watch(
            values, bus, start, n_step, lower[bus], upper[bus], origin, width, histogram[bus], extremes[bus],
            counts[bus], events, n_event, step_low, step_high,
        )  # fmt: skip
        _keep(values, n_step, record, bus)
    return n_event


@compiled
def watch_branches(
    v_re, v_im, from_row, to_row, y_re, y_im, per_limit, start, n_step, upper, origin, width,
    histogram, extremes, counts, events, n_event, step_low, step_high, step_losses, losses, record,
):  # fmt: skip
    """Watch the loading of every branch, the greater of |I| / limit at its two ends, over one chunk.

    Args:
        y_re, y_im: y_ff, y_ft, y_tf, y_tt of each branch, shape (4, n_branch).
        per_limit: 1 / limit at the from and the to end [1/p.u.], shape (2, n_branch).
        step_losses: Active losses of all branches at each step [p.u.], shape (n_block * LANES,); added to.
        losses: Active losses of each branch summed over steps [p.u.], shape (n_branch,); added to.
        v_re ... record: As in `watch_nodes`.
    """
    values, lost = np.empty(v_re.shape[0] * LANES), np.empty(LANES)
    for branch in range(len(from_row)):
        lost[:] = 0.0
        f, t = from_row[branch], to_row[branch]
        a, b, c, d = y_re[0, branch], y_re[1, branch], y_re[2, branch], y_re[3, branch]
        e, g, h, j = y_im[0, branch], y_im[1, branch], y_im[2, branch], y_im[3, branch]
        from_square, to_square = per_limit[0, branch] ** 2, per_limit[1, branch] ** 2
        for block in range(v_re.shape[0]):
            for k in range(LANES):
                fr, fi = v_re[block, f, k], v_im[block, f, k]
                tr, ti = v_re[block, t, k], v_im[block, t, k]
                re, im = a * fr - e * fi + b * tr - g * ti, a * fi + e * fr + b * ti + g * tr
                at_from = (re * re + im * im) * from_square
                loss = fr * re + fi * im
                re, im = c * fr - h * fi + d * tr - j * ti, c * fi + h * fr + d * ti + j * tr
                at_to = (re * re + im * im) * to_square
                loss += tr * re + ti * im
                step_losses[block * LANES + k] += loss
                lost[k] += loss if loss == loss else 0.0
                values[block * LANES + k] = np.sqrt(at_from if at_from > at_to else at_to)
        n_event = _watch(
            values, branch, start, n_step, -np.inf, upper[branch], origin, width, histogram[branch],
            extremes[branch], counts[branch], events, n_event, step_low, step_high,
        )  # fmt: skip
        losses[branch] += lost.sum()
        _keep(values, n_step, record, branch)
    return n_event


@compiled
def _watch(
    values, item, start, n_step, lower, upper, origin, width, histogram, extremes, counts, events, n_event,
    step_low, step_high,
):  # fmt: skip
    """Update one item's statistics.

    Args:
        values: Shape (>= n_step,); NaN where unsolved.
        lower, upper: Limits; a value outside is a violation.
        origin, width: Histogram bins begin at `origin`, `width[item]` wide; doubled when a value lies beyond.
        histogram: Shape (n_bin,).
        extremes, counts: See the columns above.
        events: Finished violations: item, first step, steps, side (-1, 1), worst value; shape (n, 5).
        n_event: Events found so far; only the first `len(events)` are kept.
    """
    n_bin, per_bin = len(histogram), 1.0 / width[item]
    low, high, total, n = extremes[LOWEST], extremes[HIGHEST], 0.0, 0
    for s in range(n_step):
        v = values[s]
        side = 1 if v > upper else (-1 if v < lower else 0)
        if side != 0 or counts[RUN_SIDE] != 0:
            n_event = _follow(v, side, item, start + s, extremes, counts, events, n_event)
        if v != v:
            continue
        bin_ = max(0, int((v - origin) * per_bin))
        while bin_ >= n_bin:
            _coarsen(histogram)
            width[item] *= 2.0
            per_bin = 1.0 / width[item]
            bin_ = int((v - origin) * per_bin)
        histogram[bin_] += 1
        total += v
        n += 1
        if v < low:
            low = v
            counts[LOWEST_STEP] = start + s
        if v > high:
            high = v
            counts[HIGHEST_STEP] = start + s
        if v < step_low[s]:
            step_low[s] = v
        if v > step_high[s]:
            step_high[s] = v
    extremes[LOWEST], extremes[HIGHEST] = low, high
    extremes[TOTAL] += total
    counts[N] += n
    return n_event


@compiled
def _follow(v, side, item, step, extremes, counts, events, n_event):
    """Carry a violation on, end it, or begin one; `step` beyond the last one ends it."""
    if counts[RUN_SIDE] not in (0, side):
        if n_event < len(events):
            event = events[n_event]
            event[0], event[1], event[2] = item, step - counts[RUN_LENGTH], counts[RUN_LENGTH]
            event[3], event[4] = counts[RUN_SIDE], extremes[RUN_WORST]
        n_event += 1
        counts[RUN_SIDE], counts[RUN_LENGTH] = 0, 0
    if side != 0:
        if counts[RUN_SIDE] == 0 or side * (v - extremes[RUN_WORST]) > 0.0:
            extremes[RUN_WORST] = v
        counts[RUN_SIDE] = side
        counts[RUN_LENGTH] += 1
        counts[ABOVE if side > 0 else BELOW] += 1
        counts[LONGEST] = max(counts[LONGEST], counts[RUN_LENGTH])
    return n_event


@compiled
def close_runs(step, extremes, counts, events, n_event):
    """End the violations that last to the end of the series, which is before `step`."""
    for item in range(len(counts)):
        n_event = _follow(np.nan, 0, item, step, extremes[item], counts[item], events, n_event)
    return n_event


@compiled
def _coarsen(histogram):
    """Merge bins in pairs, which doubles the range."""
    half = len(histogram) // 2
    for i in range(half):
        histogram[i] = histogram[2 * i] + histogram[2 * i + 1]
    for i in range(half, len(histogram)):
        histogram[i] = 0


@compiled
def _keep(values, n_step, record, item):
    if record.shape[0] > 0:
        for s in range(n_step):
            record[item, s] = values[s]
