"""Estimates of which books and other projects published the result; numbers from shared/data/reference_values.json."""

import json

import numpy as np
import pytest
from support.data import shared
from support.estimation import ieee_grid, meters
from support.networks import network_of

from gridjobs_workers.estimation.bad_data import normalized
from gridjobs_workers.estimation.estimate import estimate
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.options import Options
from gridjobs_workers.grids.network import Network


@pytest.fixture(scope="module")
def published() -> dict:
    return json.loads(shared("reference_values.json").read_text())


def one(kind: Kind, element: int, value: float, sigma: float) -> Measurements:
    return Measurements.of(kind, [element], value, sigma)


def three_buses(z12: complex, z13: complex, z23: complex) -> Network:
    return network_of(3, [(0, 1, z12), (0, 2, z13), (1, 2, z23)])


@pytest.fixture(scope="module")
def abur_exposito(published: dict) -> tuple[Network, Measurements]:
    case = published["abur_exposito_ex2_2_3bus"]
    lines = [(int(f) - 1, int(t) - 1, complex(r, x)) for f, t, r, x in case["lines_r_x"]]
    places = {
        "V1": (Kind.V_MAG, 0),
        "V2": (Kind.V_MAG, 1),
        "P2": (Kind.P_INJ, 1),
        "Q2": (Kind.Q_INJ, 1),
        "P12": (Kind.P_FLOW, 0),
        "P13": (Kind.P_FLOW, 1),
        "Q12": (Kind.Q_FLOW, 0),
        "Q13": (Kind.Q_FLOW, 1),
    }
    order = case["recomputed"]["order"]
    return network_of(3, lines), Measurements.join([one(*places[m], *case["measurements"][m]) for m in order])


def test_abur_and_exposito_example_2_2(abur_exposito: tuple[Network, Measurements], published: dict) -> None:
    network, measurements = abur_exposito
    expected = published["abur_exposito_ex2_2_3bus"]
    result = estimate(network, measurements)

    book, again = expected["published"], expected["recomputed"]
    np.testing.assert_allclose(result.quantities.vm_pu, book["V"], atol=1e-4)  # as printed, cut not rounded
    np.testing.assert_allclose(np.rad2deg(result.quantities.angle_rad), book["theta_deg"], atol=1e-4)
    np.testing.assert_allclose(result.quantities.vm_pu, again["V"], atol=1e-8)
    np.testing.assert_allclose(np.rad2deg(result.quantities.angle_rad), again["theta_deg"], atol=1e-6)
    assert result.objective == pytest.approx(again["J"], abs=1e-7)
    assert result.degrees_of_freedom == again["dof"]


def test_abur_and_exposito_normalized_residuals_and_sigmas(
    abur_exposito: tuple[Network, Measurements], published: dict
) -> None:
    network, measurements = abur_exposito
    again = published["abur_exposito_ex2_2_3bus"]["recomputed"]
    result = estimate(network, measurements)

    report = result.measurements
    ratio = normalized(report.residual_pu / measurements.sigma, report.redundancy)
    np.testing.assert_allclose(ratio, again["normalized_residual"], rtol=1e-4)
    sigma = np.concatenate((result.quantities.angle_sigma_rad[1:], result.quantities.vm_sigma_pu))
    np.testing.assert_allclose(sigma, again["state_std"], rtol=1e-4)


def test_pandapower_two_buses(published: dict) -> None:
    # pandapower's tests: 1 MVA, 1 kV, so ohm are p.u.
    network = network_of(2, [(0, 1, 1 + 0.5j)])
    measurements = Measurements.join(
        [
            one(Kind.P_FLOW, 0, 0.0111, 0.05),
            one(Kind.Q_FLOW, 0, 0.06, 0.05),
            one(Kind.V_MAG, 0, 1.019, 0.01),
            one(Kind.V_MAG, 1, 1.04, 0.01),
        ]
    )
    expected = published["pandapower_wls_tests"]["test_2bus"]
    result = estimate(network, measurements)

    np.testing.assert_allclose(result.quantities.vm_pu, expected["V"], atol=1e-6)
    np.testing.assert_allclose(np.rad2deg(result.quantities.angle_rad), expected["theta"], atol=1e-6)


PANDAPOWER_THREE = three_buses(0.7 + 0.2j, 0.8 + 0.8j, 1 + 0.6j)
PANDAPOWER_READINGS = Measurements.join(
    [
        one(Kind.P_FLOW, 0, -0.0011, 0.01),
        one(Kind.Q_FLOW, 0, 0.024, 0.01),
        one(Kind.P_INJ, 2, 0.018, 0.01),
        one(Kind.Q_INJ, 2, -0.1, 0.01),
        one(Kind.V_MAG, 0, 1.08, 0.05),
        one(Kind.V_MAG, 2, 1.015, 0.05),
    ]
)


def test_pandapower_three_buses(published: dict) -> None:
    expected = published["pandapower_wls_tests"]["test_3bus_and_bad_data"]
    result = estimate(PANDAPOWER_THREE, PANDAPOWER_READINGS)

    np.testing.assert_allclose(result.quantities.vm_pu, expected["V"], atol=expected["atol"])
    np.testing.assert_allclose(
        np.rad2deg(result.quantities.angle_rad), expected["theta"], atol=expected["atol"]
    )
    assert result.passes_chi2


def test_pandapower_bad_voltage_is_found(published: dict) -> None:
    expected = published["pandapower_wls_tests"]["test_3bus_and_bad_data"]
    with_bad = Measurements.join([PANDAPOWER_READINGS, one(Kind.V_MAG, 1, 1.3, 0.01)])
    result = estimate(PANDAPOWER_THREE, with_bad)

    # Besides the voltage nothing but one degree of freedom is left: pandapower removes it, we may only if it is clear.
    assert 6 in np.concatenate([result.bad_data.rejected, *result.bad_data.unlocated])
    if 6 in result.bad_data.rejected:
        np.testing.assert_allclose(result.quantities.vm_pu, expected["V"], atol=expected["atol"])


def test_ieee_14_gives_back_the_published_voltages(published: dict) -> None:
    expected = published["ieee14_published"]
    grid = ieee_grid("ieee_14")
    exact = meters(grid, np.random.default_rng(0), v_share=0.3, flow_share=0.5)
    result = estimate(
        grid.network, exact, Options(reference_bus=np.array([0]), reference_angle_rad=np.zeros(1))
    )

    precise = expected["pandapower_3_5_6"]
    np.testing.assert_allclose(result.quantities.vm_pu, precise["V"], atol=1e-7)
    np.testing.assert_allclose(np.rad2deg(result.quantities.angle_rad), precise["theta"], atol=1e-5)
    np.testing.assert_allclose(result.quantities.vm_pu, expected["V"], atol=2e-3)
