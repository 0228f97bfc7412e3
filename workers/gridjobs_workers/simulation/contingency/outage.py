"""What is lost in a case, and what a case comes to."""

from dataclasses import dataclass, field

import numpy as np

from gridjobs_workers.grids.network import Complexes, Floats, Ints


def _none() -> Ints:
    return np.empty(0, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Outage:
    """Equipment lost at once.

    Attributes:
        branches: Branches of the network that are out.
        controls: Voltage controls (rows of `OperatingPoint.controls`) that are out.
        buses: Buses whose injection changes.
        s_lost_pu: What each of them loses of its power into the network [p.u.], shape like `buses`; losing a
            load is a negative real part.
        participation_lost: What each of them loses of its participation, shape like `buses`.
    """

    branches: Ints = field(default_factory=_none)
    controls: Ints = field(default_factory=_none)
    buses: Ints = field(default_factory=_none)
    s_lost_pu: Complexes = field(default_factory=lambda: np.empty(0, dtype=np.complex128))
    participation_lost: Floats = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, slots=True)
class Violation:
    """Something beyond its limit in a case.

    Attributes:
        kind: "voltage_low", "voltage_high" or "overload".
        item: Bus or branch.
        value: |V| [p.u.] or loading (1 is the limit).
        limit: What it should not pass.
        base: Value before the outage.
    """

    kind: str
    item: int
    value: float
    limit: float
    base: float


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What an outage comes to.

    Attributes:
        outage: Number of the outage.
        solved: Whether there is a solution.
        reason: Why there is none, in a code: "no_source", "voltage_collapse", "not_converged"; "" where solved.
        explanation: The same for people.
        n_islands: Energised islands.
        dark_buses: Buses without a source.
        lost_load_pu: Consumption at them [p.u.].
        v_min_pu: Least |V|; NaN where unsolved.
        v_min_bus: Its bus, -1 where unsolved.
        v_max_pu: Greatest |V|.
        v_max_bus: Its bus.
        loading_max: Greatest loading among branches with a limit, NaN where none has one.
        loading_branch: Its branch, -1 where none.
        violations: The worst hundred, the worst first.
        n_violations: How many there are.
        severity: Rank; see `severity.severity`.
        iterations: Newton steps.
    """

    outage: int
    solved: bool
    reason: str
    explanation: str
    n_islands: int
    dark_buses: Ints
    lost_load_pu: float
    v_min_pu: float
    v_min_bus: int
    v_max_pu: float
    v_max_bus: int
    loading_max: float
    loading_branch: int
    violations: tuple[Violation, ...]
    n_violations: int
    severity: float
    iterations: int
