"""Where a short forecast starts from: what the last interval says, mixed with yesterday's and last week's shape.

Trees split; they cannot add a change to the last value. For a short horizon they therefore learn what is left after
a small regression on persistence forecasts. A longer horizon needs none of it.
"""

import numpy as np

from gridjobs_workers.forecasting.clock import Floats
from gridjobs_workers.forecasting.features import Table
from gridjobs_workers.forecasting.lags import first_known

RIDGE = 1e-3  # of the mean square of a standardised series


def fit(table: Table, y: Floats) -> Floats:
    """Weights of the persistence forecasts, and of them times the lead, by least squares, shape (10,) or (0,)."""
    z = persistences(table)
    weights: Floats = np.linalg.solve(z.T @ z + RIDGE * len(y) * np.eye(z.shape[1]), z.T @ y).astype(
        np.float64
    )
    return weights


def apply(weights: Floats, table: Table) -> Floats:
    """The start of each row's forecast, shape (n_row,); zero for a longer horizon."""
    start: Floats = persistences(table) @ weights
    return start


def persistences(table: Table) -> Floats:
    """Last value; yesterday and last week, with and without today's difference; each also times the lead.

    Shape (n_row, 10), or (n_row, 0) where the table does not look at the very last intervals.
    """
    if "last" not in table:
        return np.zeros((len(table.x), 0))
    zero = np.zeros(len(table.x))
    last = first_known([table["last"], table["last_hour"], table["last_day"], table["last_week"], zero])
    shapes = [
        table["lag_near"] + table["last_off_day"],
        table["lag_week"] + table["shift_hour"],
        table["lag_near"],
        table["lag_week"],
    ]
    z = np.column_stack([last, *(first_known([shape, last]) for shape in shapes)])
    return np.column_stack([z, z * table["lead"][:, None]])
