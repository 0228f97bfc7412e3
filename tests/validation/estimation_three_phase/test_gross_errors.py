"""Gross errors on radial low-voltage grids: found and named, or reported as beyond anybody's means."""

from dataclasses import replace

import numpy as np
import pytest
from support.three_phase import lv_feeder, meters, with_noise

from gridjobs_workers.estimation.critical import locatable_sigma
from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.three_phase.estimate import PhaseEstimator, estimate
from gridjobs_workers.estimation.three_phase.options import PhaseOptions

REFERENCE = PhaseOptions(reference_bus=np.array([0]), reference_angle_rad=np.zeros(1))
GROSS = 20.0  # sigmas
CLEAR_MARGIN = 9.2  # 100 : 1, as in `bad_data`
GRIDS = {
    "three feeders": lambda: lv_feeder(3, 12, seed=3),
    "three feeders, four wires": lambda: lv_feeder(3, 12, seed=3, neutral=True),
    "one long feeder": lambda: lv_feeder(1, 40, seed=8),
    "eight feeders": lambda: lv_feeder(8, 10, seed=6),
}
N_CASE = 125  # a grid


@pytest.mark.parametrize("name", GRIDS)
def test_locatable_errors_are_named_and_no_good_meter_is_rejected(name: str) -> None:
    feeder = GRIDS[name]()
    exact = meters(feeder, np.random.default_rng(1), v_share=0.6, flow_share=0.5)
    estimator = PhaseEstimator(feeder.network, exact, REFERENCE)
    clean = estimator.estimate()
    # Neither critical nor in a critical set, even approximately: a single error of 20 sigmas could be located.
    locatable = np.flatnonzero(locatable_sigma(estimator.solver, clean.bad_data.limit, CLEAR_MARGIN) < GROSS)
    assert len(locatable) > len(exact) / 3
    exactly, wrongly = 0, 0
    for seed in range(N_CASE):
        rng = np.random.default_rng(seed)
        bad = rng.choice(locatable, 1 + seed % 5, replace=False)
        values = with_noise(exact, rng).value
        values[bad] += GROSS * exact.sigma[bad] * rng.choice([-1, 1], len(bad))
        found = estimator.estimate(values)
        exactly += set(found.bad_data.rejected.tolist()) == set(bad.tolist())
        wrongly += not set(found.bad_data.rejected.tolist()) <= set(bad.tolist())
    assert exactly >= 0.98 * N_CASE, (exactly, wrongly)
    assert wrongly <= 0.02 * N_CASE


def test_an_error_in_a_critical_set_is_reported_and_nobody_is_rejected() -> None:
    # P at the transformer is the sum of the houses and, to the losses, all of them together have one redundant
    # reading: whichever errs, all residuals are the same.
    feeder = lv_feeder(1, 6, seed=1)
    exact = meters(feeder, np.random.default_rng(0), v_share=0.0, flow_share=0.0)
    first = exact.rows((exact.kind != Kind.V_MAG) | (exact.element == 1))
    values = first.value.copy()
    wrong = int(np.flatnonzero(first.kind == Kind.P_FLOW)[0])
    values[wrong] += 30 * first.sigma[wrong]
    found = estimate(feeder.network, replace(first, value=values), REFERENCE)

    assert found.bad_data.rejected.tolist() == []
    assert any(wrong in group for group in found.bad_data.unlocated)


def test_an_error_of_a_critical_meter_shows_nowhere() -> None:
    feeder = lv_feeder(2, 6, seed=1)
    exact = meters(feeder, np.random.default_rng(0), v_share=0.0, flow_share=0.0)
    kept = exact.rows(((exact.kind != Kind.V_MAG) | (exact.element == 1)) & ~exact.at_branch())
    house = int(np.flatnonzero(kept.kind == Kind.P_INJ)[3])
    values = kept.value.copy()
    values[house] += 100 * kept.sigma[house]
    found = estimate(feeder.network, replace(kept, value=values), REFERENCE)

    assert found.measurements.is_critical[house]
    assert found.measurements.normalized_residual[house] == 0
    assert len(found.bad_data.rejected) == 0
