"""Bring numbers of any magnitude to the order of one, and back."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.forecasting.clock import Floats


@dataclass(frozen=True, slots=True)
class Scale:
    """An affine map: standard = (value − centre) / spread."""

    centre: float
    spread: float

    @classmethod
    def of(cls, values: Floats) -> "Scale":
        """The scale of a series by its median and its central 90 %, so that spikes do not set it."""
        known = values[np.isfinite(values)]
        low, centre, high = np.quantile(known, [0.05, 0.5, 0.95])
        spread = (high - low) / 3.29  # of a normal distribution: its standard deviation
        most = np.abs(known).max()
        if spread <= 1e-9 * most:
            spread = known.std()
        if spread <= 1e-12 * most:  # constant but for rounding: any scale will do
            spread = most or 1.0
        return cls(float(centre), float(spread))

    def to_standard(self, values: Floats) -> Floats:
        """Values in units of the spread from the centre, same shape."""
        return (values - self.centre) / self.spread

    def from_standard(self, standard: Floats) -> Floats:
        """The inverse of `to_standard`, same shape."""
        return standard * self.spread + self.centre
