"""OpenSTEF 3's quantile model on a plan of fits and origins, where no Python 3.12 is to be had for version 4.

Usage and output are those of openstef4.py.
"""

import json
import logging
import os
import sys
import time
import traceback
import warnings
from importlib.metadata import version
from pathlib import Path

import pandas as pd

NAMES = {
    "temperature": "temp",
    "relative_humidity": "humidity",
    "day_ahead_electricity_price": "APX",
}  # what version 4 renamed


def main(plan_path: str, out_path: str) -> None:
    plan = json.loads(Path(plan_path).read_text())
    data = pd.read_csv(plan["csv"], index_col=0, parse_dates=[0]).rename(columns=NAMES)
    data.index = pd.DatetimeIndex(data.index).tz_convert("UTC")
    job = prediction_job(plan)
    forecasts, fit_s, forecast_s = [], [], []
    for segment in plan["segments"]:
        begun = time.process_time()
        model, specifications = fitted(job, data[data.index < pd.Timestamp(segment["fit_at"])])
        fit_s.append(time.process_time() - begun)
        for origin in segment["origins"]:
            begun = time.process_time()
            forecasts.append(forecast(job, model, specifications, data, pd.Timestamp(origin)))
            forecast_s.append(time.process_time() - begun)
        print(f"openstef {plan['name']}: fit {fit_s[-1]:.1f} CPU s", file=sys.stderr, flush=True)
    pd.concat(forecasts).to_csv(out_path)
    times = {"version": version("openstef"), "fit_s": fit_s, "forecast_s": forecast_s}
    Path(out_path + ".json").write_text(json.dumps(times))


def prediction_job(plan: dict):
    from openstef.data_classes.prediction_job import PredictionJobDataClass

    place = plan["place"] or [52.132633, 5.291266]
    return PredictionJobDataClass(
        id=1,
        model="xgb_quantile",
        forecast_type="demand",
        resolution_minutes=plan["step_s"] // 60,
        horizon_minutes=1440,
        lat=place[0],
        lon=place[1],
        name=plan["name"],
        quantiles=plan["levels"],
    )


def fitted(job, data: pd.DataFrame):
    from openstef.data_classes.model_specifications import ModelSpecificationDataClass
    from openstef.pipeline.train_model import train_model_pipeline_core

    specifications = ModelSpecificationDataClass(id=1)
    model, _, specifications, _ = train_model_pipeline_core(job, specifications, data.copy(), horizons=[24.0])
    model.path = "benchmark"  # the store would set it
    return model, specifications


def forecast(job, model, specifications, data: pd.DataFrame, origin: pd.Timestamp) -> pd.DataFrame:
    from openstef.pipeline.create_forecast import create_forecast_pipeline_core

    end = origin + pd.Timedelta(days=1)
    seen = data[(data.index >= origin - pd.Timedelta(days=21)) & (data.index < end)].copy()
    seen.loc[seen.index >= origin, "load"] = float("nan")
    table = create_forecast_pipeline_core(job, seen, model, specifications)
    table = table[(table.index >= origin) & (table.index < end)]
    return table[[column for column in table.columns if column.startswith("quantile_P")]]


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warnings.filterwarnings("ignore")
    logging.disable(logging.ERROR)
    pairs = iter(sys.argv[1:])
    for plan_path, out_path in zip(pairs, pairs, strict=True):
        try:
            main(plan_path, out_path)
        except Exception:  # one series that it cannot do must not hide the others
            traceback.print_exc()
