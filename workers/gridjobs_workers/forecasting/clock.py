"""Evenly spaced intervals in absolute time or, above one hour, on the wall clock of a time zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from gridjobs_workers.forecasting.errors import InvalidResolution, UnknownZone

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DAY_S = 86_400
HOUR_S = 3_600


def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name ("Europe/Berlin") or of a fixed offset ("+01:00").

    Raises:
        UnknownZone: It is neither.
    """
    if name[:1] in "+-" and name[1:]:
        try:
            return datetime.strptime(name, "%z").tzinfo or UTC
        except ValueError:
            raise UnknownZone(f"{name!r} is no offset such as +01:00") from None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownZone(f"{name!r} is no time zone of the IANA data base") from None


def zone_name(zone: tzinfo) -> str:
    """The name that `zone_of` reads back."""
    if isinstance(zone, ZoneInfo):
        return str(zone.key)
    if isinstance(zone, timezone):
        minutes = int(zone.utcoffset(None) / timedelta(minutes=1))
        return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    raise UnknownZone(f"{zone!r} has no name")


def check_resolution(step_s: int) -> None:
    """Refuse a resolution that is not 5 minutes to 1 day, whole minutes, and a whole part of a day.

    Raises:
        InvalidResolution: It is none of these.
    """
    if not 300 <= step_s <= DAY_S or step_s % 60 or DAY_S % step_s:
        raise InvalidResolution(f"{step_s} s: 5 minutes to 1 day, and a whole number of them a day")


@dataclass(frozen=True, slots=True)
class Clock:
    """Interval beginnings, numbered: position p begins at `origin_s` + p · `step_s`.

    Up to one hour that is absolute time, so that the day of the time change has 23 or 25 hours. Longer intervals
    are days or parts of a day on the wall clock (`wall`), so that a day starts at midnight all the year.

    Attributes:
        origin_s: Position 0, in seconds since 1970-01-01: UTC, or local wall time when `wall`.
        step_s: Resolution [s].
        zone: The time zone of the calendar.
        wall: Whether intervals are even on the wall clock instead of in absolute time.
    """

    origin_s: int
    step_s: int
    zone: tzinfo
    wall: bool = False

    @property
    def per_day(self) -> int:
        """Intervals in a day of 24 hours."""
        return DAY_S // self.step_s

    def instants(self, positions: ArrayLike) -> Ints:
        """Beginnings of intervals [s since 1970 UTC], same shape as the positions."""
        own = self.origin_s + np.asarray(positions, np.int64) * self.step_s
        return to_utc(own, self.zone) if self.wall else own

    def local(self, positions: ArrayLike) -> Ints:
        """Beginnings of intervals on the local wall clock [s since 1970-01-01 00:00 local], same shape."""
        own = self.origin_s + np.asarray(positions, np.int64) * self.step_s
        return own if self.wall else to_local(own, self.zone)

    def positions(self, instants_s: ArrayLike) -> Floats:
        """Positions of instants [s since 1970 UTC]; a whole number where an instant is the beginning of one."""
        utc = np.asarray(instants_s, np.int64)
        own = to_local(utc, self.zone) if self.wall else utc
        return (own - self.origin_s) / self.step_s

    def moved(self, intervals: int) -> "Clock":
        """The same clock, numbered from another interval."""
        return Clock(self.origin_s + intervals * self.step_s, self.step_s, self.zone, self.wall)


def to_local(utc_s: Ints, zone: tzinfo) -> Ints:
    """Wall clock [s since 1970-01-01 00:00 local] of instants [s since 1970 UTC]."""
    if zone is UTC:
        return utc_s
    stamps = pd.DatetimeIndex(utc_s.ravel().astype("datetime64[s]")).tz_localize(UTC)
    local = stamps.tz_convert(zone).tz_localize(None).as_unit("s")
    return local.asi8.reshape(utc_s.shape)


def to_utc(local_s: Ints, zone: tzinfo) -> Ints:
    """Instants of wall-clock times: the first of two in autumn, the next that exists in spring."""
    stamps = pd.DatetimeIndex(local_s.ravel().astype("datetime64[s]"))
    first = np.ones(len(stamps), np.bool_)
    known = stamps.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return known.tz_convert(UTC).tz_localize(None).as_unit("s").asi8.reshape(local_s.shape)
