"""Features of a target interval that are known at its forecast origin."""

from dataclasses import dataclass, field, replace

import numpy as np

from gridjobs_workers.forecasting.calendar import DAYS_PER_YEAR, Calendar, day_and_time, weekday
from gridjobs_workers.forecasting.clock import HOUR_S, Clock, Floats, Ints
from gridjobs_workers.forecasting.lags import (
    back,
    day_lag,
    first_known,
    gather,
    known_mean,
    known_spread,
    trailing_mean,
)
from gridjobs_workers.forecasting.sunshine import sine_of_elevation

LAG_DAYS = 7  # day lags in a row, from the first that is known
REACH_DAYS = 44  # oldest value any feature of day 1 looks at; a stage further ahead adds its own days


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of a series and its surroundings; position 0 of the clock is the first value.

    Attributes:
        clock: Numbers the intervals.
        values: The series, shape (n,), NaN where missing; later intervals are unknown.
        covariates: Known-future inputs by name, each shape (m,), m ≥ n, NaN where missing.
        kinds: "temperature", "radiation", "wind_speed" or "other" of each covariate.
        calendar: Whose holidays count.
        place: Latitude and longitude [°], or None.
        solar: Whether the series follows the sun rather than people's clocks.
    """

    clock: Clock
    values: Floats
    covariates: dict[str, Floats] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    calendar: Calendar = field(default_factory=Calendar)
    place: tuple[float, float] | None = None
    solar: bool = False

    def until(self, end: int) -> "Known":
        """The same as it was known at a position: later values of the series are cut off."""
        return replace(self, values=self.values[:end])

    def since(self, begin: int) -> "Known":
        """The same without what lies before a position, which becomes position 0."""
        rest = {name: series[begin:] for name, series in self.covariates.items()}
        return replace(self, clock=self.clock.moved(begin), values=self.values[begin:], covariates=rest)


@dataclass(frozen=True, slots=True)
class Table:
    """Named features: `names` of the columns of `x`, shape (n_row, n_feature), NaN where unknown."""

    names: tuple[str, ...]
    x: Floats

    def __getitem__(self, name: str) -> Floats:
        return self.x[:, self.names.index(name)]

    def __contains__(self, name: object) -> bool:
        return name in self.names


def build(known: Known, targets: Ints, origins: Ints, stage_day: int = 1, *, recent: bool = False) -> Table:
    """Features of target intervals as seen from forecast origins.

    Nothing at or after an origin is looked at, except the calendar and the covariates.

    Args:
        known: Series and surroundings.
        targets: Positions of the intervals to forecast, shape (n,).
        origins: Position of the first unknown interval for each, shape (n,), at most `stage_day` days before it.
        stage_day: Days ahead of the furthest target: day lags start here.
        recent: Whether to look at the very last intervals too, as short horizons need.
    """
    columns: dict[str, Floats] = {}
    columns |= calendar_features(known, targets)
    columns["lead"] = (targets - origins) / known.clock.per_day
    columns |= lag_features(known, targets, origins, stage_day)
    columns |= origin_features(known, origins)
    if recent:
        columns |= recent_features(known, origins)
    columns |= weather_features(known, targets)
    return Table(tuple(columns), np.column_stack(list(columns.values())))


def calendar_features(known: Known, targets: Ints) -> dict[str, Floats]:
    """Time of day, weekday, season, holidays and the sun's height."""
    instants = known.clock.instants(targets)
    day, time = day_and_time(instants if known.solar else known.clock.local(targets))
    season = 2 * np.pi * (day + 0.5 + 719_528) / DAYS_PER_YEAR  # from the year 0, so that it never jumps
    columns = {
        "time_of_day": time,
        "weekday": weekday(day).astype(float),
        "weekend": (weekday(day) >= 5).astype(float),
        "holiday": known.calendar.is_holiday(day).astype(float),
        "holiday_before": known.calendar.is_holiday(day - 1).astype(float),
        "holiday_after": known.calendar.is_holiday(day + 1).astype(float),
        "season_sin": np.sin(season),
        "season_cos": np.cos(season),
    }
    for k in (1, 2):
        columns[f"time_sin{k}"] = np.sin(2 * np.pi * k * time)
        columns[f"time_cos{k}"] = np.cos(2 * np.pi * k * time)
    if known.place is not None:
        middle = instants + known.clock.step_s // 2
        columns["sun"] = np.maximum(sine_of_elevation(middle, *known.place), -0.1)
    return columns


