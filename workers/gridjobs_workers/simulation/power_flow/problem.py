"""What a power flow is asked, and what it answers."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network

Bools = NDArray[np.bool_]
Start = Literal["auto", "flat", "dc", "given"]


def _no_floats() -> Floats:
    return np.empty(0)


def _no_ints() -> Ints:
    return np.empty(0, dtype=np.intp)


def _no_bools() -> Bools:
    return np.empty(0, dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class VoltageControls:
    """Buses whose machines hold a voltage with their reactive power, shape (n_control,) each.

    Rows with the same `regulated_bus` act together and share reactive power in proportion to `share`;
    the target of the first such row counts.

    Attributes:
        bus: Bus where the reactive power is fed in.
        regulated_bus: Bus whose magnitude is held; `bus` itself in most grids.
        target_pu: Magnitude to hold [p.u.].
        q_min_pu: Least generation [p.u.], -inf where unlimited.
        q_max_pu: Most generation [p.u.], inf where unlimited.
        share: Weight in the common task, positive.
    """

    bus: Ints = field(default_factory=_no_ints)
    regulated_bus: Ints = field(default_factory=_no_ints)
    target_pu: Floats = field(default_factory=_no_floats)
    q_min_pu: Floats = field(default_factory=_no_floats)
    q_max_pu: Floats = field(default_factory=_no_floats)
    share: Floats = field(default_factory=_no_floats)

    @classmethod
    def local(
        cls, bus: Ints, target_pu: Floats, q_min_pu: Floats | None = None, q_max_pu: Floats | None = None
    ) -> "VoltageControls":
        """Controls that hold the voltage of their own bus."""
        bus = np.asarray(bus, dtype=np.intp)
        least = np.full(len(bus), -np.inf) if q_min_pu is None else np.asarray(q_min_pu, dtype=float)
        most = np.full(len(bus), np.inf) if q_max_pu is None else np.asarray(q_max_pu, dtype=float)
        return cls(bus, bus, np.asarray(target_pu, dtype=float), least, most, np.ones(len(bus)))


@dataclass(frozen=True, slots=True)
class TapChangers:
    """Ratio tap changers that hold a voltage, shape (n_tap,) each.

    At position p the tap changer multiplies its side's voltage by m(p) = 1 + (p - neutral) step; the
    admittances of the network stand at `position`.

    Attributes:
        branch: Branch of the network.
        at_from: True where the tap changer is on the from side.
        position: Position that the network's admittances contain.
        neutral: Position at which m = 1.
        low: Lowest position.
        high: Highest position.
        step: Change of m per position [p.u.].
        regulated_bus: Bus whose magnitude is held.
        target_pu: Magnitude to hold [p.u.].
        deadband_pu: Full width of the band around the target that is good enough [p.u.].
    """

    branch: Ints = field(default_factory=_no_ints)
    at_from: Bools = field(default_factory=_no_bools)
    position: Floats = field(default_factory=_no_floats)
    neutral: Floats = field(default_factory=_no_floats)
    low: Floats = field(default_factory=_no_floats)
    high: Floats = field(default_factory=_no_floats)
    step: Floats = field(default_factory=_no_floats)
    regulated_bus: Ints = field(default_factory=_no_ints)
    target_pu: Floats = field(default_factory=_no_floats)
    deadband_pu: Floats = field(default_factory=_no_floats)

    def ratio(self, position: Floats) -> Floats:
        """Multiplier m at the given positions, shape (n_tap,)."""
        return np.asarray(1.0 + (position - self.neutral) * self.step)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What the equipment at the buses does; power counts positive into the network (generation less load).

    Attributes:
        s_pu: Power that does not depend on voltage [p.u.], shape (n_bus,), without what references and
            voltage controls add.
        reference_bus: Buses that hold an angle and feed what is missing, at least one per island.
        reference_rad: Their angles [rad].
        controls: Voltage controls; each reference bus has one, for its own magnitude or another bus's.
        participation: Share of each bus in what its island's reference would feed, shape (n_bus,); empty or
            zero in an island: the reference alone (single slack).
        s_current_pu: Power at 1 p.u. of what grows with |V|, shape (n_bus,) or empty.
        s_impedance_pu: Power at 1 p.u. of what grows with |V|², shape (n_bus,) or empty.
        taps: Tap changers that hold voltages.
    """

    s_pu: Complexes
    reference_bus: Ints
    reference_rad: Floats
    controls: VoltageControls = field(default_factory=VoltageControls)
    participation: Floats = field(default_factory=_no_floats)
    s_current_pu: Complexes = field(default_factory=lambda: np.empty(0, dtype=np.complex128))
    s_impedance_pu: Complexes = field(default_factory=lambda: np.empty(0, dtype=np.complex128))
    taps: TapChangers = field(default_factory=TapChangers)

    def power(self, magnitude_pu: Floats) -> Complexes:
        """Power of all equipment but references and controls at these magnitudes [p.u.], shape (n_bus,)."""
        s = self.s_pu.copy()
        if self.s_current_pu.size:
            s += self.s_current_pu * magnitude_pu
        if self.s_impedance_pu.size:
            s += self.s_impedance_pu * magnitude_pu**2
        return s

    def power_slope(self, magnitude_pu: Floats) -> Complexes:
        """Derivative of `power` by ln |V| [p.u.], shape (n_bus,)."""
        slope = np.zeros_like(self.s_pu)
        if self.s_current_pu.size:
            slope += self.s_current_pu * magnitude_pu
        if self.s_impedance_pu.size:
            slope += 2 * self.s_impedance_pu * magnitude_pu**2
        return slope


@dataclass(frozen=True, slots=True)
class PowerFlowOptions:
    """How to solve.

    Attributes:
        tolerance_pu: Largest mismatch left at any bus [p.u.].
        max_iterations: Newton steps per start.
        start: "flat" follows transformer shifts from the references, "dc" solves the DC power flow, "given"
            takes `v_start`, "auto" tries given, dc and flat in turn.
        v_start: Start voltages [p.u.], shape (n_bus,).
        q_limits: Respect the reactive limits of voltage controls.
        taps: "fixed" leaves tap changers where they are, "discrete" moves them step by step into their
            deadband, "continuous" until the target is met.
        max_rounds: Rounds of limits and taps.
        diagnose: On failure look for the loading at which solutions end (some ten more solves).
    """

    tolerance_pu: float = 1e-9
    max_iterations: int = 40
    start: Start = "auto"
    v_start: Complexes | None = None
    q_limits: bool = True
    taps: Literal["fixed", "discrete", "continuous"] = "fixed"
    max_rounds: int = 60
    diagnose: bool = True


@dataclass(frozen=True, slots=True)
class PowerFlow:
    """A solved power flow.

    Attributes:
        network: The network with taps as the solution left them.
        v: Bus voltages [p.u.], shape (n_bus,).
        s_bus: Net power into the network at each bus [p.u.], shape (n_bus,).
        reference_p_pu: Power each reference had to find [p.u.], shape (n_reference,); with participation it
            is spread over the island.
        control_q_pu: Reactive power of each voltage control [p.u.], shape (n_control,).
        control_state: 0 holds its target, 1 stands at q_max, -1 at q_min; shape (n_control,).
        tap_position: Position of each tap changer, shape (n_tap,).
        iterations: Newton steps over all rounds.
        mismatch_pu: Largest mismatch left [p.u.].
        start: The start that led here.
    """

    network: Network
    v: Complexes
    s_bus: Complexes
    reference_p_pu: Floats
    control_q_pu: Floats
    control_state: Ints
    tap_position: Floats
    iterations: int
    mismatch_pu: float
    start: str
