"""Forecasting beside its peers: rolling origin, day ahead at 00:00 UTC, on the test windows of the manifest.

The core forecasts every day of every window, with and without weather. The peers that take long (OpenSTEF, LightGBM
with one model a quantile) are compared on a seeded sample of segments: 3 weeks of OpenSTEF's own series, 2 segments
of 56 days with 14 of their days elsewhere; there, everybody fits at the same moment and forecasts the same days.
The weather is what happened, for everybody: an upper bound of what a weather forecast gives.
CPU seconds are those of one process with one thread.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before NumPy starts its threads

import lightgbm as lgb
import numpy as np
import pandas as pd
from forecasting_peers.environment import peer
from forecasting_peers.series import Case, cases

from gridjobs_workers.forecasting import backtest, features, model, scores
from gridjobs_workers.forecasting.clock import DAY_S
from gridjobs_workers.forecasting.covariates import Covariate, kind_of
from gridjobs_workers.forecasting.features import Known
from gridjobs_workers.forecasting.forecast import forecast
from gridjobs_workers.forecasting.points import Points
from gridjobs_workers.forecasting.prepare import prepare
from gridjobs_workers.forecasting.serialise import from_bytes, to_bytes
from gridjobs_workers.forecasting.stages import Issue, Stage, training_origins

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("GRIDJOBS_SHARED_DATA", ROOT.parent / "shared" / "data")) / "forecasting"
OUT = ROOT / "benchmarks" / "out" / "forecasting.json"
LEVELS = np.array(model.STANDARD_LEVELS)


@dataclass
class Row:
    """What was measured on one series; ratios are pinball losses over those of the weekly seasonal naive."""

    series: str
    family: str
    years: float
    core: float = np.nan
    core_without_weather: float = np.nan
    coverage_90: float = np.nan
    coverage_90_without_weather: float = np.nan
    calibration_error: float = np.nan
    crossing_rate: float = np.nan
    sample_days: int = 0
    sample_naive_loss: float = np.nan  # in the unit of the series
    sample_core: float = np.nan
    sample_lightgbm: float = np.nan
    sample_openstef: float = np.nan
    core_fit_cpu_s: float = np.nan
    lightgbm_fit_cpu_s: float = np.nan
    openstef_fit_cpu_s: float = np.nan
    openstef_forecast_ms: float = np.nan
    reuse_ms: float = np.nan
    note: str = field(default="")


def main() -> int:
    begun = time.monotonic()
    series = list(cases(DATA)) if DATA.exists() else []
    if not series:
        print(f"no series in {DATA}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        major, command = peer()
        process = start_openstef(series, Path(folder), command)
        try:
            rows = [measure(case) for case in series]
            process.wait()
        finally:
            process.kill()
        for i, (case, row) in enumerate(zip(series, rows, strict=True)):
            add_openstef(case, row, Path(folder) / f"{i}.out.csv")
            row.reuse_ms = reuse_ms(case)  # wall time: only now that nobody of ours runs beside
    goals = targets(rows)
    print_table(rows, goals, major)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"rows": [vars(row) for row in rows], "targets": goals}, indent=1))
    print(f"\n{time.monotonic() - begun:.0f} s; written to {OUT.relative_to(ROOT)}")
    return 0 if all(goal["holds"] for goal in goals) else 1


def measure(case: Case) -> Row:
    """The core on the whole window, and the core and LightGBM on the sample."""
    row = Row(case.name, case.family, round(case.years, 2))
    known = case.known(weather=True)
    overall, rolled = window(case, known)
    row.core = 1 - overall["skill"]
    row.coverage_90 = overall["picp"][0.9]
    row.calibration_error = overall["calibration_error"]
    row.crossing_rate = scores.crossing_rate(rolled.quantiles)
    bare, _ = window(case, case.known(weather=False))
    row.core_without_weather, row.coverage_90_without_weather = 1 - bare["skill"], bare["picp"][0.9]
    sample(case, known, row, rolled)
    print(f"{case.name}: {row.core:.3f} x naive", file=sys.stderr, flush=True)
    return row


def window(case: Case, known: Known) -> tuple[dict[str, Any], backtest.Rolled]:
    """Scores and forecasts of every day of the window."""
    positions = np.array([case.position(known, at) for at in case.origins()])
    plan = backtest.Plan(positions, known.clock.per_day, case.refit_days * DAY_S)
    rolled = backtest.roll(known, plan, LEVELS, case.limits)
    overall: dict[str, Any] = backtest.report(rolled)["overall"]
    return overall, rolled


def sample(case: Case, known: Known, row: Row, rolled: backtest.Rolled) -> None:
    """Losses and CPU seconds on the sampled segments."""
    days = pd.DatetimeIndex(np.concatenate([s.to_numpy() for s in case.sample()]), tz="UTC")
    row.sample_days = len(days)
    inside = in_days(rolled.instants_s, days)
    reference = mean_loss(rolled.observed[inside], rolled.reference_quantiles[inside])
    row.sample_naive_loss = reference
    row.sample_core = mean_loss(rolled.observed[inside], rolled.quantiles[inside]) / reference
    losses, fit_core, fit_lightgbm = [], [], []
    for segment in case.sample():
        at = case.position(known, case.fit_at(segment[0]))
        begun = time.process_time()
        model.fit(known.until(at), at, known.clock.per_day, LEVELS, case.limits)
        fit_core.append(time.process_time() - begun)
        begun = time.process_time()
        boosters = fit_lightgbm_per_quantile(known, at)
        fit_lightgbm.append(time.process_time() - begun)
        losses += [lightgbm_loss(case, known, boosters, case.position(known, origin)) for origin in segment]
    row.sample_lightgbm = float(np.nanmean(np.concatenate(losses))) / reference
    row.core_fit_cpu_s, row.lightgbm_fit_cpu_s = float(np.mean(fit_core)), float(np.mean(fit_lightgbm))


def in_days(instants_s: np.ndarray, days: pd.DatetimeIndex) -> np.ndarray:
    return np.isin(instants_s // DAY_S, days.as_unit("s").asi8 // DAY_S)


def mean_loss(y: np.ndarray, q: np.ndarray) -> float:
    """Mean pinball loss where the quantiles are known."""
    seen = np.isfinite(q).all(axis=1)
    return float(scores.pinball(y[seen], q[seen], LEVELS).mean())


def lightgbm_table(known: Known, targets: np.ndarray, origin: int) -> features.Table:
    """The core's own features: what is compared is the method."""
    issue = Issue(known.clock.per_day, origin % known.clock.per_day)
    return features.build(known, targets, training_origins(targets, Stage(1, 1), issue))


