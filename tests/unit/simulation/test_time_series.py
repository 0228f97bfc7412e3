"""Time series against single power flows and against plain numpy."""

from dataclasses import replace

import numpy as np
import pytest
from support.cases import Case, load_case

from gridjobs_workers.grids.network import Complexes
from gridjobs_workers.simulation.limits import Limits
from gridjobs_workers.simulation.limits import no_limits as unlimited
from gridjobs_workers.simulation.power_flow import (
    PowerFlowOptions,
    TapChangers,
    VoltageControls,
    branch_flows,
    solve_power_flow,
)
from gridjobs_workers.simulation.time_series import (
    Chunk,
    InvalidProfiles,
    SeriesOptions,
    SeriesSummary,
    run_series,
    series_of,
)

N_STEPS = 1000
EVERYTHING = SeriesOptions(threads=2, record_v=True, record_loading=True, record_angle=True)


def loads(case: Case, n_steps: int = N_STEPS) -> Complexes:
    """Every load on its own way between 0 and 160 % of its value, shape (n_bus, n_steps)."""
    rng = np.random.default_rng(7)
    scale = (
        0.8 + 0.6 * np.sin(np.arange(n_steps) / 40) + 0.2 * rng.uniform(-1, 1, (case.network.n_bus, n_steps))
    )
    return case.point.s_pu[:, None] * scale


def run(
    case: Case, power: Complexes, limits: Limits, options: SeriesOptions = EVERYTHING
) -> tuple[SeriesSummary, list[Chunk]]:
    chunks: list[Chunk] = []
    return run_series(case.network, case.point, series_of(power), limits, options, chunks.append), chunks


def joined(chunks: list[Chunk], name: str) -> np.ndarray:
    return np.concatenate([getattr(chunk, name) for chunk in chunks], axis=1)


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case("baran_wu_33")


@pytest.fixture(scope="module")
def power(case: Case) -> Complexes:
    return loads(case)


def test_every_step_is_the_power_flow_of_that_step(case: Case, power: Complexes) -> None:
    summary, chunks = run(case, power, unlimited(case.network))
    assert summary.method == "iterative_current"
    v, angle = joined(chunks, "v_pu"), joined(chunks, "angle_rad")
    assert v.shape == (33, N_STEPS)
    for step in range(0, N_STEPS, 37):
        flow = solve_power_flow(case.network, replace(case.point, s_pu=power[:, step]))
        np.testing.assert_allclose(v[:, step], np.abs(flow.v), atol=2e-7)  # recorded as float32
        np.testing.assert_allclose(angle[:, step], np.angle(flow.v), atol=2e-7)
        flows = branch_flows(case.network, flow.v)
        assert summary.losses_pu[step] == pytest.approx((flows.s_from + flows.s_to).sum().real, rel=1e-6)
        np.testing.assert_allclose(summary.reference_s_pu[0, step], flow.s_bus[0], atol=1e-7)


def test_statistics_are_those_of_the_recorded_values(case: Case, power: Complexes) -> None:
    limits = replace(unlimited(case.network), i_from_pu=np.full(32, 0.5), i_to_pu=np.full(32, 0.25))
    summary, chunks = run(case, power, limits)
    for statistics, values in (
        (summary.v_pu, joined(chunks, "v_pu")),
        (summary.loading, joined(chunks, "loading")),
    ):
        np.testing.assert_allclose(statistics.lowest, values.min(axis=1), rtol=1e-6)
        np.testing.assert_allclose(statistics.highest, values.max(axis=1), rtol=1e-6)
        np.testing.assert_allclose(statistics.mean, values.mean(axis=1), rtol=1e-5)
        np.testing.assert_array_equal(statistics.lowest_step, values.argmin(axis=1))
        np.testing.assert_array_equal(statistics.highest_step, values.argmax(axis=1))
        exact = np.percentile(values, statistics.levels, axis=1, method="inverted_cdf")
        assert (np.abs(statistics.percentiles - exact) <= statistics.resolution + 1e-6).all()
    np.testing.assert_allclose(summary.step_v_min_pu, joined(chunks, "v_pu").min(axis=0), rtol=1e-6)
    np.testing.assert_allclose(summary.step_loading, joined(chunks, "loading").max(axis=0), rtol=1e-6)
    assert summary.losses_pu.sum() == pytest.approx(summary.branch_losses_pu.sum(), rel=1e-9)


