"""Where plain Gauss-Newton on normal equations is in trouble."""

from dataclasses import replace

import numpy as np
import pytest
from support.estimation import Grid, ieee_grid, meters, radial_grid, with_noise
from support.networks import network_of

from gridjobs_workers.estimation import careful
from gridjobs_workers.estimation.batch import estimate_batch
from gridjobs_workers.estimation.errors import NotConverged
from gridjobs_workers.estimation.estimate import Estimator, estimate
from gridjobs_workers.estimation.hachtel import hachtel_step
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.options import BadData, Options


def at_reference(grid: Grid, **more: object) -> Options:
    bus = np.array([grid.reference_bus])
    return Options(reference_bus=bus, reference_angle_rad=np.angle(grid.v[bus]), **more)


def test_flat_starts_follow_phase_shifts() -> None:
    grid = ieee_grid("ieee_14")
    n = grid.network
    turn = np.zeros(n.n_branch)
    behind = (
        np.isin(np.arange(n.n_bus), np.arange(5, 14)) & (np.arange(n.n_bus) != 6) & (np.arange(n.n_bus) != 7)
    )
    turn[behind[n.from_bus] != behind[n.to_bus]] = np.deg2rad(150)
    lead = np.where(behind[n.to_bus], turn, -turn)  # from side leads where the to side is behind
    shifted = replace(
        n, y_ft=n.y_ft * np.exp(1j * lead), y_tf=n.y_tf * np.exp(-1j * lead), shift_rad=n.shift_rad + lead
    )
    v = grid.v * np.where(behind, np.exp(-1j * np.deg2rad(150)), 1)
    turned = Grid(shifted, v, grid.reference_bus)
    np.testing.assert_allclose(turned.s, grid.s, atol=1e-9)
    result = estimate(shifted, meters(turned, np.random.default_rng(0)), at_reference(turned))
    np.testing.assert_allclose(result.state.phasor(), v, atol=1e-8)
    assert result.iterations <= 8


@pytest.mark.parametrize("closeness", [1e-3, 1e-5, 1e-7])
def test_very_short_lines_cost_no_convergence(closeness: float) -> None:
    # Bus couplers as lines of almost no impedance between the feeders' first buses.
    grid = radial_grid(3, 6, seed=2)
    n = grid.network
    y = 1 / (closeness * (1 + 1j) / 400)
    lines = [(int(f), int(t), -1 / y_ft) for f, t, y_ft in zip(n.from_bus, n.to_bus, n.y_ft, strict=True)]
    coupled = network_of(n.n_bus + 1, [*lines, (0, n.n_bus, 1 / y)])
    v = np.append(grid.v, grid.v[0])
    long = Grid(coupled, v, 0)
    exact = meters(Grid(n, grid.v, 0), np.random.default_rng(0))
    silent = replace(exact, zero_injection=np.append(exact.zero_injection, n.n_bus))
    result = estimate(coupled, silent, at_reference(long))
    np.testing.assert_allclose(result.state.phasor(), v, atol=1e-7)


@pytest.mark.parametrize("spread", [1e2, 1e4, 1e6])
def test_sigmas_of_very_different_size_cost_no_accuracy(spread: float) -> None:
    grid = ieee_grid("ieee_30")
    rng = np.random.default_rng(1)
    exact = meters(grid, rng, v_share=0.4, flow_share=0.6)
    sigma = exact.sigma * spread ** rng.uniform(-0.5, 0.5, len(exact))
    result = estimate(grid.network, replace(exact, sigma=sigma), at_reference(grid))
    np.testing.assert_allclose(result.state.phasor(), grid.v, atol=1e-7)


def test_gross_errors_of_any_size_leave_it_converging() -> None:
    grid = ieee_grid("ieee_30")
    exact = meters(grid, np.random.default_rng(1), v_share=0.5, flow_share=0.8)
    row = int(np.flatnonzero(exact.kind == Kind.P_FLOW)[2])
    for factor in (-1.0, 10.0, 1000.0):
        value = exact.value.copy()
        value[row] *= factor
        result = estimate(grid.network, replace(exact, value=value), at_reference(grid))
        assert result.bad_data.rejected.tolist() == [row]
        np.testing.assert_allclose(result.state.phasor(), grid.v, atol=1e-6)


def test_the_damped_iteration_finds_the_same_optimum() -> None:
    grid = radial_grid(3, 8, seed=6)
    rng = np.random.default_rng(2)
    noisy = with_noise(meters(grid, rng), rng)
    estimator = Estimator(grid.network, noisy, at_reference(grid, bad_data=BadData.OFF))
    solver = estimator.solver
    fast = solver.solve(noisy.value, tolerance=1e-11)
    careful = solver.solve(noisy.value, max_iterations=1, tolerance=1e-11)
    np.testing.assert_allclose(careful.state.phasor(), fast.state.phasor(), atol=1e-8)
    assert careful.objective == pytest.approx(fast.objective, rel=1e-6)


