"""Gross errors by hand, and the search of explanations against all of them."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from support.estimation import Grid, ieee_grid, meters, radial_grid, with_noise
from support.networks import network_of

from gridjobs_workers.estimation.estimate import Estimator, estimate
from gridjobs_workers.estimation.explanations import explain
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.options import BadData, Options
from gridjobs_workers.estimation.report import Status


def shifted(measurements: Measurements, row: int, sigmas: float) -> Measurements:
    value = measurements.value.copy()
    value[row] += sigmas * measurements.sigma[row]
    return replace(measurements, value=value)


@pytest.fixture(scope="module")
def ring() -> tuple:
    grid = ieee_grid("ieee_14")
    return grid, meters(grid, np.random.default_rng(0), v_share=0.5, flow_share=0.8)


def test_a_gross_error_is_rejected_and_the_rest_kept(ring: tuple) -> None:
    grid, exact = ring
    row = int(np.flatnonzero(exact.kind == Kind.P_FLOW)[3])
    result = estimate(grid.network, shifted(exact, row, 25.0))
    assert result.bad_data.rejected.tolist() == [row]
    assert result.measurements.status[row] == Status.REJECTED
    assert result.measurements.normalized_residual[row] == pytest.approx(
        25 * np.sqrt(result.measurements.redundancy[row]), rel=1e-3
    )
    np.testing.assert_allclose(result.quantities.vm_pu, np.abs(grid.v), atol=1e-7)


def test_detect_rejects_nothing_but_names_suspects(ring: tuple) -> None:
    grid, exact = ring
    row = int(np.flatnonzero(exact.kind == Kind.P_FLOW)[3])
    result = estimate(grid.network, shifted(exact, row, 25.0), Options(bad_data=BadData.DETECT))
    assert len(result.bad_data.rejected) == 0
    assert row in result.bad_data.suspects
    assert not result.passes_chi2


def test_rejection_keeps_to_its_bound(ring: tuple) -> None:
    grid, exact = ring
    bad = exact
    for row in np.flatnonzero(exact.kind == Kind.P_FLOW)[[0, 4, 8]]:
        bad = shifted(bad, int(row), 30.0)
    result = estimate(grid.network, bad, Options(max_rejected=2))
    assert len(result.bad_data.rejected) <= 2
    assert result.bad_data.is_exhausted


def test_good_measurements_are_seldom_suspect(ring: tuple) -> None:
    # 200 snapshots, at most 0.5 % of them with a false alarm by choice: 1 expected, 6 is beyond 1 in 1,000.
    grid, exact = ring
    rng = np.random.default_rng(1)
    estimator = Estimator(grid.network, exact)
    alarms = sum(
        len(estimator.estimate(with_noise(exact, rng).value).bad_data.rejected) > 0 for _ in range(200)
    )
    assert alarms <= 5


TWO_LINES = network_of(3, [(0, 1, 0.01 + 0.02j), (1, 2, 0.01 + 0.02j)])


def test_in_a_radial_grid_with_one_meter_a_quantity_all_are_critical() -> None:
    given = Measurements.join(
        [
            Measurements.of(Kind.V_MAG, [0], 1.0, 0.01),
            *(Measurements.of(kind, [1, 2], -0.1, 0.01) for kind in (Kind.P_INJ, Kind.Q_INJ)),
        ]
    )
    result = estimate(TWO_LINES, given)
    assert result.measurements.is_critical.all()
    assert result.degrees_of_freedom == 0
    assert np.isinf(result.measurements.noticed_sigma).all()


def redundant_pair() -> Measurements:
    """P of line 1 and of the load behind it: with nothing else they are a critical pair."""
    return Measurements.join(
        [
            Measurements.of(Kind.V_MAG, [0], 1.0, 0.01),
            *(Measurements.of(kind, [1, 2], -0.1, 0.01) for kind in (Kind.P_INJ, Kind.Q_INJ)),
            Measurements.of(Kind.P_FLOW, [1], 0.1001, 0.01),
        ]
    )


def test_a_critical_pair_is_named() -> None:
    result = estimate(TWO_LINES, redundant_pair())
    pair = np.flatnonzero(result.measurements.critical_set >= 0)
    assert pair.tolist() == [2, 5]
    assert not result.measurements.is_critical[pair].any()


@pytest.mark.parametrize("row", [2, 5])
def test_of_a_critical_pair_none_is_guessed(row: int) -> None:
    result = estimate(TWO_LINES, shifted(redundant_pair(), row, 20.0))
    assert len(result.bad_data.rejected) == 0
    assert [group.tolist() for group in result.bad_data.unlocated] == [[2, 5]]
    assert not result.passes_chi2


def silent_load(which: int, rng: np.random.Generator) -> tuple[Grid, Measurements, int]:
    """A grid, readings that take one of its loads for an empty bus, and that bus."""
    grid = radial_grid(3, 8, seed=5)
    exact = meters(grid, rng, v_share=0.3, flow_share=1.0)
    loaded = int(np.setdiff1d(np.arange(1, grid.network.n_bus), grid.zero_injection)[which])
    load = (exact.element == loaded) & np.isin(exact.kind, (Kind.P_INJ, Kind.Q_INJ))
    zeros = np.sort(np.append(exact.zero_injection, loaded))
    return grid, replace(exact.rows(~load), zero_injection=zeros), loaded


@pytest.mark.parametrize("which", [1, 4, 9])
def test_a_load_at_a_bus_taken_for_empty_is_found_and_no_meter_blamed(which: int) -> None:
    rng = np.random.default_rng(which)
    grid, readings, loaded = silent_load(which, rng)
    result = estimate(grid.network, with_noise(readings, rng))
    assert result.bad_data.released_zero_injections.tolist() == [loaded]
    assert len(result.bad_data.rejected) == 0
    assert result.passes_chi2
    found = result.quantities
    assert abs(found.p_pu[loaded] - grid.s[loaded].real) < 4 * found.p_sigma_pu[loaded]


def test_detect_names_a_load_at_a_bus_taken_for_empty() -> None:
    grid, readings, loaded = silent_load(4, np.random.default_rng(0))
    result = estimate(grid.network, readings, Options(bad_data=BadData.DETECT))
    assert loaded in result.bad_data.suspect_zero_injections
    assert len(result.bad_data.released_zero_injections) == 0


def test_an_open_branch_taken_for_closed_is_suspected() -> None:
    grid = ieee_grid("ieee_14")
    exact = meters(grid, np.random.default_rng(2), v_share=0.5, flow_share=1.0)
    wrong = 6  # between buses 3 and 4
    n = grid.network
    y = {name: getattr(n, name).copy() for name in ("y_ff", "y_ft", "y_tf", "y_tt")}
    for column in y.values():
        column[wrong] *= 3.0  # the model has a branch that is not there as modelled
    result = estimate(replace(n, **y), exact)
    ends = {int(n.from_bus[wrong]), int(n.to_bus[wrong])}
    near = {int(b) for b in result.bad_data.suspect_branches if {int(n.from_bus[b]), int(n.to_bus[b])} & ends}
    assert not result.passes_chi2
    assert near


def best_by_trying_all(
    residuals: np.ndarray, covariance: np.ndarray, penalty: float
) -> tuple[frozenset[int], float]:
    best = (frozenset[int](), 0.0)
    for size in range(1, 4):
        for chosen in combinations(range(len(residuals)), size):
            e, s = residuals[list(chosen)], covariance[np.ix_(chosen, chosen)]
            score = size * penalty - float(e @ np.linalg.solve(s, e))
            if score < best[1]:
                best = (frozenset(chosen), score)
    return best


@pytest.mark.parametrize("seed", range(10))
def test_the_search_finds_the_best_of_all_explanations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((14, 6)))[0]
    covariance = np.eye(14) - basis @ basis.T
    errors = rng.standard_normal(14)
    errors[rng.choice(14, 3, replace=False)] += 15 * rng.choice([-1, 1], 3)
    residuals = covariance @ errors
    errors_found, score = best_by_trying_all(residuals, covariance, 16.0)
    found = explain(residuals, covariance, 16.0, 5)[0]
    assert found.errors == errors_found
    assert found.score == pytest.approx(score)
