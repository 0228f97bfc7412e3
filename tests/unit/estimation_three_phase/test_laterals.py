"""Single-phase laterals, several islands, parallel cables."""

from dataclasses import replace

import numpy as np
from support.three_phase import CABLE_OHM_PER_KM, Feeder, lv_feeder, meters, solved

from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.options import OnUnobservable
from gridjobs_workers.estimation.three_phase.estimate import estimate
from gridjobs_workers.estimation.three_phase.measurements import At, PhaseMeasurements
from gridjobs_workers.estimation.three_phase.options import PhaseOptions
from gridjobs_workers.grids.three_phase import ThreePhaseNetwork

BRANCH_ARRAYS = ("from_bus", "to_bus", "y_ff", "y_ft", "y_tf", "y_tt", "shift_rad", "branch_row")
REFERENCE = PhaseOptions(reference_bus=np.array([0]), reference_angle_rad=np.zeros(1))


def with_lateral(feeder: Feeder, at_bus: int, phase: int) -> Feeder:
    """A house at the end of a two-conductor cable (phase and neutral)."""
    network = feeder.network
    conductors = [phase, 3] if network.present[at_bus, 3] else [phase]
    z = CABLE_OHM_PER_KM[np.ix_([phase, 3], [phase, 3])] * 0.02 / 0.4
    if len(conductors) == 1:
        z = z[:1, :1] - z[:1, 1:] @ z[1:, :1] / z[1, 1]
    block = np.zeros((4, 4), complex)
    block[np.ix_(conductors, conductors)] = np.linalg.inv(z)
    present = np.zeros(4, bool)
    present[conductors] = True
    n = network.n_bus
    more = {
        "from_bus": at_bus, "to_bus": n, "y_ff": block, "y_ft": -block, "y_tf": -block, "y_tt": block,
        "shift_rad": 0.0, "branch_row": network.n_branch,
    }  # fmt: skip
    extended = replace(
        network,
        base_kv=np.append(network.base_kv, 0.4),
        present=np.vstack((network.present, present)),
        y_shunt=np.concatenate((network.y_shunt, np.zeros((1, 4, 4)))),
        bus_row=np.arange(n + 1),
        **{name: np.concatenate((getattr(network, name), [more[name]])) for name in BRANCH_ARRAYS},
    )
    s = np.vstack((feeder.s, np.zeros(3)))
    s[n, phase] = -0.01 - 0.003j
    return solved(extended, s, 0)


def test_a_single_phase_lateral_is_estimated_like_the_rest() -> None:
    for neutral in (False, True):
        feeder = with_lateral(lv_feeder(2, 5, seed=1, neutral=neutral), at_bus=5, phase=1)
        measurements = meters(feeder, np.random.default_rng(0))
        lateral = feeder.network.n_bus - 1
        there = measurements.rows(~((measurements.element == lateral) & (measurements.kind == Kind.V_MAG)))
        found = estimate(feeder.network, there, REFERENCE)
        v = found.quantities.phasors()
        np.testing.assert_allclose(v[feeder.network.present], feeder.v[feeder.network.present], atol=1e-9)
        assert np.isnan(v[~feeder.network.present]).all()
        assert np.isnan(found.quantities.p_pu[lateral, [0, 2]]).all()


def side_by_side(a: ThreePhaseNetwork, b: ThreePhaseNetwork) -> ThreePhaseNetwork:
    moved = replace(b, from_bus=b.from_bus + a.n_bus, to_bus=b.to_bus + a.n_bus)
    names = (*BRANCH_ARRAYS, "base_kv", "present", "y_shunt", "bus_row")
    return replace(a, **{name: np.concatenate((getattr(a, name), getattr(moved, name))) for name in names})


def test_islands_are_estimated_together_each_with_its_own_reference() -> None:
    first, second = lv_feeder(1, 5, seed=1), lv_feeder(2, 4, seed=2, neutral=True)
    one, two = (meters(feeder, np.random.default_rng(0)) for feeder in (first, second))
    n, n_branch = first.network.n_bus, first.network.n_branch
    moved = replace(
        two,
        element=two.element + np.where(two.at_branch(), n_branch, n),
        zero_injection=two.zero_injection + 4 * n,
        closed_neutral=two.closed_neutral + n,
    )
    options = PhaseOptions(reference_bus=np.array([0, n]), reference_angle_rad=np.array([0.0, 0.5]))
    network = side_by_side(first.network, second.network)
    found = estimate(network, PhaseMeasurements.join((one, moved)), options)
    v = np.where(network.present, found.quantities.phasors(), 0)

    np.testing.assert_allclose(v[:n], first.v, atol=1e-9)
    np.testing.assert_allclose(v[n:], second.v * np.exp(0.5j), atol=1e-9)


def test_partial_leaves_out_an_island_without_voltage() -> None:
    first, second = lv_feeder(1, 5, seed=1), lv_feeder(1, 4, seed=2)
    n = first.network.n_bus
    measurements = meters(first, np.random.default_rng(0))
    options = PhaseOptions(
        reference_bus=np.array([0]), reference_angle_rad=np.zeros(1), observability=OnUnobservable.PARTIAL
    )
    v = estimate(side_by_side(first.network, second.network), measurements, options).quantities.phasors()[
        :, :3
    ]

    np.testing.assert_allclose(v[:n], first.v[:, :3], atol=1e-9)
    assert np.isnan(v[n:]).all()


def test_parallel_cables_share_the_current() -> None:
    feeder = lv_feeder(1, 4, seed=1)
    network = feeder.network
    doubled = replace(
        network,
        **{
            name: np.concatenate((getattr(network, name), getattr(network, name)[2:3]))
            for name in BRANCH_ARRAYS
        },
    )
    twice = solved(doubled, feeder.s, 0)
    found = estimate(doubled, meters(twice, np.random.default_rng(0)), REFERENCE)
    currents = found.quantities.branch_i_pu

    np.testing.assert_allclose(currents[2], currents[-1], atol=1e-10)
    np.testing.assert_allclose(found.quantities.phasors()[:, :3], twice.v[:, :3], atol=1e-9)


def test_a_meter_between_phases_works_on_a_network_without_neutral() -> None:
    feeder = lv_feeder(1, 4, seed=2)
    exact = meters(feeder, np.random.default_rng(0))
    v = feeder.v
    lines = [
        PhaseMeasurements.of(Kind.V_MAG, [3], at, abs(v[3, p] - v[3, (p + 1) % 3]) / np.sqrt(3), 1e-4)
        for p, at in enumerate((At.AB, At.BC, At.CA))
    ]
    found = estimate(feeder.network, PhaseMeasurements.join([exact, *lines]), REFERENCE)
    np.testing.assert_allclose(found.quantities.phasors()[:, :3], v[:, :3], atol=1e-9)
