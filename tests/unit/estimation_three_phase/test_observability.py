"""What is observable, what is assumed, and what restores the rest."""

from dataclasses import replace

import numpy as np
import pytest
from support.three_phase import Feeder, lv_feeder, meters

from gridjobs_workers.estimation.errors import IslandWithoutReference, NotObservable
from gridjobs_workers.estimation.measurements import Kind, Side
from gridjobs_workers.estimation.options import OnUnobservable
from gridjobs_workers.estimation.three_phase.completing import default_candidates
from gridjobs_workers.estimation.three_phase.errors import PhasesNotObservable
from gridjobs_workers.estimation.three_phase.estimate import PhaseEstimate, PhaseEstimator, estimate
from gridjobs_workers.estimation.three_phase.measurements import V_AXIS, At, PhaseMeasurements
from gridjobs_workers.estimation.three_phase.options import PhaseOptions

REFERENCE = {"reference_bus": np.array([0]), "reference_angle_rad": np.zeros(1)}
POWERS_IN = (Kind.P_INJ, Kind.Q_INJ)


@pytest.fixture(params=[False, True], ids=["earthed neutral", "four wires"])
def feeder(request: pytest.FixtureRequest) -> Feeder:
    return lv_feeder(3, 8, seed=2, neutral=request.param)


def voltages(feeder: Feeder, found: PhaseEstimate) -> np.ndarray:
    return np.where(feeder.network.present, found.quantities.phasors(), 0)


def without_some_houses(feeder: Feeder) -> PhaseMeasurements:
    """All loads but those of the third feeder are measured, voltages and the sum at the transformer only."""
    measurements = meters(feeder, np.random.default_rng(0), v_share=0.0, flow_share=0.0)
    dark = np.isin(measurements.kind, POWERS_IN) & (measurements.element >= 2 + 2 * 8)
    return measurements.rows(~dark)


def test_what_follows_from_no_measurement_is_named_phase_by_phase(feeder: Feeder) -> None:
    with pytest.raises(PhasesNotObservable) as caught:
        estimate(feeder.network, without_some_houses(feeder), PhaseOptions(**REFERENCE))

    assert isinstance(caught.value, NotObservable)
    dark = set(range(18, 26))
    assert set(caught.value.buses.tolist()) == set(caught.value.conductors[:, 0].tolist())
    if feeder.network.present[1, 3]:
        # The current through earth is unknown, and with it every voltage to earth at low voltage.
        assert set(caught.value.buses.tolist()) == set(range(1, 26))
    else:
        assert set(caught.value.buses.tolist()) <= dark


def test_the_named_pseudo_measurements_restore_observability(feeder: Feeder) -> None:
    measurements = without_some_houses(feeder)
    with pytest.raises(PhasesNotObservable) as caught:
        PhaseEstimator(feeder.network, measurements, PhaseOptions(**REFERENCE))
    kind, element, at = np.array(caught.value.restoring_at).T
    named = PhaseMeasurements.of(kind, element, at, 0.0, 0.01, is_pseudo=True)

    PhaseEstimator(feeder.network, PhaseMeasurements.join((measurements, named)), PhaseOptions(**REFERENCE))


def test_partial_estimates_the_observable_part_exactly_and_leaves_out_the_rest(feeder: Feeder) -> None:
    options = PhaseOptions(**REFERENCE, observability=OnUnobservable.PARTIAL)
    found = estimate(feeder.network, without_some_houses(feeder), options)
    quantities = found.quantities
    to_neutral = np.abs(feeder.v[:, :3] - feeder.v[:, 3:])
    known = ~np.isnan(quantities.v_neutral_pu)
    assert known[:18].all()
    assert not known[18:26].all()
    # With four wires the dark feeder's unknown current through earth shifts the neutral of the others a little.
    atol = 1e-3 if feeder.network.present[1, 3] else 1e-9
    np.testing.assert_allclose(quantities.v_neutral_pu[:18], to_neutral[:18], atol=atol)
    off = np.abs(quantities.v_neutral_pu - to_neutral)
    assert (off[known] < found.sigmas.v_neutral_pu[known]).all()
    flows = feeder.end_powers().real
    determined = ~np.isnan(quantities.branch_p_pu)
    assert determined[:17].all()
    assert not determined[17:].all()
    off = np.abs(quantities.branch_p_pu - flows)
    assert (off[determined] < found.sigmas.branch_p_pu[determined] + 1e-12).all()
    assert np.array_equal(np.isnan(found.sigmas.v_neutral_pu), ~known)


def test_restore_takes_as_few_candidates_as_states_are_open(feeder: Feeder) -> None:
    measurements = without_some_houses(feeder)
    seen = default_candidates(feeder.network, measurements, np.array([[18, 0]]))
    seen = seen.rows(np.isin(seen.kind, POWERS_IN))
    s = feeder.injections()[seen.element, seen.at - At.AN]
    candidates = replace(
        seen, value=np.where(seen.kind == Kind.P_INJ, s.real, s.imag), sigma=np.full(len(seen), 1e-3)
    )
    options = PhaseOptions(**REFERENCE, observability=OnUnobservable.RESTORE, candidates=candidates)
    estimator = PhaseEstimator(feeder.network, measurements, options)
    deficiency = estimator.model.seen(measurements).deficiency(np.ones(len(measurements), bool))

    assert len(estimator.completion.restored) == deficiency
    np.testing.assert_allclose(voltages(feeder, estimator.estimate()), feeder.v, atol=1e-6)


