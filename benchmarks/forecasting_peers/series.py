"""The real series, read in place, and the sampled segments on which everybody is compared."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gridjobs_workers.forecasting.calendar import Calendar
from gridjobs_workers.forecasting.clock import DAY_S, zone_of
from gridjobs_workers.forecasting.covariates import Covariate, kind_of, on_clock
from gridjobs_workers.forecasting.features import Known
from gridjobs_workers.forecasting.model import Limits
from gridjobs_workers.forecasting.points import Points
from gridjobs_workers.forecasting.prepare import Site
from gridjobs_workers.forecasting.repairs import Repairs
from gridjobs_workers.forecasting.series import regularise

SEED = 20260115
OPENSTEF_COLUMNS = {
    "temp": "temperature",
    "humidity": "relative_humidity",
    "APX": "day_ahead_electricity_price",
    "wind": "windspeed",
}
GEFCOM_ZONES = (1, 9)  # a city's load, and an industrial customer's, the hardest of the twenty


@dataclass(frozen=True)
class Case:
    """One series with its weather and its test window."""

    name: str
    load: pd.Series
    weather: pd.DataFrame
    site: Site
    test_from: str
    test_until: str
    refit_days: int
    family: str  # "openstef", "gefcom2012", "entsoe" or "wpd"
    limits: Limits = (None, None)

    @property
    def step_s(self) -> int:
        return int((self.load.index[1] - self.load.index[0]).total_seconds())

    def known(self, *, weather: bool) -> Known:
        """What the core takes; the weather is what happened, as everybody's is."""
        repairs = Repairs(duplicates="first")
        regular, _ = regularise(Points.of_frame(self.load), self.step_s, self.site.zone, repairs)
        columns = list(self.weather) if weather else []
        covariates = [Covariate(c, Points.of_frame(self.weather[c]), kind_of(c)) for c in columns]
        n = len(regular.values)
        lines = {c.name: on_clock(c, regular.clock, n)[0] for c in covariates}
        kinds = {c.name: c.kind for c in covariates}
        solar = self.site.kind == "solar"
        return Known(regular.clock, regular.values, lines, kinds, self.site.calendar, self.site.place, solar)

    def origins(self) -> pd.DatetimeIndex:
        """Every midnight UTC of the test window that has a day before its end."""
        return pd.date_range(self.test_from, self.test_until, freq="D", tz="UTC", inclusive="left")

    def segments(self) -> list[pd.DatetimeIndex]:
        """The origins from one fit to the next."""
        days = self.origins()
        return [days[i : i + self.refit_days] for i in range(0, len(days), self.refit_days)]

    def sample(self) -> list[pd.DatetimeIndex]:
        """Seeded segments for the peers that take long: 3 of a week, or 2 with 14 of their days."""
        rng = np.random.default_rng([SEED, *self.name.encode()])
        full = [s for s in self.segments() if len(s) >= min(self.refit_days, 14)]
        count, days = (3, 7) if self.refit_days <= 7 else (2, 14)
        chosen = sorted(rng.choice(len(full), min(count, len(full)), replace=False))
        return [
            full[i][np.sort(rng.choice(len(full[i]), min(days, len(full[i])), replace=False))] for i in chosen
        ]

    def fit_at(self, origin: pd.Timestamp) -> pd.Timestamp:
        """The beginning of the segment that an origin lies in."""
        return next(s[0] for s in self.segments() if s[0] <= origin <= s[-1])

    def openstef_frame(self) -> pd.DataFrame:
        """The same data under OpenSTEF's names."""
        names = {
            c: OPENSTEF_COLUMNS.get(c, "radiation" if kind_of(c) == "radiation" else c) for c in self.weather
        }
        frame = self.weather.rename(columns=names)
        frame.insert(0, "load", self.load)
        return frame

    def position(self, known: Known, at: pd.Timestamp) -> int:
        return int(known.clock.positions(int(at.timestamp())))

    @property
    def years(self) -> float:
        first = self.load.first_valid_index()
        return (pd.Timestamp(self.test_from, tz="UTC") - first).total_seconds() / DAY_S / 365


