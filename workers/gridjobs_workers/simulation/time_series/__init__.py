"""Quasi-static time series."""

from gridjobs_workers.simulation.time_series.errors import NotApplicable
from gridjobs_workers.simulation.time_series.results import Chunk, SeriesOptions, SeriesSummary
from gridjobs_workers.simulation.time_series.series import InjectionSeries, InvalidProfiles, series_of
from gridjobs_workers.simulation.time_series.study import run_series
from gridjobs_workers.simulation.time_series.watch import Statistics, Violation

__all__ = [
    "Chunk",
    "InjectionSeries",
    "InvalidProfiles",
    "NotApplicable",
    "SeriesOptions",
    "SeriesSummary",
    "Statistics",
    "Violation",
    "run_series",
    "series_of",
]
