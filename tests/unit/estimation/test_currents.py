"""Current magnitudes and phasors."""

import numpy as np
import pytest
from support.estimation import Grid, dense_estimate, ieee_grid, meters, radial_grid, with_noise

from gridjobs_workers.estimation.estimate import estimate
from gridjobs_workers.estimation.measurements import Kind, Measurements, Side, current_phasor
from gridjobs_workers.estimation.options import BadData, Options

GRIDS = {"ieee_30": lambda: ieee_grid("ieee_30"), "radial": lambda: radial_grid(3, 8, seed=1)}


@pytest.fixture(scope="module", params=GRIDS)
def grid(request: pytest.FixtureRequest) -> Grid:
    return GRIDS[request.param]()


def currents(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Into the branches, from and to end."""
    n = grid.network
    v_f, v_t = grid.v[n.from_bus], grid.v[n.to_bus]
    return n.y_ff * v_f + n.y_ft * v_t, n.y_tf * v_f + n.y_tt * v_t


def reference(grid: Grid) -> Options:
    bus = np.array([grid.reference_bus])
    return Options(
        reference_bus=bus, reference_angle_rad=np.angle(grid.v[bus]), tolerance=1e-11, bad_data=BadData.OFF
    )


def magnitudes(grid: Grid, branch: np.ndarray) -> Measurements:
    i_from, i_to = (np.abs(i[branch]) for i in currents(grid))
    sigma = np.maximum(0.01 * i_from, 1e-4)
    return Measurements.join(
        (
            Measurements.of(Kind.I_MAG, branch, i_from, sigma, side=Side.FROM),
            Measurements.of(Kind.I_MAG, branch, i_to, sigma, side=Side.TO),
        )
    )


def phasors(grid: Grid, branch: np.ndarray) -> Measurements:
    i_to = currents(grid)[1][branch]
    sigma = np.maximum(0.002 * np.abs(i_to), 1e-5)
    return current_phasor(branch, Side.TO, np.abs(i_to), np.angle(i_to), sigma, 0.003)


def test_magnitudes_join_in_at_the_optimum(grid: Grid) -> None:
    rng = np.random.default_rng(3)
    exact = Measurements.join((meters(grid, rng), magnitudes(grid, np.arange(0, grid.network.n_branch, 2))))
    noisy = with_noise(exact, rng)
    result = estimate(grid.network, noisy, reference(grid))
    dense = dense_estimate(grid.network, noisy, grid.reference_bus, grid.v)
    np.testing.assert_allclose(result.state.phasor(), dense.v, atol=1e-8)
    np.testing.assert_allclose(
        result.quantities.vm_sigma_pu,
        np.sqrt(np.diag(dense.state_covariance))[grid.network.n_bus :],
        rtol=5e-3,
    )


def test_phasors_join_in_at_the_optimum(grid: Grid) -> None:
    rng = np.random.default_rng(4)
    angle = Measurements.of(Kind.V_ANG, [grid.reference_bus], np.angle(grid.v[grid.reference_bus]), 1e-3)
    exact = Measurements.join(
        (meters(grid, rng), phasors(grid, np.arange(0, grid.network.n_branch, 3)), angle)
    )
    noisy = with_noise(exact, rng)
    result = estimate(grid.network, noisy, reference(grid))
    dense = dense_estimate(grid.network, noisy, None, grid.v)
    np.testing.assert_allclose(result.state.phasor(), dense.v, atol=1e-8)
    assert not result.islands.is_pinned.any()


def test_pmus_alone_give_the_state(grid: Grid) -> None:
    n = grid.network
    bus = np.arange(n.n_bus)
    exact = Measurements.join(
        (
            Measurements.of(Kind.V_MAG, bus[::2], np.abs(grid.v[::2]), 0.002),
            Measurements.of(Kind.V_ANG, bus[::2], np.angle(grid.v[::2]), 0.003),
            phasors(grid, np.arange(n.n_branch)),
        )
    )
    result = estimate(n, exact, reference(grid))
    np.testing.assert_allclose(result.state.phasor(), grid.v, atol=1e-8)


def test_an_angle_beyond_half_a_turn_is_the_same_angle(grid: Grid) -> None:
    exact = meters(grid, np.random.default_rng(0))
    angle = np.angle(grid.v[grid.reference_bus])
    turned = Measurements.of(Kind.V_ANG, [grid.reference_bus], angle + 2 * np.pi, 1e-3)
    result = estimate(grid.network, Measurements.join((exact, turned)), reference(grid))
    np.testing.assert_allclose(result.state.phasor(), grid.v, atol=1e-8)


def test_a_feeder_with_ammeters_alone_is_estimated_as_consuming() -> None:
    grid = radial_grid(2, 6, seed=8)
    n = grid.network
    # |I| of every branch and the power factor of every load: P and Q follow up to the sign, which is
    # consumption.
    loads = np.setdiff1d(np.arange(1, n.n_bus), grid.zero_injection)
    ratio = 1e-4
    exact = Measurements.join(
        (
            Measurements.of(Kind.V_MAG, [0], np.abs(grid.v[0]), 0.001, zero_injection=grid.zero_injection),
            Measurements.of(Kind.I_MAG, np.arange(n.n_branch), np.abs(currents(grid)[0]), ratio),
            Measurements.of(Kind.Q_INJ, loads, grid.s[loads].imag, ratio),
        )
    )
    result = estimate(n, exact, reference(grid))
    np.testing.assert_allclose(result.state.phasor(), grid.v * np.exp(-1j * np.angle(grid.v[0])), atol=1e-6)


def test_injected_currents_are_understood() -> None:
    grid = radial_grid(2, 6, seed=9)
    n = grid.network
    injected = grid.network.admittance() @ grid.v
    loads = np.setdiff1d(np.arange(1, n.n_bus), grid.zero_injection)
    exact = meters(grid, np.random.default_rng(0), v_share=0.3, flow_share=0.5)
    without = exact.rows(~((exact.kind == Kind.P_INJ) & np.isin(exact.element, loads[::2])))
    extra = Measurements.of(Kind.I_INJ_MAG, loads, np.abs(injected[loads]), 1e-4)
    axis = Measurements.of(
        Kind.I_INJ_AXIS, loads[:3], (injected[loads[:3]] * np.exp(-0.4j)).real, 1e-4, axis_rad=0.4
    )
    result = estimate(n, Measurements.join((without, extra, axis)), reference(grid))
    np.testing.assert_allclose(result.state.phasor(), grid.v, atol=1e-7)
