"""Why a power flow has no answer."""

from dataclasses import dataclass

from gridjobs_workers.grids.network import Floats, Ints


class PowerFlowError(Exception):
    """A power flow that cannot be solved."""


class NoSource(PowerFlowError):
    """Some island has no reference bus: nothing fixes its angle or feeds what is missing."""

    def __init__(self, islands: list[Ints]) -> None:
        super().__init__(
            f"{len(islands)} island(s) without a source, the largest of {max(map(len, islands))} buses"
        )
        self.islands = islands  # buses of each


class InvalidInput(PowerFlowError):
    """Numbers that mean nothing: NaN, infinite, of the wrong length, or of no bus."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is known about a power flow without a solution.

    Attributes:
        worst_bus: Buses with the largest mismatch, worst first, at most ten.
        worst_mismatch_pu: Their mismatch |ΔS| [p.u.].
        weakest_bus: Bus with the lowest voltage at the last loading that was solved, -1 where none was.
        weakest_v_pu: Its magnitude [p.u.], NaN where none.
        solvable_share: Largest share of all injections with a solution, 0 to 1; NaN where not looked for.
        reason: One sentence for people.
    """

    worst_bus: Ints
    worst_mismatch_pu: Floats
    weakest_bus: int
    weakest_v_pu: float
    solvable_share: float
    reason: str


class NotConverged(PowerFlowError):
    """Newton's method found no solution from any start."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis.reason)
        self.diagnosis = diagnosis


class ControlsUnsettled(PowerFlowError):
    """Limits and tap changers keep each other moving; the last state is a solution without rest."""

    def __init__(self, rounds: int) -> None:
        super().__init__(f"limits and tap changers did not come to rest in {rounds} rounds")
        self.rounds = rounds