def lag_features(known: Known, targets: Ints, origins: Ints, stage_day: int) -> dict[str, Floats]:
    """The same time of day on earlier days, and what the last week and the last four weeks were like."""
    row = list(range(stage_day, stage_day + LAG_DAYS))
    weeks = [7 * k for k in range(-(-stage_day // 7), -(-stage_day // 7) + 6)]
    next_week = min(k for k in weeks if k > row[-1])
    days = {k: day_lag(known, targets, origins, k) for k in sorted({*row, *weeks, next_week, row[-1] + 7})}
    recent = np.column_stack([days[k] for k in row])
    weekly = np.column_stack([days[k] for k in weeks[:4]])
    columns = {"week4_mean": known_mean(weekly), "week4_std": known_spread(weekly)}
    columns |= {"day7_mean": known_mean(recent), "day7_min": lowest(recent), "day7_max": -lowest(-recent)}
    for place, k in enumerate((*row, next_week)):
        older = [days[w] for w in weeks if w > k]
        columns["lag_near" if place == 0 else f"lag_{place + 1}"] = first_known([days[k], *older])
    columns["lag_week"] = first_known([days[w] for w in weeks])
    return columns


def lowest(x: Floats) -> Floats:
    """The least known value of each row, shape (n,), NaN where none is known."""
    least = np.where(np.isnan(x), np.inf, x).min(axis=1)
    return np.where(np.isinf(least), np.nan, least)


def origin_features(known: Known, origins: Ints) -> dict[str, Floats]:
    """Levels just before the origin, how they differ from a week before, and how much of that may last."""
    at, row = np.unique(origins, return_inverse=True)
    per_day = known.clock.per_day
    hour = max(1, HOUR_S // known.clock.step_s)
    day = back(known.values, at, per_day)
    week = back(known.values, at, 7 * per_day)
    usual = back(known.values, at - 6 * per_day, per_day)
    last = known_mean(back(known.values, at, hour))
    same = known_mean(back(known.values, at - 7 * per_day, hour))
    columns = {
        "last_hour": last,
        "last_day": known_mean(day),
        "last_week": known_mean(week),
        "last_day_std": known_spread(day),
        "shift": known_mean(day) - known_mean(usual),
        "shift_hour": last - same,
    }
    return {name: column[row] for name, column in columns.items()}


def recent_features(known: Known, origins: Ints) -> dict[str, Floats]:
    """The last interval, where it is heading, and how the last hour differs from the day before."""
    at, row = np.unique(origins, return_inverse=True)
    per_day = known.clock.per_day
    hour = max(1, HOUR_S // known.clock.step_s)
    last = gather(known.values, at - 1)
    columns = {
        "last": last,
        "last_change": last - gather(known.values, at - 2),
        "last_change_hour": last - gather(known.values, at - 1 - hour),
        "last_off_day": last - gather(known.values, at - 1 - per_day),
        "shift_near": known_mean(back(known.values, at, hour))
        - known_mean(back(known.values, at - per_day, hour)),
    }
    return {name: column[row] for name, column in columns.items()}


def weather_features(known: Known, targets: Ints) -> dict[str, Floats]:
    """Covariates at the target, their last 24 hours, and their change since one and seven days; `kind:name:what`."""
    columns: dict[str, Floats] = {}
    per_day = known.clock.per_day
    for name, series in known.covariates.items():
        kind = known.kinds.get(name, "other")
        now = gather(series, targets)
        columns[f"{kind}:{name}"] = now
        if kind == "temperature":
            for hours in (24, 3):
                window = max(1, hours * HOUR_S // known.clock.step_s)
                columns[f"{kind}:{name}:{hours}h"] = gather(trailing_mean(series, window), targets)
            columns[f"{kind}:{name}:change7"] = now - gather(series, targets - 7 * per_day)
        if kind != "other":
            columns[f"{kind}:{name}:change1"] = now - gather(series, targets - per_day)
        if kind == "wind_speed":
            columns[f"{kind}:{name}:cubed"] = np.maximum(now, 0) ** 3
    return columns