def cases(root: Path) -> Iterator[Case]:
    """Every series that is there: those of the manifest, and more of the same make where somebody put them."""
    for path in sorted((root / "openstef").glob("get_model_input_pid_*.csv")):
        yield openstef(path)
    if (root / "gefcom2012/Load_history.csv.zip").exists():
        yield from gefcom2012(root / "gefcom2012")
    if (root / "entsoe/de_2022.csv").exists():
        yield entsoe(root / "entsoe")
    for name, column in (("pv_train_set4", "pv_power_mw"), ("demand_train_set4", "demand_MW")):
        if (root / f"wpd/{name}.csv").exists():
            yield wpd(root / "wpd", name, column)


def openstef(path: Path) -> Case:
    frame = pd.read_csv(path, index_col=0, parse_dates=[0]).sort_index()
    frame = frame[~frame.index.duplicated()].asfreq("15min")
    names = [
        "temp",
        "radiation",
        "windspeed",
        "windspeed_100m",
        "humidity",
        "clouds",
        "pressure",
        "APX",
        "sjv_E1A",
        "sjv_E2A",
        "sjv_E3A",
    ]
    weather = frame[names].ffill(limit=8).bfill(limit=8)  # hourly weather; the first hours are missing
    site = Site(zone_of("Europe/Amsterdam"), Calendar("NL"), (52.1, 5.3))
    name = f"openstef {path.stem.rsplit('_', 1)[1]}"
    return Case(name, frame["load"], weather, site, "2020-12-18", "2021-01-27", 7, "openstef")


def gefcom2012(folder: Path) -> Iterator[Case]:
    load = wide_to_long(folder / "Load_history.csv.zip", "zone_id")
    temperature = wide_to_long(folder / "temperature_history.csv.zip", "station_id").mean(axis=1)
    for zone in GEFCOM_ZONES:
        series = load[zone].astype(float)["2005":]
        weather = pd.DataFrame({"temp": temperature.reindex(series.index)})
        site = Site(zone_of("UTC"), Calendar("US"))
        yield Case(f"gefcom zone {zone}", series, weather, site, "2007-09-01", "2008-06-15", 56, "gefcom2012")


def wide_to_long(path: Path, key: str) -> pd.DataFrame:
    frame = pd.read_csv(path, thousands=",").melt([key, "year", "month", "day"], var_name="hour")
    hour = frame["hour"].str[1:].astype(int) - 1
    frame["time"] = pd.to_datetime(frame[["year", "month", "day"]]) + pd.to_timedelta(hour, unit="h")
    return frame.pivot(index="time", columns=key, values="value").tz_localize("UTC").asfreq("1h")


def entsoe(folder: Path) -> Case:
    frame = pd.concat(
        pd.read_csv(folder / f"de_{y}.csv", parse_dates=["Time"], index_col=0) for y in (2021, 2022)
    )
    frame = frame[~frame.index.duplicated()].tz_localize("UTC").asfreq("1h")
    weather = frame[["Temperature", "Wind_speed"]].set_axis(["temp", "wind"], axis=1).interpolate(limit=3)
    site = Site(zone_of("UTC"), Calendar("DE"), (51.0, 10.0))
    return Case("german load", frame["Load"], weather, site, "2022-04-01", "2022-12-30", 56, "entsoe")


def wpd(folder: Path, name: str, column: str) -> Case:
    frame = pd.read_csv(folder / f"{name}.csv", parse_dates=["datetime"], index_col=0)
    series = frame[column].tz_localize("UTC").asfreq("30min")
    raw = pd.read_csv(folder / "weather_train_set4.csv", parse_dates=["datetime"], index_col=0)
    means = {
        "temp": raw.filter(like="temp_").mean(axis=1),
        "radiation": raw.filter(like="solar_").mean(axis=1),
    }
    weather = pd.DataFrame(means).tz_localize("UTC").resample("30min").interpolate(limit=1)
    solar = column == "pv_power_mw"
    site = Site(zone_of("Europe/London"), Calendar("GB", "ENG"), (50.4, -4.1), "solar" if solar else "demand")
    limits = (0.0, None) if solar else (None, None)
    title = "wpd pv" if solar else "wpd demand"
    return Case(
        title, series, weather.reindex(series.index), site, "2019-07-01", "2020-02-29", 56, "wpd", limits
    )
