"""What every step of building a model shares."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.grids.arrays import Bools, Floats, Rows
from gridjobs_workers.grids.problems import Problems
from gridjobs_workers.grids.table import CimTable
from gridjobs_workers.grids.terminals import Terminals


@dataclass(frozen=True, slots=True)
class Context:
    """The table, its terminals, and where to report problems."""

    table: CimTable
    terminals: Terminals
    problems: Problems

    def error(self, code: str, detail: str, rows: Rows) -> None:
        """Report an error for each of some objects."""
        self._report(rows, code, detail, is_error=True)

    def warning(self, code: str, detail: str, rows: Rows) -> None:
        """Report a warning for each of some objects."""
        self._report(rows, code, detail, is_error=False)

    def _report(self, rows: Rows, code: str, detail: str, *, is_error: bool) -> None:
        if not len(rows):
            return
        report = self.problems.error if is_error else self.problems.warning
        mrids = self.table.mrid(rows).tolist()
        classes = self.table.class_names(rows).tolist()
        for row, mrid, name in zip(rows.tolist(), mrids, classes, strict=True):
            file, line = self.table.place(row)
            report(code, f"{name}: {detail}", file=file, line=line, mrid=mrid)

    def in_service(self, rows: Rows) -> Bools:
        """Whether equipment is in service by itself, whatever its terminals say."""
        return self.table.flag(rows, "Equipment.inService", "Equipment.normallyInService", default=True)

    def required(self, rows: Rows, *names: str) -> Floats:
        """Numbers that equipment must have: 0 where missing, with an error (unusable ones are reported later)."""
        values = self.table.number(rows, *names)
        unknown = np.isnan(values)
        missing = unknown.copy()
        for name in names:
            missing &= ~self.table.has(rows, name)
        if missing.any():
            self.error("missing_value", f"{names[0].split('.')[-1]} is missing", rows[missing])
        return np.where(unknown, 0.0, values)
