"""Short circuits small enough to check by hand."""

from dataclasses import replace

import numpy as np
import pytest

from gridjobs_workers.simulation.short_circuit import (
    Feeders,
    Generators,
    Lines,
    MissingData,
    NoInfeed,
    ShortCircuitGrid,
    ShortCircuitOptions,
    Transformers,
    run_short_circuit,
)
from gridjobs_workers.simulation.short_circuit.breaking import mu, q


def feeder(ik_ka: float = 10.0, rx: float = 0.1, x0_per_x1: float = 1.0) -> Feeders:
    one = np.ones(1)
    return Feeders(np.array([0]), ik_ka * one, ik_ka * one, rx * one, rx * one, x0_per_x1 * one, rx * one)


def line(f: int, t: int, z1: complex, z0: complex) -> Lines:
    return Lines(np.array([f]), np.array([t]), np.array([z1]), np.array([z0]), np.array([70.0]))


def unit_transformer(**more: object) -> Transformers:
    """630 kVA 20/0.4 kV, 6 %, Dyn."""
    z = (0.0109 + 1j * np.sqrt(0.06**2 - 0.0109**2)) * 20**2 / 0.63
    yes, no, none = np.array([True]), np.array([False]), np.zeros(1, dtype=complex)
    base = Transformers(
        *(np.array([0]), np.array([1]), np.array([20.0]), np.array([0.4]), np.array([0.63])),
        *(np.array([z]), np.array([z]), no, yes, no, none, none, no, np.zeros(1)),
    )
    return replace(base, **more)


LINE = ShortCircuitGrid(np.array([20.0, 20.0]), feeder(), line(0, 1, 1 + 2j, 3 + 6j))
TRANSFORMER = ShortCircuitGrid(
    np.array([20.0, 0.4]), feeder(), line(0, 0, 1 + 0j, 1 + 0j), unit_transformer()
)


def current(grid: ShortCircuitGrid, bus: int, **options: object) -> float:
    return float(run_short_circuit(grid, np.array([bus]), ShortCircuitOptions(**options)).ik_ka[0])  # type: ignore[arg-type]


def test_at_the_feeder_its_own_current_flows() -> None:
    assert current(LINE, 0) == pytest.approx(10.0)


def test_behind_a_line_the_impedances_add_up() -> None:
    z_q = 1.1 * 20 / (np.sqrt(3) * 10)
    x_q = z_q / np.sqrt(1.01)
    z = 0.1 * x_q + 1 + 1j * (x_q + 2)
    assert current(LINE, 1) == pytest.approx(1.1 * 20 / np.sqrt(3) / abs(z))


def test_two_phases_carry_the_square_root_of_three_halves() -> None:
    assert current(LINE, 1, fault="two_phase") == pytest.approx(np.sqrt(3) / 2 * current(LINE, 1))


def test_the_current_to_earth_adds_the_zero_sequence() -> None:
    x_q = 1.1 * 20 / (np.sqrt(3) * 10) / np.sqrt(1.01)
    z1 = 0.1 * x_q + 1 + 1j * (x_q + 2)
    z0 = 0.1 * x_q + 3 + 1j * (x_q + 6)
    assert current(LINE, 1, fault="phase_to_ground") == pytest.approx(
        np.sqrt(3) * 1.1 * 20 / abs(2 * z1 + z0)
    )


def test_warm_conductors_and_c_min_give_the_least_current() -> None:
    x_q = 1.0 * 20 / (np.sqrt(3) * 10) / np.sqrt(1.01)
    z = 0.1 * x_q + 1 * (1 + 0.004 * 50) + 1j * (x_q + 2)
    assert current(LINE, 1, case="min") == pytest.approx(20 / np.sqrt(3) / abs(z))


def test_without_an_earthed_neutral_nothing_flows_to_earth() -> None:
    isolated = replace(LINE, feeders=feeder(x0_per_x1=np.inf))
    assert current(isolated, 1, fault="phase_to_ground") == 0.0


