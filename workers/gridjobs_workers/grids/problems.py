"""Collects what is wrong with an upload, so that all of it is told at once."""

from gridjobs_workers.grids.model import Problem

ERROR = "error"
WARNING = "warning"


class GridRejected(Exception):
    """The files do not make a usable grid; `problems` says why."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        errors = [problem for problem in problems if problem.severity == ERROR]
        first = errors[0].detail if errors else "no reason kept"
        super().__init__(first if len(errors) < 2 else f"{first} (and {len(errors) - 1} more)")
        self.problems = problems


class Problems:
    """A bounded, ordered collection of problems."""

    def __init__(self, max_problems: int) -> None:
        self._kept: list[Problem] = []
        self._dropped = 0
        self._dropped_errors = 0
        self._max = max_problems

    def error(self, code: str, detail: str, *, file: str = "", line: int = 0, mrid: str = "") -> None:
        """Add a problem that makes the grid unusable."""
        self._add(Problem(code, ERROR, detail, file, line, mrid))

    def warning(self, code: str, detail: str, *, file: str = "", line: int = 0, mrid: str = "") -> None:
        """Add a problem that the import worked around, or something remarkable."""
        self._add(Problem(code, WARNING, detail, file, line, mrid))

    @property
    def has_errors(self) -> bool:
        """Whether any problem makes the grid unusable."""
        return self._dropped_errors > 0 or any(problem.severity == ERROR for problem in self._kept)

    def room(self) -> int:
        """How many more problems are kept."""
        return max(self._max - len(self._kept), 0)

    def all(self) -> tuple[Problem, ...]:
        """Every kept problem, errors first, with a last one for those that were too many."""
        kept = sorted(self._kept, key=lambda problem: problem.severity != ERROR)
        if self._dropped:
            severity = ERROR if self._dropped_errors else WARNING
            kept.append(
                Problem("too_many_problems", severity, f"{self._dropped} more problems are not listed")
            )
        return tuple(kept)

    def reject_if_errors(self) -> None:
        """Raise `GridRejected` with everything found so far, when any of it is an error."""
        if self.has_errors:
            raise GridRejected(self.all())

    def _add(self, problem: Problem) -> None:
        if len(self._kept) < self._max:
            self._kept.append(problem)
        else:
            self._dropped += 1
            self._dropped_errors += problem.severity == ERROR
