"""Properties of all documents, sorted by name."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.grids import values
from gridjobs_workers.grids.arrays import Bytes, Numbers, Rows, Strings
from gridjobs_workers.grids.objects import NO_ROWS, Objects, Part, numbered


@dataclass(frozen=True, slots=True)
class Dangling:
    """References that point nowhere: object, property, target as written, and where it is written."""

    rows: Rows
    names: list[str]
    targets: Strings
    at: Numbers


class Columns:
    """Properties of all documents, sorted by name.

    Attributes:
        numbers: Number of each name.
        owner: Object of each property.
        target: Object that it refers to, -1 where it is no reference or one to an enumeration.
    """

    def __init__(self, buffer: Bytes, parts: list[Part], objects: Objects) -> None:
        self.numbers: dict[str, int] = {}
        names = np.concatenate([numbered(part, part.scanned.properties[1], self.numbers) for part in parts])
        # Sixteen bits are sorted by radix, in linear time.
        is_small = len(self.numbers) <= np.iinfo(np.uint16).max
        order = np.argsort(names.astype(np.uint16) if is_small else names, kind="stable")
        self._bounds = np.searchsorted(names[order], np.arange(len(self.numbers) + 1))
        properties = np.concatenate([part.scanned.properties for part in parts], axis=1)
        kinds = np.concatenate([part.scanned.property_kinds for part in parts])
        ids = np.concatenate([part.scanned.property_ids for part in parts])
        self.target = objects.resolve(properties, kinds, ids, buffer)[order]
        self._span = properties[2:, order]
        self.owner = _owners(parts, properties[0], objects)[order]
        self._scratch = np.full(objects.count, -1, dtype=np.int64)

    def at(self, rows: Rows, name: str) -> tuple[Rows, Rows]:
        """Where a property stands: positions in `rows` that have it, and its place in the columns."""
        number = self.numbers.get(name)
        if number is None or not len(rows):
            return NO_ROWS, NO_ROWS
        first, last = int(self._bounds[number]), int(self._bounds[number + 1])
        owners = self.owner[first:last]
        self._scratch[owners] = np.arange(first, last)
        found = self._scratch[rows]
        self._scratch[owners] = -1
        where = np.flatnonzero((found >= 0) & (rows >= 0))
        return where, found[where]

    def span(self, at: Rows) -> tuple[Numbers, Numbers]:
        """Where values begin and end."""
        return self._span[0, at], self._span[1, at]

    def dangling(self, buffer: Bytes, objects: Objects) -> Dangling:
        """References to objects that no document has."""
        lost = np.flatnonzero(self.target >= 0)
        lost = lost[~objects.defined[self.target[lost]] & objects.defined[self.owner[lost]]]
        names = list(self.numbers)
        lost_names = [names[k] for k in (np.searchsorted(self._bounds, lost, side="right") - 1).tolist()]
        kept = [k for k, name in enumerate(lost_names) if not name.startswith("Model.")]
        lost = lost[kept]
        return Dangling(
            self.owner[lost].astype(np.intp),
            [lost_names[k] for k in kept],
            values.texts(buffer, *self.span(lost)),
            self._span[0, lost],
        )


def _owners(parts: list[Part], local: Numbers, objects: Objects) -> Numbers:
    """Common number of the object of each property, from its number within its document."""
    before = np.cumsum([0, *(len(part.scanned.object_kinds) for part in parts)])[:-1]
    offset = np.repeat(before, [len(part.scanned.property_kinds) for part in parts])
    return objects.merged[offset + local]
