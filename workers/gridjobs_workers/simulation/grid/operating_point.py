"""What the equipment of a grid model does, as an operating point of its network."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.model import GridModel, InjectionKind
from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.grid.references import choose_references
from gridjobs_workers.simulation.grid.tap_changers import tap_changers
from gridjobs_workers.simulation.power_flow import OperatingPoint, PowerFlow, VoltageControls

Values = Literal["ssh", "sv"]
CONTROLLING = (
    InjectionKind.MACHINE,
    InjectionKind.EXTERNAL,
    InjectionKind.EQUIVALENT,
    InjectionKind.CONVERTER,
)


@dataclass(frozen=True, slots=True)
class GridPoint:
    """An operating point and the equipment behind it.

    Attributes:
        point: For the power flow.
        bus_of: Network bus of each bus of the model, -1 where not energised, shape (n_model_bus,).
        p_mw: Active power of each injection, consumption positive, 0 out of service, shape (n_injection,).
        q_mvar: Reactive power, 0 for those that hold a voltage.
        control: Voltage control that each injection is part of, -1 for none, shape (n_injection,).
        reference: Injection (row of the model) behind each reference bus, shape (n_reference,).
    """

    point: OperatingPoint
    bus_of: Ints
    p_mw: Floats
    q_mvar: Floats
    control: Ints
    reference: Ints


def operating_point(
    model: GridModel,
    network: Network,
    *,
    values: Values = "ssh",
    power_mva: Complexes | None = None,
    distributed_slack: bool = False,
) -> GridPoint:
    """Read set-points, voltage controls, references and tap changers off a grid model.

    Args:
        model: The grid.
        network: Its network, from `grids.reduce.to_network`.
        values: "ssh" takes set-points and, where there are none, the file's solution; "sv" the other way round.
        power_mva: Powers to take instead, consumption positive, NaN to keep the file's, shape (n_injection,).
        distributed_slack: Let machines share what the reference would feed by their participation factors.
    """
    injections = model.injections
    bus_of = np.full(len(model.buses.mrid), -1, dtype=np.intp)
    bus_of[network.bus_row] = np.arange(network.n_bus)
    on = injections.in_service & (bus_of[injections.bus] >= 0)
    p_mw, q_mvar = _powers(model, values, power_mva)
    p_mw[~on], q_mvar[~on] = 0.0, 0.0
    target_pu = _targets(model, network, bus_of)
    reference = choose_references(model, network, bus_of, on)
    holds = on & np.isin(injections.kind, CONTROLLING) & injections.regulates & np.isfinite(target_pu)
    holds[reference] = True
    controls, control = _controls(model, network, bus_of, holds, target_pu)
    q_mvar[holds] = 0.0
    s_mva = np.zeros(network.n_bus, dtype=np.complex128)
    np.subtract.at(s_mva, bus_of[injections.bus[on]], (p_mw + 1j * q_mvar)[on])
    participation = np.zeros(network.n_bus if distributed_slack else 0)
    if distributed_slack:
        np.add.at(participation, bus_of[injections.bus[on]], np.nan_to_num(injections.participation[on]))
    point = OperatingPoint(
        s_pu=s_mva / network.base_mva,
        reference_bus=bus_of[injections.bus[reference]],
        reference_rad=np.deg2rad(np.nan_to_num(model.buses.sv_deg[injections.bus[reference]])),
        controls=controls,
        participation=participation,
        taps=tap_changers(model, network, bus_of),
    )
    return GridPoint(point, bus_of, p_mw, q_mvar, control, reference)


def injection_powers(model: GridModel, network: Network, grid: GridPoint, flow: PowerFlow) -> Complexes:
    """Power of each injection in a solution [MVA], consumption positive, shape (n_injection,).

    A held voltage's reactive power goes to its machines by their ranges; what a reference found goes to it, or by
    participation factors to all that take part.
    """
    injections, base = model.injections, network.base_mva
    s = grid.p_mw + 1j * grid.q_mvar
    part = np.flatnonzero(grid.control >= 0)
    share = _range(injections.q_min_mvar[part], injections.q_max_mvar[part], injections.rated_mva[part])
    total = np.bincount(grid.control[part], share, len(flow.control_q_pu))
    s[part] -= 1j * base * flow.control_q_pu[grid.control[part]] * share / total[grid.control[part]]
    found = flow.reference_p_pu * base
    if not grid.point.participation.size:
        s[grid.reference] -= found
        return s
    weight = np.nan_to_num(injections.participation) * (
        injections.in_service & (grid.bus_of[injections.bus] >= 0)
    )
    alone = weight.sum() == 0 or len(grid.reference) > 1
    s -= 0 if alone else found[0] * weight / weight.sum()
    s[grid.reference] -= found if alone else 0
    return s


def _powers(model: GridModel, values: Values, power_mva: Complexes | None) -> tuple[Floats, Floats]:
    """Powers of all injections [MW, Mvar], consumption positive; 0 where nobody says."""
    injections = model.injections
    set_point, solution = (injections.p_mw, injections.q_mvar), (injections.sv_p_mw, injections.sv_q_mvar)
    first, second = (set_point, solution) if values == "ssh" else (solution, set_point)
    powers = [np.nan_to_num(np.where(np.isnan(a), b, a)) for a, b in zip(first, second, strict=True)]
    if power_mva is not None:
        for own, given in zip(powers, (power_mva.real, power_mva.imag), strict=True):
            np.copyto(own, given, where=~np.isnan(given))
    if values == "ssh":
        # An SvInjection is what its own solution lacks, not a set-point.
        for own in powers:
            own[injections.kind == InjectionKind.SV_INJECTION] = 0.0
    return powers[0], powers[1]


def _targets(model: GridModel, network: Network, bus_of: Ints) -> Floats:
    """Voltage that each injection holds [p.u.], NaN where none, shape (n_injection,)."""
    injections = model.injections
    at = np.where(injections.regulated_bus >= 0, bus_of[injections.regulated_bus], -1)
    target = np.where(at >= 0, injections.target_kv / network.base_kv[at], np.nan)
    return np.where(target > 0, target, np.nan)


def _controls(
    model: GridModel,
    network: Network,
    bus_of: Ints,
    holds: NDArray[np.bool_],
    target_pu: Floats,
) -> tuple[VoltageControls, Ints]:
    """One control for all injections at one bus that hold the same bus."""
    injections = model.injections
    rows = np.flatnonzero(holds)
    bus = bus_of[injections.bus[rows]]
    regulated = np.where(np.isfinite(target_pu[rows]), bus_of[injections.regulated_bus[rows]], bus)
    sv_pu = model.buses.sv_kv[network.bus_row[bus]] / network.base_kv[bus]
    fallback = np.where(np.isfinite(sv_pu) & (sv_pu > 0), sv_pu, 1.0)
    target = np.where(np.isfinite(target_pu[rows]), target_pu[rows], fallback)
    _, first, group = np.unique(np.stack((bus, regulated)), axis=1, return_index=True, return_inverse=True)
    least, most = injections.q_min_mvar[rows], injections.q_max_mvar[rows]
    unlimited = ~(least < most)
    least, most = np.where(unlimited, -np.inf, least), np.where(unlimited, np.inf, most)
    control = np.full(len(holds), -1, dtype=np.intp)
    control[rows] = group
    weight = _range(injections.q_min_mvar[rows], injections.q_max_mvar[rows], injections.rated_mva[rows])
    q_min, q_max, share = (np.zeros(len(first)) for _ in range(3))
    for total, part in ((q_min, least / network.base_mva), (q_max, most / network.base_mva), (share, weight)):
        np.add.at(total, group, part)
    return VoltageControls(bus[first], regulated[first], target[first], q_min, q_max, share), control


def _range(q_min: Floats, q_max: Floats, rated_mva: Floats) -> Floats:
    """Weight of machines that share reactive power: their range, else their rating, else 1."""
    for weight in (q_max - q_min, rated_mva):
        if np.all(np.isfinite(weight) & (weight > 0)):
            return np.asarray(weight)
    return np.ones(len(q_min))
