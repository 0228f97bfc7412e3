"""Measurements of single phases, between conductors and of all three phases at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gridjobs_workers.estimation.measurements import Kind, Side
from gridjobs_workers.grids.network import Floats, Ints
from gridjobs_workers.grids.three_phase import N_CONDUCTOR

Bools = NDArray[np.bool_]


class At(IntEnum):
    """Which conductors are measured.

    Voltages: a phase or the neutral to earth; two phases (on √3 times the base, so that nominal is 1); a phase to
    the neutral; ABC: the positive sequence; ZERO: the mean of the phases. Currents: a conductor (AN is A); ABC and
    ZERO likewise. Powers: a phase against earth; against the neutral; ABC: the mean of the phases against the
    neutral, which is the total on the three-phase base. Where a bus has no neutral of its own, earth is the neutral.
    """

    A = 0
    B = 1
    C = 2
    N = 3
    AB = 4
    BC = 5
    CA = 6
    AN = 7
    BN = 8
    CN = 9
    ABC = 10
    ZERO = 11


V_AXIS = len(Kind)  # beside `Kind`: component of a voltage phasor along `axis_rad` [p.u.]
N_KIND = len(Kind) + 1

VOLTAGES = (Kind.V_MAG, Kind.V_ANG)
POWERS = (Kind.P_INJ, Kind.Q_INJ, Kind.P_FLOW, Kind.Q_FLOW)
MAGNITUDES = (Kind.I_MAG, Kind.I_INJ_MAG)
AXES = (Kind.I_AXIS, Kind.I_INJ_AXIS, V_AXIS)
AT_BRANCH = (Kind.P_FLOW, Kind.Q_FLOW, Kind.I_MAG, Kind.I_AXIS)
BETWEEN_PHASES = (At.AB, At.BC, At.CA)
NO_POWER = (At.N, At.ZERO)

_COLUMNS = ("kind", "element", "at", "side", "value", "sigma", "is_pseudo", "axis_rad")


@dataclass(frozen=True, slots=True)
class PhaseMeasurements:
    """Measurements of one instant, shape (n,) each, in per unit of the network.

    Attributes:
        kind: `Kind` codes, or V_AXIS.
        element: Bus or branch, by `Kind`.
        at: `At` codes.
        side: `Side` of a branch, 0 for a bus.
        value: Measured value; NaN where the meter said nothing.
        sigma: Standard deviation, positive; infinite where the value is not to count.
        is_pseudo: Whether the value is assumed (a load profile, a schedule), not measured.
        axis_rad: Direction in which I_AXIS, I_INJ_AXIS and V_AXIS measure, else 0.
        zero_injection: Conductors without equipment as 4 · bus + conductor: no current enters there, exactly.
        closed_neutral: Buses whose equipment returns its whole current by the neutral: what enters the grid by all
            conductors of the bus adds up to zero, exactly. Not for buses where equipment is earthed.
    """

    kind: Ints
    element: Ints
    at: Ints
    side: Ints
    value: Floats
    sigma: Floats
    is_pseudo: Bools
    axis_rad: Floats
    zero_injection: Ints = field(default_factory=lambda: np.empty(0, np.intp))
    closed_neutral: Ints = field(default_factory=lambda: np.empty(0, np.intp))

    def __len__(self) -> int:
        return len(self.kind)

    @classmethod
    def of(
        cls,
        kind: ArrayLike,
        element: ArrayLike,
        at: ArrayLike,
        value: ArrayLike,
        sigma: ArrayLike,
        *,
        side: ArrayLike = Side.FROM,
        is_pseudo: ArrayLike = False,
        axis_rad: ArrayLike = 0.0,
        zero_injection: ArrayLike = (),
        closed_neutral: ArrayLike = (),
    ) -> Self:
        """Build from anything that broadcasts against `element`."""
        n = np.size(element)

        def integers(x: ArrayLike) -> Ints:
            return np.broadcast_to(np.asarray(x, np.intp), (n,)).copy()

        def numbers(x: ArrayLike) -> Floats:
            return np.broadcast_to(np.asarray(x, np.float64), (n,)).copy()

        return cls(
            kind=integers(kind),
            element=integers(element),
            at=integers(at),
            side=integers(side),
            value=numbers(value),
            sigma=numbers(sigma),
            is_pseudo=np.broadcast_to(np.asarray(is_pseudo, np.bool_), (n,)).copy(),
            axis_rad=numbers(axis_rad),
            zero_injection=np.unique(np.asarray(zero_injection, np.intp)),
            closed_neutral=np.unique(np.asarray(closed_neutral, np.intp)),
        )

    @classmethod
    def join(cls, parts: "Sequence[PhaseMeasurements]") -> Self:
        """Put measurements one after the other."""
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
        return cls(
            **columns,
            zero_injection=np.unique(np.concatenate([part.zero_injection for part in parts])),
            closed_neutral=np.unique(np.concatenate([part.closed_neutral for part in parts])),
        )

    def rows(self, keep: Bools | Ints) -> "PhaseMeasurements":
        """The measurements chosen, with the same exact zeros."""
        return replace(self, **{name: getattr(self, name)[keep] for name in _COLUMNS})

    def without_zeros(self) -> "PhaseMeasurements":
        """The measurements alone."""
        return replace(self, zero_injection=np.empty(0, np.intp), closed_neutral=np.empty(0, np.intp))

    def at_branch(self) -> Bools:
        """Whether `element` is a branch."""
        return np.isin(self.kind, AT_BRANCH)


def no_injection_at(buses: ArrayLike) -> Ints:
    """Code of every conductor of buses, for `zero_injection`; absent conductors do no harm."""
    first = N_CONDUCTOR * np.atleast_1d(np.asarray(buses, np.intp))
    return np.ravel(first[:, None] + np.arange(N_CONDUCTOR)).astype(np.intp)


def current_phasor(
    branch: ArrayLike,
    at: ArrayLike,
    side: ArrayLike,
    magnitude: ArrayLike,
    angle_rad: ArrayLike,
    magnitude_sigma: ArrayLike,
    angle_sigma_rad: ArrayLike,
) -> PhaseMeasurements:
    """Measured current phasors as components along and across the measured direction.

    In these axes the errors of magnitude and angle are uncorrelated to first order.
    """
    branches = np.atleast_1d(np.asarray(branch, np.intp))
    angles = np.asarray(angle_rad, np.float64)
    across_sigma = np.abs(np.asarray(magnitude, np.float64)) * np.asarray(angle_sigma_rad, np.float64)
    # A current of almost nothing has no direction: its noise is as large across as along.
    across_sigma = np.where(across_sigma > 0, across_sigma, magnitude_sigma)

    def component(value: ArrayLike, sigma: ArrayLike, axis: Floats) -> PhaseMeasurements:
        return PhaseMeasurements.of(Kind.I_AXIS, branches, at, value, sigma, side=side, axis_rad=axis)

    along = component(magnitude, magnitude_sigma, angles)
    return PhaseMeasurements.join((along, component(0.0, across_sigma, angles + np.pi / 2)))
