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
    v_re, v_im, bus_of, start, n_step, whole, lower, upper, origin, width, histogram, extremes, counts,
    events, n_event, step_low, step_high, record,
):  # fmt: skip
    """Watch |V| of every bus over one chunk; returns the number of events found so far.

    Args:
        v_re, v_im: Voltages, shape (n_block, n_row, LANES); NaN where unsolved.
        bus_of: Bus of each row, shape (n_row,); row by row is how memory is read fastest.
        start, n_step: First step and number of steps.
        whole: Whether every lane is a solved step.
        lower, upper, ..., n_event: See `_watch_steps`.
        step_low, step_high: Least and greatest value of all items at each step, shape (n_step,); updated.
        record: Shape (n_bus, n_step) to be filled, or (0, 0).
    """
    values, bins = np.empty(v_re.shape[0] * LANES), np.empty(v_re.shape[0] * LANES, dtype=np.int32)
    for row in range(len(bus_of)):
        bus = bus_of[row]
        for block in range(v_re.shape[0]):
            for k in range(LANES):
                a, b = v_re[block, row, k], v_im[block, row, k]
                values[block * LANES + k] = np.sqrt(a * a + b * b)
        n_event = _watch(
            values, bins, bus, start, n_step, whole, lower[bus], upper[bus], origin, width, histogram[bus],
            extremes[bus], counts[bus], events, n_event, step_low, step_high,
        )  # fmt: skip
        _keep(values, n_step, record, bus)
    return n_event


@compiled
def watch_branches(
    v_re, v_im, order, from_row, to_row, y_re, y_im, per_limit, start, n_step, whole, upper, origin, width,
    histogram, extremes, counts, events, n_event, step_low, step_high, step_losses, losses, record,
):  # fmt: skip
    """Watch the loading of every branch, the greater of |I| / limit at its two ends, over one chunk.

    Args:
        order: Branches in the order of their rows, which is how memory is read fastest, shape (n_branch,).
        from_row, to_row: Rows of the branches' ends.
        y_re, y_im: y_ff, y_ft, y_tf, y_tt of each branch, shape (4, n_branch).
        per_limit: 1 / limit at the from and the to end [1/p.u.], shape (2, n_branch).
        step_losses: Active losses of all branches at each step [p.u.], shape (n_block * LANES,); added to.
        losses: Active losses of each branch summed over steps [p.u.], shape (n_branch,); added to.
        v_re ... record: As in `watch_nodes`.
    """
    values, bins = np.empty(v_re.shape[0] * LANES), np.empty(v_re.shape[0] * LANES, dtype=np.int32)
    lost = np.empty(LANES)
    for branch in order:
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
            values, bins, branch, start, n_step, whole, -np.inf, upper[branch], origin, width, histogram[branch],
            extremes[branch], counts[branch], events, n_event, step_low, step_high,
        )  # fmt: skip
        losses[branch] += lost.sum()
        _keep(values, n_step, record, branch)
    return n_event


@compiled
def _watch(
    values, bins, item, start, n_step, whole, lower, upper, origin, width, histogram, extremes, counts, events,
    n_event, step_low, step_high,
):  # fmt: skip
    """Update one item's statistics, at once where nothing is unsolved or beyond a limit, else step by step."""
    if whole:
        low, high = _extremes(values)
        if low >= lower and high <= upper and counts[RUN_SIDE] == 0:
            _watch_at_once(
                values,
                bins,
                item,
                start,
                low,
                high,
                origin,
                width,
                histogram,
                extremes,
                counts,
                step_low,
                step_high,
            )
            return n_event
    return _watch_steps(
        values, item, start, n_step, lower, upper, origin, width, histogram, extremes, counts, events, n_event,
        step_low, step_high,
    )  # fmt: skip


@compiled
def _extremes(values):
    """Least and greatest value, lane by lane so that it is vector arithmetic."""
    low, high = np.full(LANES, np.inf), np.full(LANES, -np.inf)
    for block in range(len(values) // LANES):
        for k in range(LANES):
            v = values[block * LANES + k]
            low[k] = v if v < low[k] else low[k]
            high[k] = v if v > high[k] else high[k]
    return low.min(), high.max()


@compiled
def _watch_at_once(
    values, bins, item, start, low, high, origin, width, histogram, extremes, counts, step_low, step_high
):
    """`_watch_steps` for values between `low` and `high`, all of them solved and within limits."""
    n_bin, n, total = len(histogram), len(values), 0.0
    while (high - origin) / width[item] >= n_bin:
        _coarsen(histogram)
        width[item] *= 2.0
    per_bin = 1.0 / width[item]
    for s in range(n):
        bins[s] = max(0, min(n_bin - 1, np.int32((values[s] - origin) * per_bin)))
        step_low[s] = values[s] if values[s] < step_low[s] else step_low[s]
        step_high[s] = values[s] if values[s] > step_high[s] else step_high[s]
    for s in range(n):
        histogram[bins[s]] += 1
        total += values[s]
    extremes[TOTAL] += total
    counts[N] += n
    if low < extremes[LOWEST]:
        extremes[LOWEST], counts[LOWEST_STEP] = low, start + np.argmin(values)
    if high > extremes[HIGHEST]:
        extremes[HIGHEST], counts[HIGHEST_STEP] = high, start + np.argmax(values)


@compiled
def _watch_steps(
    values, item, start, n_step, lower, upper, origin, width, histogram, extremes, counts, events, n_event,
    step_low, step_high,
):  # fmt: skip
    """Update one item's statistics step by step.

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


@compiled
def percentiles(histogram, origin, width, levels, out):
    """Percentiles with values spread evenly over their bins.

    Args:
        histogram: Shape (n_item, n_bin).
        origin: Where bins begin.
        width: Their width, shape (n_item,).
        levels: Ascending [%], shape (n_level,).
        out: Shape (n_level, n_item); written.
    """
    for item in range(len(histogram)):
        total = 0
        for b in range(histogram.shape[1]):
            total += histogram[item, b]
        b, below = 0, 0
        for number in range(len(levels)):
            wanted = levels[number] / 100.0 * total
            while b < histogram.shape[1] - 1 and below + histogram[item, b] < wanted:
                below += histogram[item, b]
                b += 1
            within = (wanted - below) / max(histogram[item, b], 1)
            out[number, item] = origin + width[item] * (b + within)
