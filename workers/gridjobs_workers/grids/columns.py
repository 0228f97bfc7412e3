"""Properties of all documents, sorted by name."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids import scan, values
from gridjobs_workers.grids.arrays import Rows, Strings
from gridjobs_workers.grids.objects import NO_ROWS, Objects, Part, numbered


@dataclass(frozen=True, slots=True)
class Dangling:
    """References that point nowhere: object, property, target as written, and where it is written."""

    rows: Rows
    names: list[str]
    targets: Strings
    at: NDArray[np.int64]


class Columns:
    """Properties of all documents, sorted by name."""

    def __init__(self, buffer: scan.Bytes, parts: list[Part], objects: Objects) -> None:
        self.numbers: dict[str, int] = {}
        names = np.concatenate([numbered(part, part.scanned.property_name, self.numbers) for part in parts])
        # Sixteen bits are sorted by radix, in linear time.
        is_small = len(self.numbers) <= np.iinfo(np.uint16).max
        order = np.argsort(names.astype(np.uint16) if is_small else names, kind="stable")
        owners, offset = [], 0
        for part in parts:
            owners.append(objects.merged[offset + part.scanned.property_object])
            offset += len(part.scanned.object_kind)
        self.bounds = np.searchsorted(names[order], np.arange(len(self.numbers) + 1))
        self.owner = np.concatenate(owners)[order]
        self.kind = np.concatenate([part.scanned.property_kind for part in parts])[order]
        self.start = np.concatenate([part.scanned.value_start for part in parts])[order]
        self.end = np.concatenate([part.scanned.value_end for part in parts])[order]
        self.target = objects.resolve(buffer, self.kind, self.start, self.end)
        self._scratch = np.full(objects.count, -1, dtype=np.int64)

    def at(self, rows: Rows, name: str) -> tuple[Rows, Rows]:
        """Where a property stands: positions in `rows` that have it, and its place in the columns."""
        number = self.numbers.get(name)
        if number is None or not len(rows):
            return NO_ROWS, NO_ROWS
        first, last = int(self.bounds[number]), int(self.bounds[number + 1])
        owners = self.owner[first:last]
        self._scratch[owners] = np.arange(first, last)
        found = self._scratch[rows]
        self._scratch[owners] = -1
        where = np.flatnonzero((found >= 0) & (rows >= 0))
        return where, found[where]

    def span(self, at: Rows) -> tuple[scan.Offsets, scan.Offsets]:
        """Where values begin and end."""
        return self.start[at], self.end[at]

    def dangling(self, buffer: scan.Bytes, objects: Objects) -> Dangling:
        """References to objects that no document has."""
        lost = np.flatnonzero(self.target >= 0)
        lost = lost[~objects.defined[self.target[lost]] & objects.defined[self.owner[lost]]]
        names = list(self.numbers)
        lost_names = [names[k] for k in (np.searchsorted(self.bounds, lost, side="right") - 1).tolist()]
        kept = [k for k, name in enumerate(lost_names) if not name.startswith("Model.")]
        lost = lost[kept]
        return Dangling(
            self.owner[lost].astype(np.intp),
            [lost_names[k] for k in kept],
            values.texts(buffer, self.start[lost], self.end[lost]),
            self.start[lost],
        )
