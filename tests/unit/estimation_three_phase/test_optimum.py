"""The optimum, against a dense reference in other coordinates and by its own conditions."""

from dataclasses import replace

import numpy as np
import pytest
from support.three_phase import Feeder, every_kind, lv_feeder, meters, with_noise
from support.three_phase_dense import dense_constraints, dense_estimate

from gridjobs_workers.estimation.measurements import Kind, Side
from gridjobs_workers.estimation.options import BadData
from gridjobs_workers.estimation.three_phase.damped import minimise_damped
from gridjobs_workers.estimation.three_phase.estimate import PhaseEstimate, PhaseEstimator, estimate
from gridjobs_workers.estimation.three_phase.measurements import At, PhaseMeasurements
from gridjobs_workers.estimation.three_phase.options import PhaseOptions

REFERENCE = PhaseOptions(
    reference_bus=np.array([0]), reference_angle_rad=np.zeros(1), tolerance=1e-11, bad_data=BadData.OFF
)


@pytest.fixture(scope="module", params=[False, True], ids=["earthed neutral", "four wires"])
def feeder(request: pytest.FixtureRequest) -> Feeder:
    return lv_feeder(2, 5, seed=4, neutral=request.param)


def voltages(feeder: Feeder, found: PhaseEstimate) -> np.ndarray:
    return np.where(feeder.network.present, found.quantities.phasors(), 0)


def noisy(measurements: PhaseMeasurements, rng: np.random.Generator) -> PhaseMeasurements:
    """With errors, magnitudes kept positive as a meter would."""
    found = with_noise(measurements, rng)
    is_magnitude = np.isin(found.kind, (Kind.V_MAG, Kind.I_MAG, Kind.I_INJ_MAG))
    return replace(found, value=np.where(is_magnitude, np.abs(found.value), found.value))


def test_exact_measurements_of_every_kind_give_the_state_back(feeder: Feeder) -> None:
    exact = every_kind(feeder, np.random.default_rng(0))
    found = estimate(feeder.network, exact, REFERENCE)

    np.testing.assert_allclose(voltages(feeder, found), feeder.v, atol=1e-10)
    assert found.objective < 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_noisy_measurements_give_the_optimum_of_a_dense_reference(feeder: Feeder, seed: int) -> None:
    rng = np.random.default_rng(seed)
    measurements = noisy(meters(feeder, rng), rng)
    found = estimate(feeder.network, measurements, REFERENCE)
    dense = dense_estimate(feeder.network, measurements, (0, 0.0), feeder.v)

    np.testing.assert_allclose(voltages(feeder, found), dense.v, atol=1e-8)
    assert found.objective == pytest.approx(dense.objective, rel=1e-7)
    assert dense.gradient < 1e-8


@pytest.mark.parametrize("seed", range(4))
def test_every_kind_with_noise_gives_the_optimum_of_a_dense_reference(feeder: Feeder, seed: int) -> None:
    rng = np.random.default_rng(seed)
    measurements = noisy(every_kind(feeder, rng), rng)
    found = estimate(feeder.network, measurements, REFERENCE)
    v = voltages(feeder, found)
    # Angles are measured, none is given. The reference starts at our optimum, so it only tells whether it is one.
    dense = dense_estimate(feeder.network, measurements, None, v)

    np.testing.assert_allclose(v, dense.v, atol=1e-8)
    assert found.objective == pytest.approx(dense.objective, rel=1e-7)


def test_zero_injections_and_closed_neutrals_are_exact(feeder: Feeder) -> None:
    rng = np.random.default_rng(1)
    measurements = noisy(meters(feeder, rng), rng)
    found = estimate(feeder.network, measurements, REFERENCE)
    v = voltages(feeder, found).ravel()

    rows = dense_constraints(feeder.network, measurements, None)
    np.testing.assert_allclose(rows @ np.concatenate((v.real, v.imag)), 0, atol=1e-9)


def test_sigmas_are_those_of_the_dense_covariance(feeder: Feeder) -> None:
    rng = np.random.default_rng(5)
    measurements = noisy(meters(feeder, rng), rng)
    found = estimate(feeder.network, measurements, REFERENCE)
    dense = dense_estimate(feeder.network, measurements, (0, 0.0), feeder.v)
    sigmas = found.sigmas
    expected = {
        "v_neutral_pu": (
            sigmas.v_neutral_pu[5],
            [dense.sigma_of(Kind.V_MAG, 5, At.AN + p) for p in range(3)],
        ),
        "vm_pu": (sigmas.vm_pu[3, :3], [dense.sigma_of(Kind.V_MAG, 3, p) for p in range(3)]),
        "angle_rad": (sigmas.angle_rad[7, :3], [dense.sigma_of(Kind.V_ANG, 7, p) for p in range(3)]),
        "v_line_pu": (sigmas.v_line_pu[6], [dense.sigma_of(Kind.V_MAG, 6, At.AB + p) for p in range(3)]),
        "p_pu": (sigmas.p_pu[0], [dense.sigma_of(Kind.P_INJ, 0, At.AN + p) for p in range(3)]),
        "branch_q_pu": (
            sigmas.branch_q_pu[2, 1],
            [dense.sigma_of(Kind.Q_FLOW, 2, At.AN + p, Side.TO) for p in range(3)],
        ),
        "branch_i_pu": (
            sigmas.branch_i_pu[1, 0],
            [dense.sigma_of(Kind.I_MAG, 1, c, Side.FROM) for c in (At.A, At.B, At.C, At.N)],
        ),
    }
    for name, (ours, theirs) in expected.items():
        # Exact zeros count as heavy measurements in the covariance, which costs about 1e-5.
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, err_msg=name)


def test_normalized_residuals_are_those_of_the_dense_covariance(feeder: Feeder) -> None:
    rng = np.random.default_rng(6)
    measurements = noisy(meters(feeder, rng, v_share=0.6, flow_share=0.5), rng)
    found = estimate(feeder.network, measurements, REFERENCE)
    dense = dense_estimate(feeder.network, measurements, (0, 0.0), feeder.v)

    checked = dense.residual_sigma > 0.1 * measurements.sigma
    expected = np.abs(found.measurements.residual_pu) / dense.residual_sigma
    np.testing.assert_allclose(found.measurements.normalized_residual[checked], expected[checked], rtol=1e-3)


def test_the_damped_way_round_ends_at_the_same_optimum(feeder: Feeder) -> None:
    rng = np.random.default_rng(7)
    measurements = noisy(meters(feeder, rng), rng)
    estimator = PhaseEstimator(feeder.network, measurements, REFERENCE)
    fast = estimator.estimate()
    solver = estimator.solver
    targets = np.zeros(2 * solver.phases.n_pair)
    targets[solver.phases.row] = measurements.value
    v = estimator.start.v.copy()
    minimise_damped(solver, v, targets, np.zeros(2 * len(solver.phases.zero_bus)), 1e-11, 100)

    np.testing.assert_allclose(v, fast.v, atol=1e-9)


def test_a_warm_start_needs_fewer_iterations_and_ends_at_the_same_optimum(feeder: Feeder) -> None:
    rng = np.random.default_rng(8)
    exact = meters(feeder, rng)
    estimator = PhaseEstimator(feeder.network, exact, REFERENCE)
    cold = estimator.estimate(noisy(exact, rng).value)
    values = noisy(exact, rng).value
    again, warm = estimator.estimate(values), estimator.estimate(values, cold.v)

    assert warm.iterations <= again.iterations
    np.testing.assert_allclose(warm.v, again.v, atol=1e-10)
