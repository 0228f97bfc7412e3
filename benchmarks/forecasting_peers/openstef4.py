"""OpenSTEF 4's ensemble on a plan of fits and origins; runs in OpenSTEF's own environment.

Usage: python openstef4.py plan.json out.csv [plan.json out.csv ...]. A plan names a CSV with the series and lists the fits; the output has
one row a forecast interval with its quantiles, and out.csv.json the CPU seconds of every fit and forecast.
"""

import json
import logging
import os
import sys
import time
import traceback
import warnings
from datetime import timedelta
from importlib.metadata import version
from itertools import batched
from pathlib import Path

import pandas as pd


def main(plan_path: str, out_path: str) -> None:
    plan = json.loads(Path(plan_path).read_text())
    data = pd.read_csv(plan["csv"], index_col=0, parse_dates=[0])
    data.index = pd.DatetimeIndex(data.index).tz_convert("UTC")
    forecasts, fit_s, forecast_s = [], [], []
    for segment in plan["segments"]:
        begun = time.process_time()
        workflow = fitted(plan, data, pd.Timestamp(segment["fit_at"]))
        fit_s.append(time.process_time() - begun)
        for origin in segment["origins"]:
            begun = time.process_time()
            forecasts.append(forecast(plan, workflow, data, pd.Timestamp(origin)))
            forecast_s.append(time.process_time() - begun)
        print(f"openstef {plan['name']}: fit {fit_s[-1]:.1f} CPU s", file=sys.stderr, flush=True)
    pd.concat(forecasts).to_csv(out_path)

    import openstef_core  # noqa: F401

    Path(out_path + ".json").write_text(
        json.dumps({"version": version("openstef"), "fit_s": fit_s, "forecast_s": forecast_s})
    )


def fitted(plan: dict, data: pd.DataFrame, at: pd.Timestamp):
    from openstef_core.datasets import TimeSeriesDataset
    from openstef_core.types import LeadTime, Q
    from openstef_meta.presets.forecasting_workflow import (
        EnsembleForecastingWorkflowConfig,
        create_ensemble_forecasting_workflow,
    )
    from openstef_models.presets.forecasting_workflow import LocationConfig

    step = timedelta(seconds=plan["step_s"])
    place = plan["place"] or [52.132633, 5.291266]
    config = EnsembleForecastingWorkflowConfig(
        model_id="benchmark",
        quantiles=[Q(level) for level in plan["levels"]],
        sample_interval=step,
        horizons=[LeadTime(timedelta(hours=24))],
        location=LocationConfig(
            coordinate={"latitude": str(place[0]), "longitude": str(place[1])}, country_code=plan["country"]
        ),
        mlflow_storage=None,
        model_reuse_enable=False,
        model_selection_enable=False,
    )
    workflow = create_ensemble_forecasting_workflow(config)
    workflow.fit(TimeSeriesDataset(data[data.index < at].copy(), step))
    return workflow


def forecast(plan: dict, workflow, data: pd.DataFrame, origin: pd.Timestamp) -> pd.DataFrame:
    from openstef_core.datasets import TimeSeriesDataset

    step = timedelta(seconds=plan["step_s"])
    rows = (data.index >= origin - timedelta(days=21)) & (data.index < origin + timedelta(days=1))
    seen = data[rows].copy()
    seen.loc[seen.index >= origin, "load"] = float("nan")
    result = workflow.predict(TimeSeriesDataset(seen, step), forecast_start=origin.to_pydatetime())
    table = result.data
    table = table[(table.index >= origin) & (table.index < origin + timedelta(days=1))]
    return table[[column for column in table.columns if column.startswith("quantile_P")]]


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warnings.filterwarnings("ignore")
    logging.disable(logging.ERROR)
    for plan_path, out_path in batched(sys.argv[1:], 2):
        try:
            main(plan_path, out_path)
        except Exception:  # one series that it cannot do must not hide the others
            traceback.print_exc()
