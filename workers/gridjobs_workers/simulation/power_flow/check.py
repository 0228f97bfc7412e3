"""Input that means nothing is named before any arithmetic."""

import numpy as np

from gridjobs_workers.grids.network import Network
from gridjobs_workers.simulation.power_flow.errors import InvalidInput
from gridjobs_workers.simulation.power_flow.problem import OperatingPoint, PowerFlowOptions


def check(network: Network, point: OperatingPoint, options: PowerFlowOptions) -> None:
    """Raise `InvalidInput` for values that are not finite, wrong lengths and buses that do not exist."""
    n = network.n_bus
    for name in ("s_pu", "s_current_pu", "s_impedance_pu", "participation"):
        values = getattr(point, name)
        if len(values) != n and (name == "s_pu" or len(values)):
            raise InvalidInput(name, f"{len(values)} values for {n} buses")
        if not np.isfinite(values).all():
            raise InvalidInput(name, f"not a number at bus {np.flatnonzero(~np.isfinite(values))[0]}")
    for name in ("y_ff", "y_ft", "y_tf", "y_tt", "y_shunt", "shift_rad"):
        if not np.isfinite(getattr(network, name)).all():
            raise InvalidInput(
                name, f"not a number at row {np.flatnonzero(~np.isfinite(getattr(network, name)))[0]}"
            )
    _check_buses(point, n)
    if not (np.isfinite(point.controls.target_pu) & (point.controls.target_pu > 0)).all():
        raise InvalidInput("controls.target_pu", "not a positive number")
    if (point.controls.q_min_pu > point.controls.q_max_pu).any():
        raise InvalidInput("controls.q_min_pu", "above q_max_pu")
    if not np.isin(point.reference_bus, point.controls.bus).all():
        raise InvalidInput("reference_bus", "a reference without a voltage to hold")
    if options.start == "given" and options.v_start is None:
        raise InvalidInput("options.v_start", "missing for start 'given'")


def _check_buses(point: OperatingPoint, n_bus: int) -> None:
    for name, buses in (
        ("reference_bus", point.reference_bus),
        ("controls.bus", point.controls.bus),
        ("controls.regulated_bus", point.controls.regulated_bus),
        ("taps.regulated_bus", point.taps.regulated_bus),
    ):
        if ((buses < 0) | (buses >= n_bus)).any():
            raise InvalidInput(name, f"a bus outside 0 to {n_bus - 1}")
    if len(np.unique(point.reference_bus)) != len(point.reference_bus):
        raise InvalidInput("reference_bus", "the same bus twice")
