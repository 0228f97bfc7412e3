"""Why a forecast is refused: one class a reason, each with the code that the caller sees."""

from typing import ClassVar


class ForecastError(Exception):
    """A forecast that cannot be made from what was given."""

    code: ClassVar[str] = "forecast_refused"


class UnknownZone(ForecastError):
    """The time zone is neither an IANA name nor a fixed offset such as +01:00."""

    code = "unknown_time_zone"


class MissingOffset(ForecastError):
    """Time stamps without an offset: sorted local stamps lose the autumn hour, so we do not guess."""

    code = "offset_missing"


class InvalidResolution(ForecastError):
    """The resolution is not one that a day is made of, or lies outside 5 minutes to 1 day."""

    code = "invalid_resolution"


class InvalidHistory(ForecastError):
    """The history cannot be read as a series: lengths differ, nothing in it is a number, or an unrepaired fault."""

    code = "invalid_history"


class DuplicateTimes(InvalidHistory):
    """One instant has several different values, and the request does not say which one counts."""

    code = "duplicate_timestamps"


class WrongResolution(InvalidHistory):
    """The time stamps do not lie on the resolution asked for, and the request does not allow resampling."""

    code = "wrong_resolution"


class HistoryTooShort(ForecastError):
    """There is less usable history than the least demanding method needs: two days."""

    code = "history_too_short"


class StaleHistory(ForecastError):
    """The last value lies too far before the forecast origin to say anything about the horizon."""

    code = "stale_history"


class InvalidHorizon(ForecastError):
    """The horizon is not between one interval and 14 days."""

    code = "invalid_horizon"


class InvalidQuantiles(ForecastError):
    """A quantile level outside 0.001 to 0.999, or none at all."""

    code = "invalid_quantiles"


class InvalidLimits(ForecastError):
    """The lower physical limit is not below the upper one, or is not a number."""

    code = "invalid_limits"


class MissingCovariates(ForecastError):
    """A covariate does not cover the horizon or the history, and the request does not allow going without it."""

    code = "covariates_missing"


class UnknownCountry(ForecastError):
    """No calendar of public holidays is known for this country or subdivision."""

    code = "unknown_country"


class IncompatibleModel(ForecastError):
    """A stored model is of another resolution, other covariates, a shorter horizon or another format."""

    code = "incompatible_model"
