"""The AC power flow."""

from collections.abc import Iterator

import numpy as np

from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.power_flow.check import check
from gridjobs_workers.simulation.power_flow.diagnosis import Solver, diagnose
from gridjobs_workers.simulation.power_flow.errors import ControlsUnsettled, NotConverged
from gridjobs_workers.simulation.power_flow.islands import islands, require_sources
from gridjobs_workers.simulation.power_flow.layout import Layout, lay_out
from gridjobs_workers.simulation.power_flow.limits import ReactiveLimits
from gridjobs_workers.simulation.power_flow.newton import Attempt, solve, state_at
from gridjobs_workers.simulation.power_flow.problem import OperatingPoint, PowerFlow, PowerFlowOptions
from gridjobs_workers.simulation.power_flow.start import dc_start, flat_start
from gridjobs_workers.simulation.power_flow.taps import TapControl

DEFAULTS = PowerFlowOptions()


def solve_power_flow(
    network: Network, injections: OperatingPoint, options: PowerFlowOptions = DEFAULTS
) -> PowerFlow:
    """Find the voltages at which every bus is in balance.

    Newton's method with step control (`newton.solve`) inside rounds of reactive limits and tap changers.

    Raises:
        InvalidInput: Numbers that mean nothing.
        NoSource: An island has no reference.
        NotConverged: No start led to a solution; its `diagnosis` says what is known.
        ControlsUnsettled: Limits and tap changers keep each other moving.

    References:
        W. F. Tinney, C. E. Hart, "Power Flow Solution by Newton's Method", IEEE Trans. PAS-86, 1967.
        S. Iwamoto, Y. Tamura, "A Load Flow Calculation Method for Ill-Conditioned Power Systems", IEEE Trans.
        PAS-100, 1981.
    """
    check(network, injections, options)
    island = islands(network)
    require_sources(island, injections.reference_bus)
    limits = ReactiveLimits(injections, options.q_limits)
    taps = TapControl(network, injections.taps, options.taps == "discrete")
    moves_taps = options.taps != "fixed" and len(injections.taps.branch) > 0

    iterations, start = 0, ""
    v: Complexes | None = None
    for _ in range(options.max_rounds):
        point, moved = limits.operating_point(), taps.network()
        layout = lay_out(moved, point, island, limits.active)
        attempt, start_used = _attempt(moved, layout, point, options, v)
        start = start or start_used
        iterations += attempt.iterations
        v = attempt.state.v
        control_q = _control_q(layout, limits, attempt)
        if limits.settle(control_q, np.abs(v)) and (
            not moves_taps or taps.settle(layout, point, attempt.state)
        ):
            return PowerFlow(
                network=moved,
                v=v,
                s_bus=np.asarray(v * (moved.admittance() @ v).conj()),
                reference_p_pu=attempt.state.reference_p_pu,
                control_q_pu=control_q,
                control_state=limits.state,
                tap_position=taps.position,
                iterations=iterations,
                mismatch_pu=attempt.residual_pu,
                start=start,
            )
    raise ControlsUnsettled(options.max_rounds)


def _attempt(
    network: Network,
    layout: Layout,
    point: OperatingPoint,
    options: PowerFlowOptions,
    last_v: Complexes | None,
) -> tuple[Attempt, str]:
    """The first start that converges; raises NotConverged where none does."""
    attempt = None
    for name, v in _starts(network, point, options, last_v):
        attempt = solve(
            layout, point, state_at(layout, point, v), options.tolerance_pu, options.max_iterations
        )
        if attempt.converged:
            return attempt, name
    assert attempt is not None
    raise NotConverged(
        diagnose(point, attempt, _solver(network, layout, options) if options.diagnose else None)
    )


def _starts(
    network: Network, point: OperatingPoint, options: PowerFlowOptions, last_v: Complexes | None
) -> Iterator[tuple[str, Complexes]]:
    """Start voltages in the order to try them."""
    if last_v is not None:
        yield "last", last_v
    given = options.v_start
    if given is not None and options.start in ("auto", "given"):
        yield "given", given
    if options.start in ("auto", "dc"):
        yield "dc", dc_start(network, point)
    if options.start in ("auto", "flat"):
        yield "flat", flat_start(network, point)


def _solver(network: Network, layout: Layout, options: PowerFlowOptions) -> Solver:
    def solve_scaled(point: OperatingPoint) -> Attempt:
        start = state_at(layout, point, flat_start(network, point))
        return solve(layout, point, start, 1e-6, options.max_iterations)

    return solve_scaled


def _control_q(layout: Layout, limits: ReactiveLimits, attempt: Attempt) -> Floats:
    """Reactive power of each control [p.u.], shape (n_control,)."""
    controls, active = limits.point.controls, limits.active
    q = limits.fixed_q_pu
    group: Ints = np.searchsorted(layout.held_bus, controls.regulated_bus[active])
    share = controls.share[active] / np.bincount(group, controls.share[active], len(layout.held_bus))[group]
    q[active] = share * attempt.state.held_q_pu[group]
    return q