def test_a_delta_keeps_the_zero_sequence_of_the_feeder_out() -> None:
    # Behind Dyn only the transformer's own Z0 counts: 400 V, c = 1.05, K_T on both sequences.
    x_t = np.sqrt(0.06**2 - 0.0109**2)
    k = 0.95 * 1.05 / (1 + 0.6 * x_t)
    ohm = 0.4**2 / 0.63
    z_t = k * (0.0109 + 1j * x_t) * ohm
    x_q = 1.1 * 20 / (np.sqrt(3) * 10) / np.sqrt(1.01) * (0.4 / 20) ** 2
    z1 = z_t + x_q * (0.1 + 1j)
    assert current(TRANSFORMER, 1) == pytest.approx(1.05 * 0.4 / np.sqrt(3) / abs(z1))
    assert current(TRANSFORMER, 1, fault="phase_to_ground") == pytest.approx(
        np.sqrt(3) * 1.05 * 0.4 / abs(2 * z1 + z_t)
    )


def test_a_neutral_impedance_counts_three_times() -> None:
    earthed = unit_transformer(lv_neutral=np.array([0.1 + 0j]))
    with_resistor = replace(TRANSFORMER, transformers=earthed)
    bare = run_short_circuit(TRANSFORMER, np.array([1]), ShortCircuitOptions(fault="phase_to_ground"))
    more = run_short_circuit(with_resistor, np.array([1]), ShortCircuitOptions(fault="phase_to_ground"))
    assert more.z0_ohm[0] - bare.z0_ohm[0] == pytest.approx(0.3, abs=1e-12)


def test_a_generator_is_corrected_by_k_g() -> None:
    one = np.ones(1)
    generators = Generators(
        np.array([0]),
        10 * one,
        10.5 * one,
        np.nan * one,
        0.2 * one,
        0.8 * one,
        0 * one,
        np.array([-1]),
        np.array([np.inf + 0j]),
    )
    grid = ShortCircuitGrid(
        np.array([10.0]), replace(feeder(), **_nothing()), _no_lines(), generators=generators
    )
    k_g = 10 / 10.5 * 1.1 / (1 + 0.2 * 0.6)
    z = k_g * 0.2 * 10.5**2 / 10 * (0.07 + 1j)
    assert current(grid, 0) == pytest.approx(1.1 * 10 / np.sqrt(3) / abs(z))


def _nothing() -> dict[str, np.ndarray]:
    return {name: getattr(feeder(), name)[:0] for name in Feeders.__slots__}


def _no_lines() -> Lines:
    return Lines(*(getattr(line(0, 0, 1j, 1j), name)[:0] for name in Lines.__slots__))


def test_a_bus_without_infeed_is_named() -> None:
    grid = replace(LINE, nominal_kv=np.array([20.0, 20.0, 20.0]))
    with pytest.raises(NoInfeed) as error:
        current(grid, 2)
    assert error.value.buses.tolist() == [2]


def test_unknown_zero_sequence_is_asked_for_not_guessed() -> None:
    grid = replace(LINE, lines=line(0, 1, 1 + 2j, complex(np.nan, np.nan)))
    with pytest.raises(MissingData) as error:
        current(grid, 1, fault="phase_to_ground")
    assert (error.value.equipment, error.value.rows.tolist()) == ("lines", [0])
    assert current(grid, 1) > 0


def test_mu_and_q_are_those_of_the_standard() -> None:
    # Equations (70) and (73) at 0.1 s: 0.62 + 0.72 exp(-0.32 * 5), 0.57 + 0.12 ln 2.5.
    assert mu(np.array([5.0]), 0.1)[0] == pytest.approx(0.62 + 0.72 * np.exp(-1.6))
    assert mu(np.array([1.9]), 0.1)[0] == 1.0
    assert q(np.array([2.5]), 0.1)[0] == pytest.approx(0.57 + 0.12 * np.log(2.5))
    assert q(np.array([1e6]), 0.02)[0] == 1.0