def fit_lightgbm_per_quantile(known: Known, origin: int) -> list[lgb.Booster]:
    """The usual recipe: one LightGBM model a quantile, 200 trees of 31 leaves."""
    past = known.until(origin)
    targets = np.flatnonzero(np.isfinite(past.values))
    parameters = {
        "objective": "quantile",
        "learning_rate": 0.05,
        "num_leaves": 31,
        "min_data_in_leaf": 30,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "num_threads": 1,
        "verbosity": -1,
        "seed": 1,
    }
    y = past.values[targets]
    data = lgb.Dataset(lightgbm_table(past, targets, origin).x, y, params=parameters, free_raw_data=False)
    return [lgb.train({**parameters, "alpha": level}, data, 200) for level in LEVELS]


def lightgbm_loss(case: Case, known: Known, boosters: list[lgb.Booster], origin: int) -> np.ndarray:
    """Pinball loss of a day, sorted and clipped as everybody's quantiles are."""
    targets = np.arange(origin, origin + known.clock.per_day)
    table = lightgbm_table(known.until(origin), targets, origin)
    q = np.sort(np.column_stack([b.predict(table.x, num_threads=1) for b in boosters]), axis=1)
    return row_loss(known.values[targets], clipped(case, q))


def clipped(case: Case, q: np.ndarray) -> np.ndarray:
    low, high = case.limits
    return np.clip(q, -np.inf if low is None else low, np.inf if high is None else high)


def row_loss(y: np.ndarray, q: np.ndarray) -> np.ndarray:
    error = y[:, None] - q
    return np.maximum(LEVELS * error, (LEVELS - 1) * error).mean(axis=1)


def reuse_ms(case: Case) -> float:
    """Milliseconds from a stored model and 60 days of history to 24 hours of quantiles; the median of 25."""
    last = case.sample()[0][0]
    history = case.load[last - pd.Timedelta(days=60) : last]
    horizon = case.weather[last - pd.Timedelta(days=60) : last + pd.Timedelta(days=2)]
    full = case.known(weather=True)
    at = case.position(full, last)
    stored = to_bytes(model.fit(full.until(at), at, full.clock.per_day, LEVELS, case.limits))
    points = Points.of_frame(history)
    weather = [Covariate(c, Points.of_frame(horizon[c]), kind_of(c)) for c in horizon]
    times = []
    for _ in range(25):
        begun = time.perf_counter()
        fitted = from_bytes(stored)
        ready = prepare(
            points, case.site, case.step_s, DAY_S, issue_time_s=int(last.timestamp()), covariates=weather
        )
        forecast(ready, LEVELS, case.limits, fitted)
        times.append(time.perf_counter() - begun)
    return 1000 * float(np.median(times))


