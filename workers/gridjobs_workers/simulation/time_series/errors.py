"""Why a way of computing time series cannot be used."""


class NotApplicable(Exception):
    """The iterative-current method does not fit this network; Newton's method may."""
