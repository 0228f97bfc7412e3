"""Core measurements under construction, each with what it was made of."""

from dataclasses import dataclass, field
from enum import Enum

from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.wire.readings import SMALLEST_SIGMA_PU, Reading
from gridjobs_workers.grids.network import Ints


class Role(Enum):
    """How a core measurement stands for a reading."""

    WHOLE = "whole"
    SHARE = "share"  # one of several that add up to what a bus injects
    ALONG = "along"  # magnitude of a current phasor
    ACROSS = "across"  # its angle


@dataclass(slots=True, eq=False)  # made by the thousand: a frozen one takes four times as long
class Source:
    """What a core measurement was made of: a reading, or an assumption (`reading` is None)."""

    role: Role
    reading: Reading | None
    measurand: str
    injection: int = -1  # row of the grid model
    value_pu: float = 0.0  # of a SHARE: the part's value; of ACROSS: the phasor's magnitude
    variance_share: float = 1.0
    phase: str = "ABC"


@dataclass(slots=True)
class Rows:
    """Rows for the core, and the readings that nothing can be done with."""

    kind: list[int] = field(default_factory=list)
    element: list[int] = field(default_factory=list)
    side: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    sigma: list[float] = field(default_factory=list)
    pseudo: list[bool] = field(default_factory=list)
    axis: list[float] = field(default_factory=list)
    sources: list[list[Source]] = field(default_factory=list)
    unused: list[tuple[Reading, str]] = field(default_factory=list)

    def add(
        self,
        kind: Kind,
        element: int,
        value: float,
        sigma: float,
        sources: list[Source],
        *,
        side: int = 0,
        pseudo: bool = False,
        axis: float = 0.0,
    ) -> None:
        """Add a measurement."""
        self.kind.append(kind)
        self.element.append(element)
        self.side.append(side)
        self.value.append(value)
        self.sigma.append(max(sigma, SMALLEST_SIGMA_PU))
        self.pseudo.append(pseudo)
        self.axis.append(axis)
        self.sources.append(sources)

    def measurements(self, zero_injection: Ints) -> Measurements:
        """Return the core's measurements."""
        return Measurements.of(
            self.kind,
            self.element,
            self.value,
            self.sigma,
            side=self.side,
            is_pseudo=self.pseudo,
            axis_rad=self.axis,
            zero_injection=zero_injection,
        )
