"""Voltage factors and impedance correction factors of IEC 60909-0."""

import numpy as np

from gridjobs_workers.grids.network import Floats
from gridjobs_workers.simulation.short_circuit.equipment import Bools, Generators, ShortCircuitGrid

LOW_VOLTAGE_KV = 1.0


def c_max(nominal_kv: Floats, low_voltage_tolerance_percent: int) -> Floats:
    """Voltage factor for the greatest currents: 1.05 or 1.10 in low voltage, 1.10 above."""
    low = 1.05 if low_voltage_tolerance_percent == 6 else 1.10
    return np.where(nominal_kv <= LOW_VOLTAGE_KV, low, 1.10)


def c_min(nominal_kv: Floats, low_voltage_tolerance_percent: int) -> Floats:
    """Voltage factor for the least currents: 0.95 or 0.90 in low voltage, 1.00 above."""
    low = 0.95 if low_voltage_tolerance_percent == 6 else 0.90
    return np.where(nominal_kv <= LOW_VOLTAGE_KV, low, 1.00)


def k_transformer(x_pu: Floats, c: Floats) -> Floats:
    """K_T of a network transformer: 0.95 c_max / (1 + 0.6 x_T), c_max of the lower voltage."""
    return np.asarray(0.95 * c / (1 + 0.6 * x_pu))


def k_generator(generators: Generators, nominal_kv: Floats, c: Floats) -> Floats:
    """K_G of a generator without unit transformer."""
    sin_phi = np.sqrt(1 - generators.cos_phi**2)
    at_regulation = generators.rated_kv * (1 + generators.p_g)
    return np.asarray(nominal_kv / at_regulation * c / (1 + generators.xd_pu * sin_phi))


def k_station(grid: ShortCircuitGrid, x_t_pu: Floats, c_hv: Floats) -> Floats:
    """K_S or K_SO of each power station unit, for faults outside it; NaN for others."""
    generators, transformers = grid.generators, grid.transformers
    unit = np.maximum(generators.unit_transformer, 0)
    if not len(transformers.hv_bus):
        return np.full(len(generators.bus), np.nan)
    sin_phi = np.sqrt(1 - generators.cos_phi**2)
    ratio = transformers.lv_kv[unit] / transformers.hv_kv[unit]
    u_q, at_regulation = (
        grid.nominal_kv[transformers.hv_bus[unit]],
        generators.rated_kv * (1 + generators.p_g),
    )
    c, x_t = c_hv[unit], x_t_pu[unit]
    with_tap = (u_q / generators.rated_kv * ratio) ** 2 * c / (1 + np.abs(generators.xd_pu - x_t) * sin_phi)
    without = (
        u_q / at_regulation * ratio * (1 - transformers.p_t[unit]) * c / (1 + generators.xd_pu * sin_phi)
    )
    return np.where(
        generators.unit_transformer >= 0, np.where(transformers.on_load[unit], with_tap, without), np.nan
    )


def k_inside(generators: Generators, on_load: Bools, c: Floats) -> Floats:
    """K_GS or K_GSO of a unit's generator for a fault at its terminals.

    The unit transformer then goes in without correction, and the source is c times the generator's rated voltage.
    """
    sin_phi = np.sqrt(1 - generators.cos_phi**2)
    less = np.where(on_load, 1.0, 1 / (1 + generators.p_g))
    return np.asarray(less * c / (1 + generators.xd_pu * sin_phi))
