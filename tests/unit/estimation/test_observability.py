"""What measurements determine, by hand and against dense ranks."""

import numpy as np
import pytest
from support.estimation import Grid, ieee_grid, meters, radial_grid
from support.networks import network_of

from gridjobs_workers.estimation.errors import ConflictingMeasurements, IslandWithoutReference, NotObservable
from gridjobs_workers.estimation.estimate import Estimator, estimate
from gridjobs_workers.estimation.islands import find_islands
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.observability import observe
from gridjobs_workers.estimation.options import OnUnobservable, Options
from gridjobs_workers.estimation.report import Status
from gridjobs_workers.estimation.restore import default_candidates, restoring_candidates
from gridjobs_workers.estimation.structure import build_structure
from gridjobs_workers.estimation.unit_model import UnitModel

CHAIN = network_of(5, [(k, k + 1, 0.01 + 0.02j) for k in range(4)])
LEVEL = Measurements.of(Kind.V_MAG, [0], 1.0, 0.01)
NOWHERE = np.empty(0, np.intp)


def both(p: Kind, q: Kind, element: list[int], value: float = -0.1) -> Measurements:
    parts = [Measurements.of(kind, element, value, 0.01) for kind in (p, q)]
    return Measurements.join(parts)


def flows(branch: list[int]) -> Measurements:
    return both(Kind.P_FLOW, Kind.Q_FLOW, branch, 0.1)


def injections(bus: list[int]) -> Measurements:
    return both(Kind.P_INJ, Kind.Q_INJ, bus)


def test_buses_behind_an_unmeasured_branch_are_named() -> None:
    with pytest.raises(NotObservable) as caught:
        estimate(CHAIN, Measurements.join([LEVEL, flows([0, 1])]))
    assert caught.value.buses.tolist() == [3, 4]


def test_the_missing_measurements_are_named_and_suffice() -> None:
    given = Measurements.join([LEVEL, flows([0, 1])])
    with pytest.raises(NotObservable) as caught:
        estimate(CHAIN, given)
    kinds = [(Kind(kind), bus) for kind, bus, *_ in caught.value.restoring]
    assert len(kinds) == 4  # P and Q of two branches
    added = [Measurements.of(kind, [bus], -0.05, 0.05, is_pseudo=True) for kind, bus in kinds]
    assert estimate(CHAIN, Measurements.join([given, *added])).observability.deficiency == 0


def test_restore_adds_the_fewest_candidates() -> None:
    given = Measurements.join([LEVEL, flows([0, 1])])
    candidates = default_candidates(CHAIN, given)
    options = Options(observability=OnUnobservable.RESTORE, candidates=candidates)
    result = estimate(CHAIN, given, options)

    assert len(result.restored_by) == 4
    assert result.observability.unobservable.tolist() == [3, 4]
    assert np.isfinite(result.quantities.vm_pu).all()
    assert len(result.measurements.status) == len(given) + 4
    assert result.measurements.is_critical[-4:].all()  # none of them is superfluous


def test_restore_gives_up_where_candidates_do_not_help() -> None:
    useless = injections([0])
    options = Options(observability=OnUnobservable.RESTORE, candidates=useless)
    with pytest.raises(NotObservable):
        estimate(CHAIN, Measurements.join([LEVEL, flows([0, 1])]), options)


def test_partial_estimates_what_is_observable() -> None:
    # The injection at bus 2 is the sum of two unknown flows and a known one, so it says nothing.
    line = 0.01 + 0.02j
    fork = network_of(5, [(0, 1, line), (1, 2, line), (2, 3, line), (2, 4, line)])
    given = Measurements.join([LEVEL, flows([0, 1]), injections([2])])
    result = estimate(fork, given, Options(observability=OnUnobservable.PARTIAL))
    alone = estimate(network_of(3, [(0, 1, line), (1, 2, line)]), given.rows(np.arange(5)))

    np.testing.assert_allclose(result.quantities.vm_pu[:3], alone.quantities.vm_pu, rtol=1e-10)
    assert np.isnan(result.quantities.vm_pu[3:]).all()
    assert np.isnan(result.quantities.branch_p_pu[2:]).all()
    assert result.bus.tolist() == [0, 1, 2]
    assert (result.measurements.status[-2:] == Status.UNUSED).all()


def test_balances_along_a_chain_carry_observability_on() -> None:
    # Flow 2-3 follows from the balance of bus 2, flow 3-4 from that of bus 3; nothing is known behind.
    longer = network_of(7, [(k, k + 1, 0.01 + 0.02j) for k in range(6)])
    given = Measurements.join([LEVEL, flows([0, 1]), injections([2, 3])])
    result = estimate(longer, given, Options(observability=OnUnobservable.PARTIAL))
    assert result.bus.tolist() == [0, 1, 2, 3, 4]
    assert (result.measurements.status == Status.USED).all()


def test_an_island_without_voltage_measurement_is_refused() -> None:
    two = network_of(4, [(0, 1, 0.01j), (2, 3, 0.01j)])
    with pytest.raises(IslandWithoutReference) as caught:
        estimate(two, Measurements.join([LEVEL, flows([0, 1])]))
    assert [island.tolist() for island in caught.value.islands] == [[2, 3]]


def test_partial_leaves_out_an_island_without_voltage_measurement() -> None:
    two = network_of(4, [(0, 1, 0.01j), (2, 3, 0.01j)])
    options = Options(observability=OnUnobservable.PARTIAL)
    result = estimate(two, Measurements.join([LEVEL, flows([0, 1])]), options)
    assert result.bus.tolist() == [0, 1]


