"""Pseudo-measurements: what the grid's own set-points or solution say about loads that nobody measures."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.wire.rows import Role, Rows, Source
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.grids.model import GridModel, InjectionKind
from gridjobs_workers.grids.network import Floats

# An injection far below its neighbours is known no better than this share of their median.
SMALL_SHARE = 0.1
# A voltage set-point is held about this well [p.u.].
LEVEL_SIGMA_PU = 0.01


@dataclass(frozen=True, slots=True)
class Assumed:
    """Assumed consumption of each injection of the grid model, shape (n_injection,); NaN where unknown.

    Attributes:
        p_mw: Active power, consumption positive.
        q_mvar: Reactive power, consumption positive.
        sigma_p_mw: Standard deviation.
        sigma_q_mvar: Standard deviation.
    """

    p_mw: Floats
    q_mvar: Floats
    sigma_p_mw: Floats
    sigma_q_mvar: Floats


def assume(model: GridModel, source: str, sigma_percent: float) -> Assumed:
    """Take consumption from the set-points (`ssh`), the solution (`sv`) or nowhere (`none`).

    Where one source has no value the other one steps in. What external networks exchange, and the reactive
    power of machines that hold a voltage, follow from the rest of the grid and are never assumed.
    """
    found = model.injections
    p, q = _known(found.p_mw, found.sv_p_mw, source), _known(found.q_mvar, found.sv_q_mvar, source)
    p = np.where(found.kind == InjectionKind.EXTERNAL, np.nan, p)
    q = np.where((found.kind == InjectionKind.EXTERNAL) | found.regulates, np.nan, q)
    floor = SMALL_SHARE * _median_of_nonzero(np.hypot(np.nan_to_num(p), np.nan_to_num(q)))
    share = sigma_percent / 100.0
    return Assumed(p, q, share * np.maximum(np.abs(p), floor), share * np.maximum(np.abs(q), floor))


def levels(scene: Scene) -> Rows:
    """Voltages that sources are set to hold, or that the solution has: for islands where nobody measures one."""
    model, network = scene.model, scene.network
    found, rows = model.injections, Rows()
    for row in np.flatnonzero(scene.present & (found.slack_priority > 0)).tolist():
        bus = scene.places.network_bus(int(found.bus[row]))
        own = (
            found.target_kv[row]
            if found.regulates[row] and found.regulated_bus[row] == found.bus[row]
            else np.nan
        )
        kv = own if np.isfinite(own) else model.buses.sv_kv[found.bus[row]]
        if bus >= 0 and np.isfinite(kv) and kv > 0:
            value = float(kv / network.base_kv[bus])
            source = Source(Role.WHOLE, None, "voltage_magnitude", row, value)
            rows.add(Kind.V_MAG, bus, value, LEVEL_SIGMA_PU, [source], pseudo=True)
    return rows


def _known(set_point: Floats, solution: Floats, source: str) -> Floats:
    match source:
        case "none":
            return np.full(len(set_point), np.nan)
        case "sv":
            return np.where(np.isnan(solution), set_point, solution)
        case _:
            return np.where(np.isnan(set_point), solution, set_point)


def _median_of_nonzero(values: Floats) -> float:
    nonzero = values[values > 0]
    return float(np.median(nonzero)) if len(nonzero) else 1e-3
