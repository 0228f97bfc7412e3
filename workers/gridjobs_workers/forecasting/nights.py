"""When there is nothing to forecast: the sun is down."""

import numpy as np

from gridjobs_workers.forecasting.clock import Bools
from gridjobs_workers.forecasting.features import Known, Table

NIGHT = -0.03  # sine of the sun's elevation: below it no light is left to make power of
STILL = 1e-3  # standard units


def awake(known: Known, table: Table) -> Bools:
    """Whether there is anything to forecast, shape (n,): always, but for the sun, whose nights are dark.

    A night is dark when the sun is down, or without a place when nobody knows better, and the last seven days had
    one and the same value at this time of day.
    """
    if not known.solar:
        return np.ones(len(table.x), np.bool_)
    same = ~(table["day7_max"] - table["day7_min"] > STILL)
    return ~(same & (table["sun"] < NIGHT)) if "sun" in table else ~(same & np.isfinite(table["day7_mean"]))