def test_restore_takes_a_candidate_for_a_missing_voltage() -> None:
    two = network_of(4, [(0, 1, 0.01j), (2, 3, 0.01j)])
    level = Measurements.of(Kind.V_MAG, [3, 2], [1.01, 1.02], 0.05, is_pseudo=True)
    options = Options(observability=OnUnobservable.RESTORE, candidates=level)
    result = estimate(two, Measurements.join([LEVEL, flows([0, 1])]), options)
    assert result.restored_by.tolist() == [0]
    assert result.quantities.vm_pu[3] == pytest.approx(1.01)


def test_every_island_has_its_own_reference() -> None:
    lines = [(0, 1, 0.01 + 0.02j), (2, 3, 0.03 + 0.01j)]
    two = network_of(4, lines)
    given = Measurements.join([Measurements.of(Kind.V_MAG, [1, 2], [1.0, 0.98], 0.01), flows([0, 1])])
    options = Options(reference_bus=np.array([3]), reference_angle_rad=np.array([0.3]))
    result = estimate(two, given, options)
    assert result.quantities.angle_rad[3] == pytest.approx(0.3)
    assert result.quantities.angle_rad[1] == 0.0  # the first bus with a voltage measurement


def test_flows_alone_do_not_fix_the_voltage_level() -> None:
    with pytest.raises(IslandWithoutReference):
        estimate(CHAIN, flows([0, 1, 2, 3]))


def test_a_measured_injection_at_a_zero_injection_bus_is_a_conflict() -> None:
    measurements = Measurements.join(
        [LEVEL, flows([0, 1, 2, 3]), Measurements.of(Kind.P_INJ, [2], 0.5, 0.01, zero_injection=[2])]
    )
    with pytest.raises(ConflictingMeasurements) as caught:
        estimate(CHAIN, measurements)
    assert caught.value.measurements.tolist() == [9]


@pytest.mark.parametrize(
    ("field", "value"), [("sigma", 0.0), ("sigma", np.nan), ("value", np.inf), ("element", 99), ("side", 2)]
)
def test_nonsense_is_refused(field: str, value: float) -> None:
    columns = {"kind": Kind.P_FLOW, "element": [0], "value": 0.1, "sigma": 0.01, "side": 0}
    columns[field] = [value] if field == "element" else value
    with pytest.raises(ValueError, match=r"measurement|element"):
        estimate(CHAIN, Measurements.join([LEVEL, Measurements.of(**columns)]))


GRIDS = [ieee_grid("ieee_14"), ieee_grid("ieee_30"), radial_grid(3, 7, seed=2)]


def unit_rank(model: UnitModel, used: np.ndarray) -> int:
    """States left open by a dense rank of the same rows."""
    rows = model.jacobian()[model.weights > 0].toarray()
    open_ = np.flatnonzero(np.column_stack((model.free, np.ones_like(model.free))).ravel())
    return len(open_) - int(np.linalg.matrix_rank(rows[:, open_], tol=1e-3))


@pytest.mark.parametrize("grid", GRIDS, ids=["ieee_14", "ieee_30", "radial"])
@pytest.mark.parametrize("seed", range(8))
def test_deficiency_is_that_of_a_dense_rank(grid: Grid, seed: int) -> None:
    rng = np.random.default_rng(seed)
    measurements = meters(grid, rng)
    used = rng.random(len(measurements)) < 0.6
    used[0] = True
    islands = find_islands(grid.network, measurements, NOWHERE, np.empty(0))
    model = UnitModel(grid.network, build_structure(grid.network), measurements, islands)
    found = observe(model, used)
    assert found.deficiency == unit_rank(model, used)


@pytest.mark.parametrize("grid", GRIDS, ids=["ieee_14", "ieee_30", "radial"])
@pytest.mark.parametrize("seed", range(4))
def test_restoring_candidates_restore_and_none_is_superfluous(grid: Grid, seed: int) -> None:
    rng = np.random.default_rng(seed)
    everything = meters(grid, rng)
    keep = (rng.random(len(everything)) < 0.4) | (everything.kind == Kind.V_MAG)
    given, candidates = everything.rows(keep), everything.rows(~keep)
    islands = find_islands(grid.network, given, NOWHERE, np.empty(0))
    structure = build_structure(grid.network)
    model = UnitModel(grid.network, structure, given, islands)
    deficiency = observe(model, np.ones(len(given), bool)).deficiency
    chosen, left = restoring_candidates(grid.network, structure, given, islands, candidates)
    assert left == 0
    assert len(chosen) == deficiency
    Estimator(grid.network, Measurements.join([given, candidates.rows(chosen)]))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_called_observable_is_estimated_right(seed: int) -> None:
    grid = GRIDS[1]
    rng = np.random.default_rng(seed)
    exact = meters(grid, rng, flow_share=0.4)
    options = Options(
        observability=OnUnobservable.PARTIAL,
        reference_bus=np.array([grid.reference_bus]),
        reference_angle_rad=np.angle(grid.v[[grid.reference_bus]]),
    )
    sparse = exact.rows((rng.random(len(exact)) < 0.75) | (exact.kind == Kind.V_MAG))
    result = estimate(grid.network, sparse, options)
    np.testing.assert_allclose(result.quantities.vm_pu[result.bus], np.abs(grid.v[result.bus]), atol=1e-7)
    assert len(result.bus) > 5
