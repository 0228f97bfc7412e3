"""Reported sigmas are the spread of the errors: 95 % intervals cover between 93 and 97 %.

1,000 seeds, since the angles of a grid err together: over 200 their coverage alone scatters by more than 1 %.
"""

import numpy as np
import pytest
from support.three_phase import Feeder, lv_feeder, meters, with_noise

from gridjobs_workers.estimation.options import BadData
from gridjobs_workers.estimation.three_phase.estimate import PhaseEstimator
from gridjobs_workers.estimation.three_phase.options import PhaseOptions

N_SEED = 1000
NORMAL_95 = 1.959964


def covered(off: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Whether the truth lies in the interval, for what is uncertain at all."""
    uncertain = np.isfinite(sigma) & (sigma > 1e-9)
    return (np.abs(off) <= NORMAL_95 * sigma)[uncertain]


@pytest.mark.parametrize("neutral", [False, True], ids=["earthed neutral", "four wires"])
def test_intervals_cover_the_truth_as_often_as_they_say(neutral: bool) -> None:
    feeder: Feeder = lv_feeder(3, 8, seed=5, neutral=neutral)
    exact = meters(feeder, np.random.default_rng(0), v_share=0.3, flow_share=0.2)
    options = PhaseOptions(reference_bus=np.array([0]), reference_angle_rad=np.zeros(1), bad_data=BadData.OFF)
    estimator = PhaseEstimator(feeder.network, exact, options)
    u = np.abs(feeder.v[:, :3] - feeder.v[:, 3:])
    line = np.abs(feeder.v[:, :3] - np.roll(feeder.v[:, :3], -1, axis=1)) / np.sqrt(3)
    s, current = feeder.end_powers(), np.abs(feeder.end_currents()[..., :3])
    hits: dict[str, list[np.ndarray]] = {}
    objectives, freedom = [], 0
    for seed in range(N_SEED):
        found = estimator.estimate(with_noise(exact, np.random.default_rng(1000 + seed)).value)
        q, sigma = found.quantities, found.sigmas
        angle = np.angle(q.phasors()[:, :3] / feeder.v[:, :3])
        for name, off, spread in (
            ("voltage to neutral", q.v_neutral_pu - u, sigma.v_neutral_pu),
            ("line voltage", q.v_line_pu - line, sigma.v_line_pu),
            ("angle", angle, sigma.angle_rad[:, :3]),
            ("active flow", q.branch_p_pu - s.real, sigma.branch_p_pu),
            ("reactive flow", q.branch_q_pu - s.imag, sigma.branch_q_pu),
            # Small currents: |I| is not normal where the error is as large as the current.
            (
                "current",
                (q.branch_i_pu[..., :3] - current)[current > 0.02],
                sigma.branch_i_pu[..., :3][current > 0.02],
            ),
        ):
            hits.setdefault(name, []).append(covered(off, spread))
        objectives.append(found.objective)
        freedom = found.degrees_of_freedom
    shares = {name: float(np.concatenate(parts).mean()) for name, parts in hits.items()}
    assert all(0.93 <= share <= 0.97 for share in shares.values()), shares
    # J is χ² distributed: its mean over the seeds is within four standard errors of the degrees of freedom.
    assert np.mean(objectives) == pytest.approx(freedom, abs=4 * np.sqrt(2 * freedom / N_SEED))