def test_indirectly_felt_quantities_are_found() -> None:
    # The active power of two loads shows only in the voltages around: large residuals make plain
    # Gauss-Newton swing.
    grid = radial_grid(2, 14, seed=11)
    rng = np.random.default_rng(5)
    exact = meters(grid, rng, v_share=1.0, flow_share=0.0)
    loads = np.setdiff1d(np.arange(1, grid.network.n_bus), grid.zero_injection)
    hidden = (exact.kind == Kind.P_INJ) & np.isin(exact.element, loads[[4, 15]])
    noisy = with_noise(exact.rows(~hidden), rng)
    # A substation meter that contradicts the loads by far.
    value = noisy.value.copy()
    value[(noisy.kind == Kind.Q_INJ) & (noisy.element == 0)] *= 1.5
    result = estimate(grid.network, replace(noisy, value=value), at_reference(grid, bad_data=BadData.OFF))
    again = Estimator(grid.network, replace(noisy, value=value), at_reference(grid, bad_data=BadData.OFF))
    best = again.solver.solve(value, result.state, max_iterations=1, tolerance=1e-11)
    assert result.objective <= best.objective * (1 + 1e-6)


def test_hachtels_matrix_gives_the_same_step() -> None:
    grid = ieee_grid("ieee_30")
    rng = np.random.default_rng(0)
    noisy = with_noise(meters(grid, rng), rng)
    solver = Estimator(grid.network, noisy, at_reference(grid)).solver
    solution = solver.solve(noisy.value, tolerance=1e-12)
    solver.space.residuals[solver.layout.row] = solution.residuals
    assert np.abs(hachtel_step(solver)).max() < 1e-9  # at the optimum there is no step left


def test_no_convergence_says_what_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = ieee_grid("ieee_14")
    monkeypatch.setattr(careful, "MOST_DAMPED", 1)
    monkeypatch.setattr(careful, "MOST_HACHTEL", 1)
    with pytest.raises(NotConverged) as caught:
        estimate(grid.network, meters(grid, np.random.default_rng(0)), at_reference(grid, max_iterations=1))
    assert np.abs(caught.value.residuals_pu).max() > 0
    assert caught.value.iterations >= 2
    assert caught.value.step_pu > 1e-3


def test_a_branch_from_a_bus_to_itself_does_no_harm() -> None:
    network = network_of(3, [(0, 1, 0.01 + 0.02j), (1, 2, 0.01 + 0.02j), (2, 2, 0.05j)])
    given = Measurements.join(
        (
            Measurements.of(Kind.V_MAG, [0], 1.0, 0.01),
            *(Measurements.of(kind, [1, 2], -0.1, 0.01) for kind in (Kind.P_INJ, Kind.Q_INJ)),
            Measurements.of(Kind.P_FLOW, [2], 0.0, 0.01),
        )
    )
    assert np.isfinite(estimate(network, given).quantities.vm_pu).all()


def test_a_single_bus_is_a_network() -> None:
    alone = network_of(1, [])
    result = estimate(alone, Measurements.of(Kind.V_MAG, [0, 0], [1.01, 1.03], 0.01))
    assert result.quantities.vm_pu[0] == pytest.approx(1.02)
    assert result.quantities.vm_sigma_pu[0] == pytest.approx(0.01 / np.sqrt(2), rel=1e-6)


def test_a_second_meter_of_the_same_quantity_counts() -> None:
    grid = ieee_grid("ieee_14")
    exact = meters(grid, np.random.default_rng(0))
    twice = Measurements.join((exact, exact))
    once, both = (estimate(grid.network, m, at_reference(grid)) for m in (exact, twice))
    np.testing.assert_allclose(
        both.quantities.vm_sigma_pu, once.quantities.vm_sigma_pu / np.sqrt(2), rtol=2e-3
    )


def test_a_batch_gives_what_single_estimates_give() -> None:
    grid = radial_grid(3, 8, seed=6)
    rng = np.random.default_rng(2)
    exact = meters(grid, rng)
    values = np.stack([with_noise(exact, rng).value for _ in range(12)])
    options = at_reference(grid, bad_data=BadData.OFF, tolerance=1e-10)
    estimator = Estimator(grid.network, exact, options)
    batch = estimate_batch(estimator, values)
    assert batch.has_converged.all()
    for k, row in enumerate(values):
        single = estimator.estimate(row)
        np.testing.assert_allclose(batch.vm_pu[k], single.quantities.vm_pu, atol=1e-9)
        np.testing.assert_allclose(batch.angle_rad[k], single.quantities.angle_rad, atol=1e-9)
        assert batch.objective[k] == pytest.approx(single.objective, rel=1e-6)
        np.testing.assert_allclose(
            batch.normalized_residual[k], single.measurements.normalized_residual, rtol=1e-3, atol=1e-5
        )
    assert (batch.is_suspect == (batch.normalized_residual.max(axis=1) > estimator.limit)).all()


def test_a_warm_start_saves_iterations() -> None:
    grid = ieee_grid("ieee_118")
    rng = np.random.default_rng(2)
    exact = meters(grid, rng)
    estimator = Estimator(grid.network, exact, at_reference(grid))
    first = estimator.estimate(with_noise(exact, rng).value)
    again = with_noise(exact, rng).value
    cold, warm = estimator.estimate(again), estimator.estimate(again, first.state)
    assert warm.iterations < cold.iterations
    np.testing.assert_allclose(warm.quantities.vm_pu, cold.quantities.vm_pu, atol=1e-7)
