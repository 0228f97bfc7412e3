"""What a quantity did over all steps, kept in bounded memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Floats, Ints
from gridjobs_workers.simulation.time_series import watch_kernel as kernel

HISTOGRAM_BYTES = 64 * 2**20
MOST_BINS = 4096
MOST_EVENTS = 100_000


@dataclass(frozen=True, slots=True)
class Violation:
    """An item outside a limit without a break."""

    item: int
    first_step: int
    n_steps: int
    above: bool
    worst: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """Summary of one quantity of many items (buses or branches), shape (n_item,) unless said otherwise.

    Attributes:
        lowest: Least value; NaN where no step was solved.
        highest: Greatest value.
        mean: Mean value.
        lowest_step: Step of the least value.
        highest_step: Step of the greatest value.
        levels: Levels of the percentiles [%], shape (n_level,).
        percentiles: Shape (n_level, n_item); exact to `resolution`.
        resolution: Width of the histogram bins behind the percentiles.
        steps_below: Steps below the lower limit.
        steps_above: Steps above the upper limit.
        longest: Most consecutive steps outside a limit.
        violations: Each violation, the first `MOST_EVENTS` of them in no particular order.
        n_violations: How many there were.
    """

    lowest: Floats
    highest: Floats
    mean: Floats
    lowest_step: Ints
    highest_step: Ints
    levels: Floats
    percentiles: Floats
    resolution: Floats
    steps_below: Ints
    steps_above: Ints
    longest: Ints
    violations: tuple[Violation, ...]
    n_violations: int


class Watch:
    """Running statistics of one quantity of `n_item` items."""

    def __init__(self, n_item: int, origin: float, span: float) -> None:
        n_bin = 1024
        while n_bin < MOST_BINS and 2 * n_bin * n_item * 4 <= HISTOGRAM_BYTES:
            n_bin *= 2
        self.origin = origin
        self.width: Floats = np.full(n_item, span / n_bin)
        self.histogram: NDArray[np.uint32] = np.zeros((n_item, n_bin), dtype=np.uint32)
        self.extremes: Floats = np.zeros((n_item, 4))
        self.extremes[:, kernel.LOWEST], self.extremes[:, kernel.HIGHEST] = np.inf, -np.inf
        self.counts: Ints = np.zeros((n_item, 8), dtype=np.intp)
        self.events: Floats = np.empty((MOST_EVENTS, 5))
        self.n_event = 0

    @property
    def state(self) -> tuple[object, ...]:
        """Arrays in the order the kernels take them."""
        return (
            self.origin,
            self.width,
            self.histogram,
            self.extremes,
            self.counts,
            self.events,
            self.n_event,
        )

    def summary(self, n_steps: int, levels: Floats) -> Statistics:
        """Close open violations and sum up."""
        self.n_event = kernel.close_runs(n_steps, self.extremes, self.counts, self.events, self.n_event)
        n = self.counts[:, kernel.N]
        seen = n > 0
        lowest, highest = (
            np.where(seen, self.extremes[:, c], np.nan) for c in (kernel.LOWEST, kernel.HIGHEST)
        )
        return Statistics(
            lowest=lowest,
            highest=highest,
            mean=np.where(seen, self.extremes[:, kernel.TOTAL] / np.maximum(n, 1), np.nan),
            lowest_step=self.counts[:, kernel.LOWEST_STEP],
            highest_step=self.counts[:, kernel.HIGHEST_STEP],
            levels=levels,
            percentiles=np.clip(self._percentiles(levels), lowest, highest),
            resolution=self.width,
            steps_below=self.counts[:, kernel.BELOW],
            steps_above=self.counts[:, kernel.ABOVE],
            longest=self.counts[:, kernel.LONGEST],
            violations=tuple(
                Violation(int(i), int(first), int(length), side > 0, float(worst))
                for i, first, length, side, worst in self.events[: min(self.n_event, MOST_EVENTS)]
            ),
            n_violations=self.n_event,
        )

    def _percentiles(self, levels: Floats) -> Floats:
        """Shape (n_level, n_item), levels in any order."""
        order, values = np.argsort(levels), np.empty((len(levels), len(self.histogram)))
        kernel.percentiles(self.histogram, self.origin, self.width, levels[order], values)
        return values[np.argsort(order)]