def start_openstef(series: list[Case], folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    """Start OpenSTEF on the sample, beside our own work: CPU time is what is compared."""
    plans = []
    for i, case in enumerate(series):
        case.openstef_frame().to_csv(folder / f"{i}.csv")
        segments = [
            {"fit_at": str(case.fit_at(s[0])), "origins": [str(origin) for origin in s]}
            for s in case.sample()
        ]
        plan = {
            "name": case.name,
            "csv": str(folder / f"{i}.csv"),
            "step_s": case.step_s,
            "place": case.site.place,
            "country": case.site.calendar.country,
            "levels": list(LEVELS),
            "segments": segments,
        }
        (folder / f"{i}.json").write_text(json.dumps(plan))
        plans += [str(folder / f"{i}.json"), str(folder / f"{i}.out.csv")]
    return subprocess.Popen([*command, *plans], stdout=subprocess.DEVNULL)


def add_openstef(case: Case, row: Row, out: Path) -> None:
    """OpenSTEF's loss and times on the sample."""
    if not out.exists():
        row.note = "OpenSTEF failed"
        return
    times = json.loads(Path(f"{out}.json").read_text())
    table = pd.read_csv(out, index_col=0, parse_dates=[0])
    y = case.load.reindex(table.index).to_numpy(float)
    q = clipped(case, np.sort(table.to_numpy(float), axis=1))
    seen = np.isfinite(y) & np.isfinite(q).all(axis=1)
    row.sample_openstef = mean_loss(y[seen], q[seen]) / row.sample_naive_loss
    row.openstef_fit_cpu_s = float(np.mean(times["fit_s"]))
    row.openstef_forecast_ms = 1000 * float(np.mean(times["forecast_s"]))
    row.note = f"OpenSTEF {times['version']}, {seen.mean():.0%} of intervals"


def geometric_mean(values: list[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def targets(rows: list[Row]) -> list[dict[str, Any]]:
    """What issue 5 is judged by."""
    own = [row.sample_core / row.sample_openstef for row in rows if row.family == "openstef"]
    every = [row.sample_core / row.sample_openstef for row in rows]
    goals = [
        goal("pinball over naive, geometric mean", geometric_mean([row.core for row in rows]), 0.50),
        goal("same without weather", geometric_mean([row.core_without_weather for row in rows]), 0.58),
        goal("worst series over naive", max(row.core for row in rows), 1.0),
        goal("worst series over OpenSTEF", max(every), 1.0),
        goal("over OpenSTEF, its own series", geometric_mean(own) if own else np.nan, 0.88),
        goal("over OpenSTEF, all series", geometric_mean(every), 0.80),
        goal(
            "fit CPU over OpenSTEF's, worst", max(r.core_fit_cpu_s / r.openstef_fit_cpu_s for r in rows), 0.20
        ),
        goal("quantile crossings", max(row.crossing_rate for row in rows), 0.0),
        goal("24 h with a reused model [ms], worst", max(row.reuse_ms for row in rows), 50.0),
    ]
    for row in rows:
        bound = (0.87, 0.94) if row.years >= 1 else (0.80, 1.0)
        goals += [
            coverage(f"coverage of 90 %, {row.series}", row.coverage_90, bound),
            coverage(
                f"coverage of 90 %, {row.series} without weather", row.coverage_90_without_weather, bound
            ),
        ]
    return goals


def goal(name: str, value: float, bound: float) -> dict[str, Any]:
    return {"name": name, "value": value, "bound": bound, "holds": bool(value <= bound)}


def coverage(name: str, value: float, bound: tuple[float, float]) -> dict[str, Any]:
    return {"name": name, "value": value, "bound": list(bound), "holds": bool(bound[0] <= value <= bound[1])}


def print_table(rows: list[Row], goals: list[dict[str, Any]], major: int) -> None:
    print(
        f"\npinball loss over weekly seasonal naive; OpenSTEF {major}; sample: seeded days that all forecast\n"
    )
    head = (
        f"{'series':<16}{'core':>7}{'no wx':>7}{'cov90':>7}{'days':>6}{'core':>7}{'lgb/q':>7}{'openstef':>9}"
    )
    print(head + f"{'fit s':>7}{'lgb s':>7}{'ostef s':>8}{'reuse ms':>9}")
    for r in rows:
        first = (
            f"{r.series:<16}{r.core:7.3f}{r.core_without_weather:7.3f}{r.coverage_90:7.3f}{r.sample_days:6d}"
        )
        second = f"{r.sample_core:7.3f}{r.sample_lightgbm:7.3f}{r.sample_openstef:9.3f}"
        third = (
            f"{r.core_fit_cpu_s:7.2f}{r.lightgbm_fit_cpu_s:7.2f}{r.openstef_fit_cpu_s:8.2f}{r.reuse_ms:9.1f}"
        )
        print(first + second + third + f"  {r.note}")
    print()
    for g in goals:
        print(f"{'holds' if g['holds'] else 'FAILS':<6} {g['name']:<48} {g['value']:.3f}  bound {g['bound']}")


if __name__ == "__main__":
    sys.exit(main())