def test_violations_last_as_long_as_the_values_do(case: Case, power: Complexes) -> None:
    limits = replace(unlimited(case.network), v_min_pu=np.full(33, 0.93))
    summary, chunks = run(case, power, limits)
    v = joined(chunks, "v_pu").astype(float)
    low = v < 0.93
    np.testing.assert_array_equal(summary.v_pu.steps_below, low.sum(axis=1))
    assert summary.v_pu.n_violations == len(summary.v_pu.violations) > 10
    covered = np.zeros_like(low)
    for violation in summary.v_pu.violations:
        span = slice(violation.first_step, violation.first_step + violation.n_steps)
        covered[violation.item, span] = True
        assert not violation.above
        assert violation.worst == pytest.approx(v[violation.item, span].min(), rel=1e-6)
    np.testing.assert_array_equal(covered, low)


def test_threads_and_recording_change_nothing(case: Case, power: Complexes) -> None:
    a, _ = run(case, power, unlimited(case.network), SeriesOptions(threads=1))
    b, _ = run(case, power, unlimited(case.network), EVERYTHING)
    np.testing.assert_array_equal(a.v_pu.percentiles, b.v_pu.percentiles)
    np.testing.assert_array_equal(a.losses_pu, b.losses_pu)


def test_a_step_beyond_the_nose_is_unsolved_and_alone(case: Case, power: Complexes) -> None:
    heavy = power.copy()
    heavy[:, 500] *= 50
    summary, chunks = run(case, heavy, unlimited(case.network))
    assert summary.unsolved.tolist() == [500]
    v = joined(chunks, "v_pu")
    assert np.isnan(v[:, 500]).all()
    assert np.isfinite(np.delete(v, 500, axis=1)).all()
    assert np.isfinite(summary.v_pu.lowest).all()
    assert np.isnan(summary.step_v_min_pu[500])


def test_a_bad_value_is_named_with_its_step(case: Case, power: Complexes) -> None:
    broken = power.copy()
    broken[5, 700] = np.nan
    with pytest.raises(InvalidProfiles) as error:
        run(case, broken, unlimited(case.network))
    assert (error.value.profile, error.value.step) == (5, 700)


def test_a_chunk_callback_can_stop_the_run(case: Case, power: Complexes) -> None:
    class Cancelled(Exception):
        pass

    def stop(chunk: Chunk) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        run_series(case.network, case.point, series_of(power), unlimited(case.network), EVERYTHING, stop)


def test_grids_with_machines_that_hold_voltages_go_side_by_side_through_newton() -> None:
    meshed = load_case("ieee_118")
    power = meshed.point.s_pu[:, None] * np.linspace(0.7, 1.05, 70)
    summary, chunks = run(meshed, power, unlimited(meshed.network))
    assert (summary.method, summary.reason) == ("newton", "machines hold voltages")
    v, angle = joined(chunks, "v_pu"), joined(chunks, "angle_rad")
    for step in (0, 33, 69):
        flow = solve_power_flow(meshed.network, replace(meshed.point, s_pu=power[:, step]))
        np.testing.assert_allclose(v[:, step], np.abs(flow.v), atol=2e-6)
        np.testing.assert_allclose(angle[:, step], np.angle(flow.v), atol=2e-6)


def test_voltage_dependent_loads_go_through_newton(case: Case) -> None:
    half = replace(
        case.point,
        s_pu=case.point.s_pu / 2,
        s_current_pu=case.point.s_pu / 4,
        s_impedance_pu=case.point.s_pu / 4,
    )
    power = half.s_pu[:, None] * np.linspace(0.5, 1.5, 40)
    softer = Case(case.network, half)
    summary, chunks = run(softer, power, unlimited(case.network))
    flow = solve_power_flow(case.network, replace(half, s_pu=power[:, 39]))
    assert summary.method == "newton"
    np.testing.assert_allclose(joined(chunks, "v_pu")[:, 39], np.abs(flow.v), atol=2e-7)


