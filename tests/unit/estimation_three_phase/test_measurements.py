"""Meters that say nothing or nonsense, and measurements in their own units."""

from dataclasses import replace

import numpy as np
import pytest
from support.three_phase import lv_feeder, meters

from gridjobs_workers.estimation.errors import ConflictingMeasurements
from gridjobs_workers.estimation.measurements import Kind, Side
from gridjobs_workers.estimation.three_phase.estimate import PhaseEstimator, estimate
from gridjobs_workers.estimation.three_phase.measurements import At, PhaseMeasurements, current_phasor
from gridjobs_workers.estimation.three_phase.options import PhaseOptions

REFERENCE = PhaseOptions(reference_bus=np.array([0]), reference_angle_rad=np.zeros(1))
FEEDER = lv_feeder(2, 6, seed=3)
EXACT = meters(FEEDER, np.random.default_rng(0), v_share=0.5, flow_share=0.5)


def test_silent_meters_are_left_out_and_reported_as_such() -> None:
    value, sigma = EXACT.value.copy(), EXACT.sigma.copy()
    silent = np.flatnonzero((EXACT.kind == Kind.V_MAG) & (EXACT.element > 1))[[0, 4]]
    value[silent[0]], sigma[silent[1]] = np.nan, np.inf
    found = estimate(FEEDER.network, replace(EXACT, value=value, sigma=sigma), REFERENCE)

    np.testing.assert_allclose(found.quantities.phasors()[:, :3], FEEDER.v[:, :3], atol=1e-9)
    assert np.isnan(found.measurements.residual_pu[silent]).all()
    assert not found.measurements.is_used[silent].any()
    assert np.isfinite(np.delete(found.measurements.residual_pu, silent)).all()


def test_a_meter_may_fall_silent_in_a_later_snapshot() -> None:
    estimator = PhaseEstimator(FEEDER.network, EXACT, REFERENCE)
    values = EXACT.value.copy()
    values[np.flatnonzero(EXACT.kind == Kind.V_MAG)[-1]] = np.nan
    np.testing.assert_allclose(
        estimator.estimate(values).quantities.phasors()[:, :3], FEEDER.v[:, :3], atol=1e-9
    )


@pytest.mark.parametrize("sigma", [0.0, -1.0, np.nan])
def test_a_sigma_that_is_not_positive_is_refused(sigma: float) -> None:
    bad = EXACT.sigma.copy()
    bad[3] = sigma
    with pytest.raises(ConflictingMeasurements) as caught:
        estimate(FEEDER.network, replace(EXACT, sigma=bad), REFERENCE)
    assert caught.value.measurements.tolist() == [3]


def test_a_negative_magnitude_is_refused() -> None:
    value = EXACT.value.copy()
    value[0] = -1.0
    with pytest.raises(ConflictingMeasurements) as caught:
        estimate(FEEDER.network, replace(EXACT, value=value), REFERENCE)
    assert caught.value.measurements.tolist() == [0]


def test_equipment_measured_where_none_is_taken_to_be_is_refused() -> None:
    empty = FEEDER.junctions[0]
    wrong = PhaseMeasurements.of(Kind.P_INJ, [empty], At.BN, -0.1, 0.01)
    with pytest.raises(ConflictingMeasurements) as caught:
        estimate(FEEDER.network, PhaseMeasurements.join((EXACT, wrong)), REFERENCE)
    assert caught.value.measurements.tolist() == [len(EXACT)]


@pytest.mark.parametrize(
    ("kind", "element", "at"), [(Kind.V_MAG, 99, At.A), (Kind.P_FLOW, -1, At.AN), (Kind.V_MAG, 1, 17)]
)
def test_a_measurement_of_nothing_is_refused(kind: Kind, element: int, at: int) -> None:
    wrong = PhaseMeasurements.of(kind, [element], at, 1.0, 0.01)
    with pytest.raises(ValueError, match="makes no sense"):
        estimate(FEEDER.network, PhaseMeasurements.join((EXACT, wrong)), REFERENCE)


@pytest.mark.parametrize(("kind", "at"), [(Kind.P_INJ, At.AB), (Kind.I_MAG, At.BC), (Kind.Q_FLOW, At.N)])
def test_powers_between_phases_and_of_the_neutral_cannot_be_measured(kind: Kind, at: At) -> None:
    wrong = PhaseMeasurements.of(kind, [2], at, 0.0, 1.0)
    with pytest.raises(ValueError, match="no power or current"):
        PhaseEstimator(FEEDER.network, PhaseMeasurements.join((EXACT, wrong)), REFERENCE)


def test_balanced_quantities_have_the_per_unit_values_of_the_three_phase_system() -> None:
    # Line-to-line 1 p.u. is nominal, a total of 1 p.u. is base_mva: by hand from the true state.
    bus, v = 4, FEEDER.v[4]
    total = FEEDER.injections()[bus].sum() / 3
    more = [
        PhaseMeasurements.of(Kind.V_MAG, [bus], At.AB, abs(v[0] - v[1]) / np.sqrt(3), 1e-4),
        PhaseMeasurements.of(Kind.P_INJ, [bus], At.ABC, total.real, 1e-5),
        PhaseMeasurements.of(Kind.Q_INJ, [bus], At.ABC, total.imag, 1e-5),
    ]
    found = estimate(FEEDER.network, PhaseMeasurements.join([EXACT, *more]), REFERENCE)
    np.testing.assert_allclose(found.measurements.residual_pu[-3:], 0, atol=1e-9)


def test_a_current_phasor_is_measured_along_and_across_its_direction() -> None:
    current = FEEDER.end_currents()[2, Side.FROM, :3]
    phasor = current_phasor([2, 2, 2], [0, 1, 2], Side.FROM, np.abs(current), np.angle(current), 1e-4, 1e-3)
    turned = np.angle(FEEDER.v[0, :3])
    told = PhaseMeasurements.of(Kind.V_ANG, [0, 0, 0], [0, 1, 2], turned, 1e-3)
    found = estimate(FEEDER.network, PhaseMeasurements.join((EXACT, phasor, told)))

    np.testing.assert_allclose(found.quantities.phasors()[:, :3], FEEDER.v[:, :3], atol=1e-9)
    np.testing.assert_allclose(found.quantities.branch_i_pu[2, 0, :3], np.abs(current), atol=1e-9)


def test_a_current_of_zero_is_a_measurement_too() -> None:
    idle = np.argwhere(np.abs(FEEDER.end_currents()[:, 1, :3]) < 1e-9)[0]
    zero = PhaseMeasurements.of(Kind.I_MAG, [idle[0]], idle[1], 0.0, 1e-3, side=Side.TO)
    found = estimate(FEEDER.network, PhaseMeasurements.join((EXACT, zero)), REFERENCE)
    np.testing.assert_allclose(found.quantities.phasors()[:, :3], FEEDER.v[:, :3], atol=1e-9)
