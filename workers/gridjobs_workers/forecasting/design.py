"""The columns of the linear part: features, and the products that bend daily shapes with weather, weekday and level."""

from collections.abc import Iterator

import numpy as np

from gridjobs_workers.forecasting.clock import Floats
from gridjobs_workers.forecasting.features import Table

HARMONICS = 5
LONG_DAYS = 180  # a history that has seen heating and cooling, so that their bends can be told apart
NOT_LINEAR = ("time_of_day", "weekday", "time_sin1", "time_cos1", "time_sin2", "time_cos2")

Knots = dict[str, Floats]


def linear_design(table: Table, knots: Knots) -> Floats:
    """Design of the linear quantile regression, shape (n_row, n_column).

    Args:
        table: The features.
        knots: Where the response to a temperature may bend, by feature name; see `find_knots`.
    """
    columns = [table.x[:, i] for i, name in enumerate(table.names) if name not in NOT_LINEAR]
    columns += [*shapes(table, knots), *weekdays(table), *sunshine(table), *fading(table)]
    columns += [np.maximum(table[name] - knot, 0.0) for name, at in knots.items() for knot in at]
    return np.column_stack(columns)


def find_knots(table: Table, days: float) -> Knots:
    """Knots at quantiles of the temperatures; a long history also bends by the temperature of the last 24 hours."""
    names = [name for name in table.names if is_temperature(name)]
    if days >= LONG_DAYS:
        names += [f"{name}:24h" for name in names]
    known = [name for name in names if np.isfinite(table[name]).any()]
    return {name: np.nanquantile(table[name], [0.1, 0.3, 0.5, 0.7, 0.9]) for name in known}


def is_temperature(name: str) -> bool:
    """Whether a feature is a temperature itself, not something derived from one."""
    return name.startswith("temperature:") and name.count(":") == 1


def shapes(table: Table, knots: Knots) -> Iterator[Floats]:
    """Harmonics of the time of day, times what makes one day's shape differ from another's."""
    time = table["time_of_day"]
    for k in range(1, HARMONICS + 1):
        bends = list(day_shapers(table, knots, k))
        for wave in (np.sin(2 * np.pi * k * time), np.cos(2 * np.pi * k * time)):
            yield wave
            for bend in bends:
                yield wave * bend


def day_shapers(table: Table, knots: Knots, harmonic: int) -> Iterator[Floats]:
    """What bends the daily shape: fewer and fewer things the finer the harmonic."""
    yield table["weekend"]
    yield table["holiday"]
    temperatures = [name for name in table.names if is_temperature(name)]
    for name in temperatures:
        yield table[name]
        if harmonic <= 3 and f"{name}:24h" in knots:
            for knot in knots[name][[1, 3]]:
                yield np.maximum(table[name] - knot, 0.0)
    if harmonic <= 2:
        for name in table.names:
            if name.startswith("radiation:") and name.count(":") == 1:
                yield table[name]
        yield table["shift"]
        yield table["last_day"]
        yield table["last_hour"] - table["last_day"]


def weekdays(table: Table) -> Iterator[Floats]:
    """Weekdays, and on which of them yesterday or the same day last week says less."""
    for day in range(6):
        yield (table["weekday"] == day).astype(float)
    odd = [(table["weekday"] == day).astype(float) for day in (0, 5, 6)]
    for these in (*odd, table["holiday"]):
        for lag in ("lag_near", "lag_week"):
            yield these * table[lag]


def sunshine(table: Table) -> Iterator[Floats]:
    """How the sun's height scales recent days, and how radiation acts by season and temperature."""
    if "sun" not in table:
        return
    sun = np.maximum(table["sun"], 0.0)
    yield sun
    yield (sun > 0).astype(float)
    for name in ("last_day", "lag_near", "day7_mean"):
        yield sun * table[name]
    for name in table.names:
        if name.startswith("radiation:") and name.count(":") == 1:
            yield table[name] ** 2
            yield table[name] * table["season_cos"]
            yield table[name] * sun


def fading(table: Table) -> Iterator[Floats]:
    """How what happened last fades with the lead."""
    if "last" in table:
        for name in ("last", "last_change", "last_change_hour", "last_off_day", "shift_near", "lag_near"):
            yield table["lead"] * table[name]
