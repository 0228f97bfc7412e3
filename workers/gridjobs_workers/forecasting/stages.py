"""How far ahead, and from where: stages of the horizon and the forecast origins that training pretends."""

from dataclasses import dataclass
from math import gcd

import numpy as np

from gridjobs_workers.forecasting.clock import DAY_S, HOUR_S, Ints

SHORT_S = 6 * HOUR_S  # up to here what the last intervals did says more than the time of issue
DAYS = ((1, 1), (2, 2), (3, 4), (5, 7), (8, 14))
LONGEST_DAYS = 14


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the horizon that one model serves.

    Attributes:
        first_day: First day ahead, counted from 1.
        last_day: Last day ahead; its day lags start here.
    """

    first_day: int
    last_day: int


@dataclass(frozen=True, slots=True)
class Issue:
    """When forecasts are issued.

    Attributes:
        per_day: Intervals a day.
        phase: Position of a forecast origin; others follow every day. None for a short horizon, issued at any time.
        tile: Intervals from one origin to the next when the horizon is short.
    """

    per_day: int
    phase: int | None
    tile: int = 0


def issue_for(origin: int, horizon: int, per_day: int) -> Issue:
    """Short horizons are issued at any time, longer ones once a day at the time of the first."""
    if per_day > 1 and horizon * DAY_S <= SHORT_S * per_day:
        return Issue(per_day, None, tile_for(max(1, horizon), per_day))
    return Issue(per_day, origin % per_day)


def tile_for(horizon: int, per_day: int) -> int:
    """Least length from the horizon on that shares no factor with a day, so that origins wander through the day."""
    return next(tile for tile in range(horizon, horizon + per_day + 1) if gcd(tile, per_day) == 1)


def stages_for(horizon: int, per_day: int) -> list[Stage]:
    """The stages that a horizon of so many intervals needs."""
    days = -(-horizon // per_day)
    return [Stage(first, last) for first, last in DAYS if first <= days]


def training_origins(targets: Ints, stage: Stage, issue: Issue) -> Ints:
    """A past forecast origin for each target, shape (n,): the first unknown position at that issue.

    A stage of several days takes its days in turn, so that each lead is seen on every day of the week.
    """
    if issue.phase is None:
        return targets - targets % issue.tile
    day = (targets - issue.phase) // issue.per_day
    days = stage.last_day - stage.first_day + 1
    ahead = stage.first_day - 1 + (day * 5 + day // 7) % days
    return issue.phase + (day - ahead) * issue.per_day


def forecast_origins(targets: Ints, origin: int, issue: Issue, last_day: int) -> tuple[Ints, Ints]:
    """The origin that each target's features are made from, and the day ahead that it counts as, each shape (n,).

    A forecast issued at another time of day than the model was trained for counts from the last usual issue; where
    its horizon reaches past the model's last day, from the next one, of which a part is then unknown.
    """
    if issue.phase is None:
        return np.full(targets.shape, origin), np.ones(targets.shape, np.int64)
    usual = issue.phase + (origin - issue.phase) // issue.per_day * issue.per_day
    day = (targets - usual) // issue.per_day + 1
    counted = np.minimum(day, last_day)
    return usual + (day - counted) * issue.per_day, counted
