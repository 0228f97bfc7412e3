"""Units of measurements: what a measurand may be given in, and its per-unit value."""

import math

from gridjobs_workers.grids.network import Network

SQRT3 = math.sqrt(3.0)

DEFAULT_UNIT = {
    "voltage_magnitude": "kV",
    "voltage_angle": "deg",
    "active_power": "MW",
    "reactive_power": "Mvar",
    "current_magnitude": "A",
    "current_angle": "deg",
}

# Factor to the default unit; "p.u." needs the base and is handled apart.
_TO_DEFAULT = {
    "voltage_magnitude": {"V": 1e-3, "kV": 1.0},
    "voltage_angle": {"deg": 1.0, "rad": 180.0 / math.pi},
    "active_power": {"W": 1e-6, "kW": 1e-3, "MW": 1.0},
    "reactive_power": {"var": 1e-6, "kvar": 1e-3, "Mvar": 1.0},
    "current_magnitude": {"A": 1.0, "kA": 1e3},
    "current_angle": {"deg": 1.0, "rad": 180.0 / math.pi},
}

# Balanced three-phase: what phase B and C add to reach the angle of phase A [rad].
PHASE_LEAD_RAD = {"ABC": 0.0, "A": 0.0, "B": 2.0 * math.pi / 3.0, "C": -2.0 * math.pi / 3.0}


def unit_fits(measurand: str, unit: str) -> bool:
    """Whether a measurand can be given in this unit."""
    per_unit = unit == "p.u." and not measurand.endswith("angle")
    return per_unit or unit in _TO_DEFAULT[measurand]


def per_unit_factor(measurand: str, unit: str, phase: str, network: Network, bus: int) -> float:
    """Factor from a value in `unit` to the core's per unit (angles: radian) at this bus.

    A single phase of a balanced grid stands for all three: its voltage counts √3-fold, its power threefold.
    """
    single = phase != "ABC"
    if measurand.endswith("angle"):
        return math.radians(_TO_DEFAULT[measurand][unit])
    if unit == "p.u.":
        return 1.0
    value = _TO_DEFAULT[measurand][unit]
    base_kv = float(network.base_kv[bus])
    if measurand == "voltage_magnitude":
        return value * (SQRT3 if single else 1.0) / base_kv
    if measurand == "current_magnitude":
        return value * SQRT3 * base_kv / (network.base_mva * 1e3)
    return value * (3.0 if single else 1.0) / network.base_mva