def test_the_delta_side_is_taken_as_undisplaced_where_nothing_ties_it_to_earth(feeder: Feeder) -> None:
    measurements = meters(feeder, np.random.default_rng(0))
    lv_only = measurements.rows(~((measurements.kind == Kind.V_MAG) & (measurements.element == 0)))
    estimator = PhaseEstimator(feeder.network, lv_only, PhaseOptions(**REFERENCE))
    assumed = estimator.completion.assumed

    assert assumed.kind.tolist() == [V_AXIS, V_AXIS]
    assert assumed.at.tolist() == [At.ZERO, At.ZERO]
    np.testing.assert_allclose(voltages(feeder, estimator.estimate()), feeder.v, atol=1e-9)


def test_angles_between_phases_are_assumed_only_where_nothing_tells_them() -> None:
    # Without a transformer each phase could turn by itself: only mutual coupling of the loads' currents tells.
    feeder = lv_feeder(2, 6, seed=1)
    network = feeder.network
    lv = replace(
        network,
        base_kv=network.base_kv[1:],
        present=network.present[1:],
        from_bus=network.from_bus[1:] - 1,
        to_bus=network.to_bus[1:] - 1,
        **{
            name: getattr(network, name)[1:]
            for name in ("y_ff", "y_ft", "y_tf", "y_tt", "shift_rad", "y_shunt")
        },
        bus_row=network.bus_row[1:],
        branch_row=network.branch_row[1:],
    )
    measurements = meters(feeder, np.random.default_rng(0))
    at_branch = measurements.at_branch()
    kept = measurements.rows(~at_branch & (measurements.element > 0))
    zeros = kept.zero_injection[kept.zero_injection >= 8] - 4  # what feeds the transformer's bus is unknown
    kept = replace(kept, element=kept.element - 1, zero_injection=zeros)
    found = PhaseEstimator(lv, kept)
    assumed = found.completion.assumed
    assert assumed.kind.tolist() == [Kind.V_ANG, Kind.V_ANG]
    assert assumed.at.tolist() == [At.B, At.C]
    np.testing.assert_allclose(found.estimate().sigmas.angle_rad[3, 1:3], 0.01, rtol=0.05)

    told = PhaseMeasurements.of(Kind.V_ANG, [0, 0, 0], [At.A, At.B, At.C], np.angle(feeder.v[1, :3]), 1e-4)
    with_angles = PhaseEstimator(lv, PhaseMeasurements.join((kept, told)))
    assert len(with_angles.completion.assumed) == 0
    np.testing.assert_allclose(
        with_angles.estimate().quantities.phasors()[:, :3], feeder.v[1:, :3], atol=1e-8
    )


def test_current_magnitudes_stand_in_for_reactive_power(feeder: Feeder) -> None:
    measurements = meters(feeder, np.random.default_rng(0), v_share=0.0, flow_share=0.0)
    house = int(measurements.element[measurements.kind == Kind.P_INJ][-1])
    branch = int(np.flatnonzero(feeder.network.to_bus == house)[0])
    dark = (measurements.kind == Kind.Q_INJ) & (measurements.element == house)
    current = np.abs(feeder.end_currents()[branch, Side.TO, :3])
    metered = PhaseMeasurements.of(Kind.I_MAG, [branch] * 3, [0, 1, 2], current, 1e-4, side=Side.TO)
    found = estimate(
        feeder.network, PhaseMeasurements.join((measurements.rows(~dark), metered)), PhaseOptions(**REFERENCE)
    )
    np.testing.assert_allclose(voltages(feeder, found), feeder.v, atol=1e-8)


def test_an_island_without_voltage_measurement_is_refused(feeder: Feeder) -> None:
    measurements = meters(feeder, np.random.default_rng(0))
    powers = measurements.rows(measurements.kind != Kind.V_MAG)
    with pytest.raises(IslandWithoutReference):
        estimate(feeder.network, powers, PhaseOptions(**REFERENCE))


def test_a_grid_with_few_voltmeters_and_no_load_meters_still_gives_a_partial_estimate() -> None:
    # Here as many values as are open cannot be held without absurd loads elsewhere, so more is held.
    feeder = lv_feeder(20, 50, seed=1)
    measurements = meters(feeder, np.random.default_rng(0))
    few = measurements.rows(~np.isin(measurements.kind, POWERS_IN))
    found = estimate(feeder.network, few, PhaseOptions(**REFERENCE, observability=OnUnobservable.PARTIAL))
    known = ~np.isnan(found.quantities.v_neutral_pu)
    off = np.abs(found.quantities.v_neutral_pu - np.abs(feeder.v[:, :3]))

    assert known.mean() > 0.5
    assert (off[known] < 3 * found.sigmas.v_neutral_pu[known]).mean() > 0.97
