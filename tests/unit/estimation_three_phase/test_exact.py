"""Exact measurements give the state back."""

import numpy as np
import pytest
from support.three_phase import lv_feeder, meters

from gridjobs_workers.estimation.three_phase.estimate import estimate
from gridjobs_workers.estimation.three_phase.options import PhaseOptions


@pytest.mark.parametrize("neutral", [False, True], ids=["earthed neutral", "four wires"])
def test_exact_measurements_give_the_state_back(neutral: bool) -> None:
    feeder = lv_feeder(3, 8, seed=2, neutral=neutral)
    measurements = meters(feeder, np.random.default_rng(0))
    found = estimate(
        feeder.network,
        measurements,
        PhaseOptions(reference_bus=np.array([0]), reference_angle_rad=np.zeros(1)),
    )

    v = np.where(feeder.network.present, found.quantities.phasors(), 0)
    np.testing.assert_allclose(v, feeder.v, atol=1e-9)
    assert found.objective < 1e-9
