"""What the calendar says of an interval: time of day, weekday, season, public holidays."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import holidays
import numpy as np

from gridjobs_workers.forecasting.clock import DAY_S, Bools, Floats, Ints
from gridjobs_workers.forecasting.errors import UnknownCountry

EPOCH = date(1970, 1, 1)
DAYS_PER_YEAR = 365.2425


@dataclass(frozen=True, slots=True)
class Calendar:
    """Whose public holidays count.

    Attributes:
        country: ISO 3166-1 alpha-2 code, or None for no public holidays.
        subdivision: ISO 3166-2 code of a state or region, without the country.
        extra: More days that people do not work, e.g. a plant's shutdown.
    """

    country: str | None = None
    subdivision: str | None = None
    extra: tuple[date, ...] = ()

    def check(self) -> None:
        """Refuse a country or subdivision whose holidays nobody knows.

        Raises:
            UnknownCountry: There is no calendar of this name.
        """
        if self.country:
            public_holidays(self.country, self.subdivision, 2000)

    def is_holiday(self, days: Ints) -> Bools:
        """Whether each day [days since 1970-01-01, local] is a holiday, same shape."""
        if days.size == 0:
            return np.zeros(days.shape, np.bool_)
        found = {(day - EPOCH).days for day in self.extra}
        if self.country:
            for year in range(year_of(int(days.min())), year_of(int(days.max())) + 1):
                found |= public_holidays(self.country, self.subdivision, year)
        return np.isin(days, np.fromiter(found, np.int64, len(found)))


def year_of(day: int) -> int:
    """The year that a day since 1970-01-01 lies in."""
    return date.fromordinal(EPOCH.toordinal() + day).year


@lru_cache(maxsize=512)
def public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[int]:
    """Public holidays of a year, in days since 1970-01-01.

    Raises:
        UnknownCountry: There is no calendar of this name.
    """
    try:
        listed: Iterable[date] = holidays.country_holidays(country, subdiv=subdivision, years=year)
    except (NotImplementedError, KeyError):
        name = country if subdivision is None else f"{country}-{subdivision}"
        raise UnknownCountry(f"no public holidays are known for {name}") from None
    return frozenset((day - EPOCH).days for day in listed)


def day_and_time(local_s: Ints) -> tuple[Ints, Floats]:
    """Local day [days since 1970-01-01] and time of day [0 to 1) of wall-clock seconds, each of their shape."""
    day = local_s // DAY_S
    return day, (local_s - day * DAY_S) / DAY_S


def weekday(day: Ints) -> Ints:
    """Day of the week, 0 for Monday, of days since 1970-01-01 (a Thursday)."""
    return (day + 3) % 7