def held_from_afar(case: Case, q_max_pu: float) -> Case:
    """Machines at buses 17 and 13 that hold bus 15 together, two to one."""
    inf = np.inf
    controls = VoltageControls(
        np.array([0, 17, 13]),
        np.array([0, 15, 15]),
        np.array([1.0, 0.97, 0.97]),
        np.array([-inf, -inf, -inf]),
        np.array([inf, q_max_pu, inf]),
        np.array([1.0, 2.0, 1.0]),
    )
    return Case(case.network, replace(case.point, controls=controls))


@pytest.mark.parametrize("q_max_pu", [np.inf, 0.05])
def test_voltages_held_from_afar_go_side_by_side(case: Case, q_max_pu: float) -> None:
    remote = held_from_afar(case, q_max_pu)
    power = case.point.s_pu[:, None] * np.linspace(0.5, 1.5, 40)
    summary, chunks = run(remote, power, unlimited(case.network))
    v = joined(chunks, "v_pu")
    np.testing.assert_allclose(v[15], 0.97, atol=1e-6)
    for step in (0, 21, 39):
        flow = solve_power_flow(case.network, replace(remote.point, s_pu=power[:, step]))
        np.testing.assert_allclose(v[:, step], np.abs(flow.v), atol=1e-6)
    assert summary.unsolved.size == 0


def with_tap_changer(low: float, target_pu: float = 1.02) -> Case:
    """IEEE 14 where the tap changer from 4 to 5, not a machine, holds bus 5."""
    meshed = load_case("ieee_14")
    taps = TapChangers(
        *(np.array([17]), np.array([True]), np.zeros(1), np.zeros(1), np.array([low]), np.array([8.0])),
        *(np.array([0.0125]), np.array([5]), np.array([target_pu]), np.array([0.02])),
    )
    keep = np.array([0, 1, 2, 4])
    controls = meshed.point.controls
    rest = VoltageControls.local(controls.bus[keep], controls.target_pu[keep])
    return Case(meshed.network, replace(meshed.point, controls=rest, taps=taps))


@pytest.mark.parametrize("mode", ["discrete", "continuous"])
def test_tap_changers_move_at_every_step(mode: str) -> None:
    moving = with_tap_changer(low=-8.0)
    power = moving.point.s_pu[:, None] * np.linspace(0.6, 1.3, 40)
    summary, chunks = run(moving, power, unlimited(moving.network), replace(EVERYTHING, taps=mode))
    assert "tap changers" in summary.reason
    held = joined(chunks, "v_pu")[5]
    assert (np.abs(held - 1.02) <= (0.01 if mode == "discrete" else 2e-6) + 1e-6).all()
    step = 37
    flow = solve_power_flow(
        moving.network,
        replace(moving.point, s_pu=power[:, step]),
        PowerFlowOptions(taps=mode, q_limits=False),
    )
    np.testing.assert_allclose(joined(chunks, "v_pu")[:, step], np.abs(flow.v), atol=3e-6)


def test_a_tap_changer_at_its_end_stays_there() -> None:
    moving = with_tap_changer(low=0.0, target_pu=1.1)
    power = moving.point.s_pu[:, None] * np.linspace(1.0, 1.3, 20)
    summary, chunks = run(moving, power, unlimited(moving.network), replace(EVERYTHING, taps="discrete"))
    _, fixed = run(moving, power, unlimited(moving.network))
    assert summary.unsolved.size == 0
    np.testing.assert_allclose(joined(chunks, "v_pu"), joined(fixed, "v_pu"), atol=1e-6)


def test_steps_that_the_iterative_current_method_misses_are_solved_by_newton(case: Case) -> None:
    # 3.6 times the load: the feeder ends near 0.6 p.u., where Gauss's iterations hardly contract any more.
    power = case.point.s_pu[:, None] * np.array([1.0, 3.6, 1.0])
    summary, chunks = run(case, power, unlimited(case.network))
    assert summary.unsolved.size == 0
    flow = solve_power_flow(case.network, replace(case.point, s_pu=power[:, 1]))
    np.testing.assert_allclose(joined(chunks, "v_pu")[:, 1], np.abs(flow.v), atol=2e-6)
