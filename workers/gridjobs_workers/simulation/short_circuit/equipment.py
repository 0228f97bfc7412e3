"""What feeds and what limits a short circuit, in the terms of IEC 60909-0.

Impedances are ohms at the equipment's own rated voltage, without correction factors. Zero-sequence values are NaN
where unknown and inf where there is no way to earth.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Complexes, Floats, Ints

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Feeders:
    """Network feeders, shape (n_feeder,) each.

    Attributes:
        bus: Connection point Q.
        ik_max_ka: Greatest initial short-circuit current I''kQ [kA].
        ik_min_ka: Least one; the greatest where unknown.
        rx_max: R/X at the greatest current.
        rx_min: R/X at the least.
        z0_per_z1: |Z0| / |Z1| or X0 / X1, inf where not earthed.
        r0_per_x0: R0 / X0.
    """

    bus: Ints
    ik_max_ka: Floats
    ik_min_ka: Floats
    rx_max: Floats
    rx_min: Floats
    x0_per_x1: Floats
    r0_per_x0: Floats


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines, cables and series impedances, shape (n_line,) each.

    Attributes:
        from_bus: One end.
        to_bus: The other.
        z1: Positive-sequence impedance at 20 °C [ohm].
        z0: Zero-sequence impedance at 20 °C.
        end_temperature_c: Conductor temperature at the end of the short circuit, for the least currents [°C].
    """

    from_bus: Ints
    to_bus: Ints
    z1: Complexes
    z0: Complexes
    end_temperature_c: Floats


@dataclass(frozen=True, slots=True)
class Transformers:
    """Two-winding transformers, shape (n,) each; impedances at the high-voltage side.

    Attributes:
        hv_bus: Bus of the high-voltage winding.
        lv_bus: Bus of the low-voltage winding.
        hv_kv: Rated voltage of the winding [kV].
        lv_kv: The same at low voltage.
        rated_mva: Rated power.
        z1: Short-circuit impedance [ohm at HV].
        z0: Zero-sequence impedance seen from an earthed winding [ohm at HV].
        hv_earthed: Star or zigzag winding with its neutral earthed.
        lv_earthed: The same at low voltage.
        passes_zero: Zero-sequence current goes through (YNyn); else an earthed winding closes it on itself.
        hv_neutral: Impedance between neutral and earth [ohm].
        lv_neutral: The same at low voltage [ohm at LV].
        on_load: Has an on-load tap changer.
        p_t: Half the tap range of a unit transformer without on-load tap changer in use [p.u.].
    """

    hv_bus: Ints
    lv_bus: Ints
    hv_kv: Floats
    lv_kv: Floats
    rated_mva: Floats
    z1: Complexes
    z0: Complexes
    hv_earthed: Bools
    lv_earthed: Bools
    passes_zero: Bools
    hv_neutral: Complexes
    lv_neutral: Complexes
    on_load: Bools
    p_t: Floats


@dataclass(frozen=True, slots=True)
class ThreeWinding:
    """Three-winding transformers, shape (n, 3) for windings A, B, C, and for pairs AB, BC, CA.

    Attributes:
        bus: Bus of each winding.
        kv: Rated voltages [kV].
        pair_mva: Rated power that each pair's impedance belongs to: the lesser of its windings'.
        z1: Short-circuit impedance of each pair [ohm at A].
        z0: The same in the zero sequence.
        earthed: Star windings with their neutral earthed.
        delta: Delta windings.
        neutral: Impedance between neutral and earth [ohm at the winding].
    """

    bus: Ints
    kv: Floats
    pair_mva: Floats
    z1: Complexes
    z0: Complexes
    earthed: Bools
    delta: Bools
    neutral: Complexes


@dataclass(frozen=True, slots=True)
class Generators:
    """Synchronous machines, shape (n,) each.

    Attributes:
        bus: Terminal.
        rated_mva: Rated power.
        rated_kv: Rated voltage.
        r: Stator resistance [ohm], NaN for the fictitious one of the standard.
        xd_pu: Saturated subtransient reactance [p.u. of the rating].
        cos_phi: Rated power factor, over-excited.
        p_g: Range of the voltage regulation [p.u.].
        unit_transformer: Row in `Transformers` of a power station unit, -1 else.
        z0: Zero-sequence impedance to earth [ohm], inf where not earthed.
    """

    bus: Ints
    rated_mva: Floats
    rated_kv: Floats
    r: Floats
    xd_pu: Floats
    cos_phi: Floats
    p_g: Floats
    unit_transformer: Ints
    z0: Complexes


@dataclass(frozen=True, slots=True)
class Motors:
    """Asynchronous motors, shape (n,) each; left out of the least currents.

    Attributes:
        bus: Terminal.
        rated_mw: Rated mechanical power.
        rated_kv: Rated voltage.
        efficiency: At rated load [p.u.].
        cos_phi: At rated load.
        starting_ratio: Locked-rotor current over rated current.
        rx: R/X of the locked rotor.
        pole_pairs: Pole pairs.
    """

    bus: Ints
    rated_mw: Floats
    rated_kv: Floats
    efficiency: Floats
    cos_phi: Floats
    starting_ratio: Floats
    rx: Floats
    pole_pairs: Ints


def _ints() -> Ints:
    return np.empty(0, dtype=np.intp)


def _floats() -> Floats:
    return np.empty(0)


def _complexes() -> Complexes:
    return np.empty(0, dtype=np.complex128)


def _bools() -> Bools:
    return np.empty(0, dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class ShortCircuitGrid:
    """All that counts in a short circuit; loads, line charging and magnetising currents do not.

    Attributes:
        nominal_kv: Nominal voltage of each bus [kV], shape (n_bus,).
    """

    nominal_kv: Floats
    feeders: Feeders
    lines: Lines
    transformers: Transformers = field(
        default_factory=lambda: Transformers(
            *(_ints(), _ints(), _floats(), _floats(), _floats(), _complexes(), _complexes()),
            *(_bools(), _bools(), _bools(), _complexes(), _complexes(), _bools(), _floats()),
        )
    )
    three_winding: ThreeWinding = field(
        default_factory=lambda: ThreeWinding(
            *(
                np.empty((0, 3), dtype=kind)
                for kind in (np.intp, float, float, complex, complex, bool, bool, complex)
            )
        )
    )
    generators: Generators = field(
        default_factory=lambda: Generators(
            *(
                _ints(),
                _floats(),
                _floats(),
                _floats(),
                _floats(),
                _floats(),
                _floats(),
                _ints(),
                _complexes(),
            )
        )
    )
    motors: Motors = field(
        default_factory=lambda: Motors(
            *(_ints(), _floats(), _floats(), _floats(), _floats(), _floats(), _floats(), _ints())
        )
    )

    @property
    def n_bus(self) -> int:
        """Number of buses."""
        return len(self.nominal_kv)
