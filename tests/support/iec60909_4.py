"""The test network of IEC TR 60909-4, as arrays.

380/110/30/10 kV: two feeders, two power station units, one generator, three motors, two three-winding
transformers 400/120/30 kV and two 115/10.5 kV. Buses 0 to 7 are the standard's 1 to 8; 8 and 9 are the generators'
terminals G1 and G2, 10 to 12 tertiary windings without load.
"""

import numpy as np

from gridjobs_workers.simulation.short_circuit import (
    Feeders,
    Generators,
    Lines,
    Motors,
    ShortCircuitGrid,
    ThreeWinding,
    Transformers,
)

NOMINAL_KV = np.array([380, 110, 110, 110, 110, 10, 10, 30, 20, 10, 10, 10, 30.0])
INF = np.inf + 0j


def iec_60909_4(motors: bool = True) -> ShortCircuitGrid:
    return ShortCircuitGrid(
        NOMINAL_KV,
        _feeders(),
        _lines(),
        _units(),
        _three_winding(),
        _generators(),
        _motors() if motors else _none(),
    )


def _feeders() -> Feeders:
    return Feeders(
        bus=np.array([0, 4]),
        ik_max_ka=np.array([38.0, 16.0]),
        ik_min_ka=np.array([3.8, 1.6]),
        rx_max=np.full(2, 0.1),
        rx_min=np.full(2, 0.1),
        x0_per_x1=np.array([3.0, 3.3]),
        r0_per_x0=np.array([0.15, 0.2]),
    )


def _lines() -> Lines:
    # from, to, km, R1, X1, R0, X0 [ohm/km]: L1, L2, L3a, L3b, L4, L5, L6
    table = np.array(
        [
            [1, 2, 20, 0.12, 0.39, 0.32, 1.26],
            [2, 3, 10, 0.12, 0.39, 0.32, 1.26],
            [1, 4, 5, 0.12, 0.39, 0.52, 1.86],
            [1, 4, 5, 0.12, 0.39, 0.52, 1.86],
            [4, 2, 10, 0.096, 0.388, 0.22, 1.10],
            [4, 3, 15, 0.12, 0.386, 0.22, 1.10],
            [5, 6, 1, 0.082, 0.086, 0.082, 0.086],
        ]
    )
    km = table[:, 2]
    return Lines(
        from_bus=table[:, 0].astype(np.intp),
        to_bus=table[:, 1].astype(np.intp),
        z1=km * (table[:, 3] + 1j * table[:, 4]),
        z0=km * (table[:, 5] + 1j * table[:, 6]),
        end_temperature_c=np.full(7, 80.0),
    )


def _percent(vk: float, vkr: float) -> complex:
    return (vkr + 1j * np.sqrt(vk**2 - vkr**2)) / 100


def _units() -> Transformers:
    """T1 (YNd, neutral over 22 ohm reactance, on-load tap changer) and T2 (Yd)."""
    base = np.array([115.0**2 / 150, 120.0**2 / 100])
    return Transformers(
        hv_bus=np.array([3, 2]),
        lv_bus=np.array([8, 9]),
        hv_kv=np.array([115.0, 120.0]),
        lv_kv=np.array([21.0, 10.5]),
        rated_mva=np.array([150.0, 100.0]),
        z1=np.array([_percent(16, 0.5), _percent(12, 0.5)]) * base,
        z0=np.array([_percent(15.2, 0.5), _percent(12, 0.5)]) * base,
        hv_earthed=np.array([True, False]),
        lv_earthed=np.array([False, False]),
        passes_zero=np.array([False, False]),
        hv_neutral=np.array([22j, 0]),
        lv_neutral=np.zeros(2, dtype=complex),
        on_load=np.array([True, False]),
        p_t=np.zeros(2),
    )


def _three_winding() -> ThreeWinding:
    """T3 (YNyd), T4 (Yynd), T5 (Yyd), T6 (Yynd, MV neutral over 100 ohm); pairs HV-MV, MV-LV, LV-HV."""
    big_mva, small_mva = [350, 50, 50.0], [31.5, 31.5, 31.5]
    big = [_percent(21, 0.26), _percent(7, 0.16), _percent(10, 0.16)]
    big_zero = [_percent(44.1, 0.26), _percent(6.299627, 0.03714286), _percent(6.299627, 0.03714286)]
    small = [_percent(12, 0.5)] * 3
    mva = np.array([big_mva, big_mva, small_mva, small_mva])
    kv = np.array([[400, 120, 30], [400, 120, 30], [115, 10.5, 10.5], [115, 10.5, 10.5]])
    no, yes = False, True
    return ThreeWinding(
        bus=np.array([[0, 1, 12], [0, 1, 7], [4, 5, 10], [4, 5, 11]]),
        kv=kv,
        pair_mva=mva,
        z1=np.array([big, big, small, small]) * kv[:, :1] ** 2 / mva,
        z0=np.array([big_zero, big_zero, small, small]) * kv[:, :1] ** 2 / mva,
        earthed=np.array([[yes, no, no], [no, yes, no], [no, no, no], [no, yes, no]]),
        delta=np.array([[no, no, yes]] * 4),
        neutral=np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 100, 0]], dtype=complex),
    )


def _generators() -> Generators:
    return Generators(
        bus=np.array([8, 9, 5]),
        rated_mva=np.array([150.0, 100.0, 10.0]),
        rated_kv=np.array([21.0, 10.5, 10.5]),
        r=np.array([0.002, 0.005, 0.018]),
        xd_pu=np.array([0.14, 0.16, 0.1]),
        cos_phi=np.array([0.85, 0.9, 0.8]),
        p_g=np.array([0, 0.075, 0]),
        unit_transformer=np.array([0, 1, -1]),
        z0=np.full(3, INF),
    )


def _motors() -> Motors:
    return Motors(
        bus=np.array([6, 6, 6]),
        rated_mw=np.array([5.0, 2.0, 2.0]),
        rated_kv=np.full(3, 10.0),
        efficiency=np.array([0.975, 0.968, 0.968]),
        cos_phi=np.array([0.88, 0.89, 0.89]),
        starting_ratio=np.array([5.0, 5.2, 5.2]),
        rx=np.full(3, 0.1),
        pole_pairs=np.array([1, 2, 2]),
    )


def _none() -> Motors:
    empty = np.empty(0)
    return Motors(empty.astype(np.intp), *(empty,) * 6, empty.astype(np.intp))
