"""Measurements as arrays: what was measured where, how large it was and how well it is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gridjobs_workers.grids.network import Floats, Ints

Bools = NDArray[np.bool_]


class Kind(IntEnum):
    """What a measurement measures."""

    V_MAG = 0  # |V| of a bus [p.u.]
    V_ANG = 1  # angle of V [rad]
    P_INJ = 2  # active power from a bus's equipment into the grid [p.u.]; shunts of `Network` are grid
    Q_INJ = 3
    P_FLOW = 4  # active power from the bus into the branch at `side` [p.u.]
    Q_FLOW = 5
    I_MAG = 6  # |I| of a branch at `side` [p.u.]
    I_AXIS = 7  # component of a branch's current phasor along `axis_rad`, from the bus into the branch [p.u.]
    I_INJ_MAG = 8  # |I| from the bus's equipment into the grid [p.u.]
    I_INJ_AXIS = 9  # component of that current along `axis_rad` [p.u.]


class Side(IntEnum):
    """End of a branch."""

    FROM = 0
    TO = 1


AT_BUS = (Kind.V_MAG, Kind.V_ANG, Kind.P_INJ, Kind.Q_INJ, Kind.I_INJ_MAG, Kind.I_INJ_AXIS)


@dataclass(frozen=True, slots=True)
class Measurements:
    """Measurements of one instant, shape (n,) each, in per unit of the network.

    Attributes:
        kind: `Kind` codes.
        element: Bus or branch, by `Kind`.
        side: `Side` of a branch, 0 for a bus.
        value: Measured value.
        sigma: Standard deviation, positive.
        is_pseudo: Whether the value is assumed (a load profile, a schedule), not measured.
        axis_rad: Direction in which I_AXIS and I_INJ_AXIS measure, else 0.
        zero_injection: Buses that inject nothing, taken as exact.
    """

    kind: Ints
    element: Ints
    side: Ints
    value: Floats
    sigma: Floats
    is_pseudo: Bools
    axis_rad: Floats
    zero_injection: Ints = field(default_factory=lambda: np.empty(0, np.intp))

    def __len__(self) -> int:
        return len(self.kind)

    @classmethod
    def of(
        cls,
        kind: ArrayLike,
        element: ArrayLike,
        value: ArrayLike,
        sigma: ArrayLike,
        *,
        side: ArrayLike = Side.FROM,
        is_pseudo: ArrayLike = False,
        axis_rad: ArrayLike = 0.0,
        zero_injection: ArrayLike = (),
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
            side=integers(side),
            value=numbers(value),
            sigma=numbers(sigma),
            is_pseudo=np.broadcast_to(np.asarray(is_pseudo, np.bool_), (n,)).copy(),
            axis_rad=numbers(axis_rad),
            zero_injection=np.unique(np.asarray(zero_injection, np.intp)),
        )

    @classmethod
    def join(cls, parts: "Sequence[Measurements]") -> Self:
        """Put measurements one after the other."""
        names = ("kind", "element", "side", "value", "sigma", "is_pseudo", "axis_rad")
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        zero_injection = np.unique(np.concatenate([part.zero_injection for part in parts]))
        return cls(**columns, zero_injection=zero_injection)

    def rows(self, keep: Bools | Ints) -> "Measurements":
        """The measurements chosen, with the same zero injections."""
        return Measurements(
            kind=self.kind[keep],
            element=self.element[keep],
            side=self.side[keep],
            value=self.value[keep],
            sigma=self.sigma[keep],
            is_pseudo=self.is_pseudo[keep],
            axis_rad=self.axis_rad[keep],
            zero_injection=self.zero_injection,
        )

    def at_bus(self) -> Bools:
        """Whether `element` is a bus."""
        return np.isin(self.kind, AT_BUS)


def current_phasor(
    branch: ArrayLike,
    side: ArrayLike,
    magnitude: ArrayLike,
    angle_rad: ArrayLike,
    magnitude_sigma: ArrayLike,
    angle_sigma_rad: ArrayLike,
) -> Measurements:
    """Measured current phasors as components along and across the measured direction.

    In these axes the errors of magnitude and angle are uncorrelated to first order, which they are not in
    real and imaginary parts.
    """
    branches = np.atleast_1d(np.asarray(branch, np.intp))
    angles = np.asarray(angle_rad, np.float64)
    across_sigma = np.asarray(magnitude, np.float64) * np.asarray(angle_sigma_rad, np.float64)
    # A current of almost nothing has no direction: its noise is as large across as along.
    across_sigma = np.where(across_sigma > 0, across_sigma, magnitude_sigma)
    along = Measurements.of(Kind.I_AXIS, branches, magnitude, magnitude_sigma, side=side, axis_rad=angles)
    across = Measurements.of(Kind.I_AXIS, branches, 0.0, across_sigma, side=side, axis_rad=angles + np.pi / 2)
    return Measurements.join((along, across))
