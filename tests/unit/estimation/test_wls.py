"""The optimum, against a dense reference and by its own conditions."""

import numpy as np
import pytest
from support.estimation import Grid, dense_estimate, ieee_grid, meters, radial_grid, with_noise

from gridjobs_workers.estimation.estimate import estimate
from gridjobs_workers.estimation.options import Options

GRIDS = {
    "ieee_14": lambda: ieee_grid("ieee_14"),
    "ieee_30": lambda: ieee_grid("ieee_30"),
    "ieee_118": lambda: ieee_grid("ieee_118"),
    "radial": lambda: radial_grid(4, 12, seed=1),
}


@pytest.fixture(scope="module", params=GRIDS)
def grid(request: pytest.FixtureRequest) -> Grid:
    return GRIDS[request.param]()


def reference(grid: Grid) -> Options:
    return Options(
        reference_bus=np.array([grid.reference_bus]),
        reference_angle_rad=np.angle(grid.v[[grid.reference_bus]]),
        tolerance=1e-11,
    )


def phasor(result) -> np.ndarray:
    return result.quantities.vm_pu * np.exp(1j * result.quantities.angle_rad)


def test_exact_measurements_give_the_state_back(grid: Grid) -> None:
    result = estimate(grid.network, meters(grid, np.random.default_rng(0)), reference(grid))
    np.testing.assert_allclose(phasor(result), grid.v, atol=1e-9)
    assert result.objective < 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_noisy_measurements_give_the_optimum_of_a_dense_reference(grid: Grid, seed: int) -> None:
    rng = np.random.default_rng(seed)
    noisy = with_noise(meters(grid, rng), rng)
    result = estimate(grid.network, noisy, reference(grid))
    dense = dense_estimate(grid.network, noisy, grid.reference_bus, grid.v)

    np.testing.assert_allclose(phasor(result), dense.v, atol=1e-8)
    assert result.objective == pytest.approx(dense.objective, rel=1e-7)
    zero = noisy.zero_injection
    np.testing.assert_allclose(result.quantities.p_pu[zero], 0, atol=1e-9)


def test_sigmas_are_those_of_the_dense_covariance(grid: Grid) -> None:
    rng = np.random.default_rng(5)
    noisy = with_noise(meters(grid, rng), rng)
    result = estimate(grid.network, noisy, reference(grid))
    dense = dense_estimate(grid.network, noisy, grid.reference_bus, grid.v)

    n = grid.network.n_bus
    sigma = np.sqrt(np.diag(dense.state_covariance))
    np.testing.assert_allclose(result.quantities.angle_sigma_rad, sigma[:n], rtol=2e-3, atol=1e-12)
    np.testing.assert_allclose(result.quantities.vm_sigma_pu, sigma[n:], rtol=2e-3)
    well_checked = dense.residual_sigma > 0.1 * noisy.sigma
    expected = np.abs(result.measurements.residual_pu) / dense.residual_sigma
    np.testing.assert_allclose(
        result.measurements.normalized_residual[well_checked], expected[well_checked], rtol=5e-3
    )
