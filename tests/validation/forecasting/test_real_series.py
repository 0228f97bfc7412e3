"""Short runs of the benchmark on real series: one fit and a few days each."""

import numpy as np
import pandas as pd
import pytest
from support.data import shared

from gridjobs_workers.forecasting import scores
from gridjobs_workers.forecasting.backtest import Plan, Rolled, roll
from gridjobs_workers.forecasting.calendar import Calendar
from gridjobs_workers.forecasting.clock import DAY_S, zone_of
from gridjobs_workers.forecasting.covariates import Covariate, kind_of, on_clock
from gridjobs_workers.forecasting.features import Known
from gridjobs_workers.forecasting.forecast import forecast
from gridjobs_workers.forecasting.points import Points
from gridjobs_workers.forecasting.prepare import Site, prepare
from gridjobs_workers.forecasting.repairs import Repairs
from gridjobs_workers.forecasting.series import regularise

DUTCH = Site(zone_of("Europe/Amsterdam"), Calendar("NL"), (52.1, 5.3))
GERMAN = Site(zone_of("UTC"), Calendar("DE"), (51.0, 10.0))


def openstef(job: int) -> tuple["pd.Series[float]", pd.DataFrame]:
    frame = pd.read_csv(
        shared("forecasting", "openstef", f"get_model_input_pid_{job}.csv"), index_col=0, parse_dates=[0]
    )
    return frame["load"], frame[["temp", "radiation", "windspeed"]].rename(columns={"radiation": "rad"})


def german() -> tuple["pd.Series[float]", pd.DataFrame]:
    files = [shared("forecasting", "entsoe", f"de_{year}.csv") for year in (2021, 2022)]
    frame = pd.concat(pd.read_csv(path, index_col=0, parse_dates=["Time"]) for path in files).tz_localize(
        "UTC"
    )
    return frame["Load"], frame[["Temperature", "Wind_speed"]]


def known_of(load: "pd.Series[float]", weather: pd.DataFrame, site: Site, step_s: int) -> Known:
    series, _ = regularise(Points.of_frame(load), step_s, site.zone, Repairs(duplicates="first"))
    covariates = [Covariate(name, Points.of_frame(weather[name]), kind_of(name)) for name in weather]
    lines = {c.name: on_clock(c, series.clock, len(series.values))[0] for c in covariates}
    return Known(
        series.clock, series.values, lines, {c.name: c.kind for c in covariates}, site.calendar, site.place
    )


def rolled(known: Known, first: str, days: int) -> Rolled:
    begin = int(known.clock.positions(int(pd.Timestamp(first, tz="UTC").timestamp())))
    per_day = known.clock.per_day
    return roll(known, Plan(begin + per_day * np.arange(days), per_day, days * DAY_S))


@pytest.mark.parametrize(
    ("job", "bound"),
    # Measured over the whole window: 0.66 and 0.46 of the weekly seasonal naive; a fortnight is noisier.
    [(287, 0.95), (435, 0.7)],
)
def test_eleven_weeks_of_a_dutch_feeder_beat_the_naive(job: int, bound: float) -> None:
    result = rolled(known_of(*openstef(job), DUTCH, 900), "2020-12-18", 14)
    assert ratio(result) < bound
    assert scores.picp(result.observed, result.quantiles, result.levels)[0.9] > 0.75
    assert scores.crossing_rate(result.quantiles) == 0.0


def test_a_year_of_the_german_load_beats_the_naive_by_half() -> None:
    result = rolled(known_of(*german(), GERMAN, 3600), "2022-05-27", 21)
    assert ratio(result) < 0.65
    assert 0.75 < scores.picp(result.observed, result.quantiles, result.levels)[0.9] < 0.99


def test_a_real_feeder_is_forecast_through_the_front_door() -> None:
    load, weather = openstef(287)
    issued = int(pd.Timestamp("2021-01-10 09:30", tz="UTC").timestamp())
    covariates = [Covariate(name, Points.of_frame(weather[name]), kind_of(name)) for name in weather]
    ready = prepare(Points.of_frame(load), DUTCH, 900, 6 * 3600, issue_time_s=issued, covariates=covariates)
    result = forecast(ready)
    observed = load.reindex(pd.to_datetime(result.instants_s, unit="s", utc=True)).to_numpy()
    assert result.method == "core"
    assert len(result.instants_s) == 24
    inside = (observed >= result.quantiles[:, 0]) & (observed <= result.quantiles[:, -1])
    assert inside.mean() > 0.6  # one quarter of one day, with a dip of the sun that the weather does not show


def ratio(result: Rolled) -> float:
    """Pinball loss over that of the weekly seasonal naive."""
    seen = np.isfinite(result.reference_quantiles).all(axis=1)
    ours = scores.pinball(result.observed[seen], result.quantiles[seen], result.levels).mean()
    naive = scores.pinball(result.observed[seen], result.reference_quantiles[seen], result.levels).mean()
    return float(ours / naive)
