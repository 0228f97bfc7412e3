import numpy as np
import pytest

from gridjobs_workers.forecasting.stages import (
    Issue,
    Stage,
    forecast_origins,
    issue_for,
    stages_for,
    training_origins,
)


@pytest.mark.parametrize("per_day", [1, 24, 96, 288])
@pytest.mark.parametrize("stage", [Stage(1, 1), Stage(2, 2), Stage(3, 4), Stage(5, 7), Stage(8, 14)])
def test_training_pretends_origins_at_the_usual_time_and_leads_of_the_stage(
    per_day: int, stage: Stage
) -> None:
    issue = Issue(per_day, 5 % per_day)
    targets = np.arange(40 * per_day)
    origins = training_origins(targets, stage, issue)
    lead = targets - origins
    assert ((origins - issue.phase) % per_day == 0).all()
    assert lead.min() == (stage.first_day - 1) * per_day
    assert lead.max() == stage.last_day * per_day - 1


def test_each_lead_of_a_long_stage_is_seen_on_every_weekday() -> None:
    targets = np.arange(400)
    origins = training_origins(targets, Stage(8, 14), Issue(1, 0))
    seen = set(zip((targets - origins).tolist(), (targets % 7).tolist(), strict=True))
    assert len(seen) == 7 * 7


def test_a_short_horizon_is_issued_at_any_time() -> None:
    issue = issue_for(origin=1000, horizon=8, per_day=96)
    assert issue.phase is None
    targets = np.arange(96 * 11)
    origins = training_origins(targets, Stage(1, 1), issue)
    assert set(targets - origins) >= set(range(8))
    assert set(origins % 96) == set(range(96))  # issued at every time of day


@pytest.mark.parametrize(("horizon", "stages"), [(1, 1), (24, 1), (25, 2), (72, 3), (14 * 24, 5)])
def test_the_horizon_decides_how_many_stages_are_fitted(horizon: int, stages: int) -> None:
    assert len(stages_for(horizon, 24)) == stages


def test_a_forecast_at_the_usual_time_counts_from_now() -> None:
    origins, day = forecast_origins(np.arange(48, 96), 48, Issue(24, 0), last_day=2)
    assert set(origins) == {48}
    assert day.tolist() == [1] * 24 + [2] * 24


def test_a_forecast_at_another_time_counts_from_the_last_usual_one() -> None:
    origins, day = forecast_origins(np.arange(58, 82), 58, Issue(24, 0), last_day=1)
    assert origins.tolist() == [48] * 14 + [72] * 10  # the second origin lies ahead: a part of it is unknown
    assert set(day) == {1}
