"""Objects of all documents under common numbers."""

import secrets
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids import identity, scan, values
from gridjobs_workers.grids.arrays import Bools, Rows, Strings
from gridjobs_workers.grids.document import Scanned
from gridjobs_workers.grids.headers import Header

Kinds: TypeAlias = NDArray[np.int8]

NO_ROWS: Final = np.empty(0, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Part:
    """One document of the upload: its name, where it lies in the buffer, header and dialect."""

    file: str
    upload: int
    start: int
    end: int
    header: Header
    dialect: str
    scanned: Scanned


class _Identifiers:
    """Numbers identifiers in the order in which they are met."""

    def __init__(
        self, buffer: scan.Bytes, kinds: Kinds, id_start: scan.Offsets, id_end: scan.Offsets
    ) -> None:
        size = len(kinds)
        self.seed = np.uint64(secrets.randbits(64) | 1)
        self.slots = np.full(1 << (2 * size + 16).bit_length(), -1, dtype=np.int32)
        self.starts = np.empty(size, dtype=np.int64)
        self.ends = np.empty(size, dtype=np.int64)
        self.underscores = np.empty(size, dtype=np.bool_)
        self.merged = np.empty(size, dtype=np.int32)
        self.count = int(identity.merge(buffer, kinds, id_start, id_end, *self._table(), self.merged))
        self.starts, self.ends = self.starts[: self.count], self.ends[: self.count]

    def find(self, buffer: scan.Bytes, kinds: Kinds, starts: scan.Offsets, ends: scan.Offsets) -> scan.Ids:
        targets = np.empty(len(kinds), dtype=np.int32)
        identity.resolve(buffer, kinds, starts, ends, *self._table(), targets)
        return targets

    def _table(self) -> tuple[np.uint64, scan.Ids, scan.Offsets, scan.Offsets, Bools]:
        return self.seed, self.slots, self.starts, self.ends, self.underscores


class Objects:
    """Objects of all documents under common numbers; those that are only referred to come last."""

    def __init__(self, buffer: scan.Bytes, parts: list[Part]) -> None:
        kinds = np.concatenate([part.scanned.object_kind for part in parts])
        id_start = np.concatenate([part.scanned.id_start for part in parts])
        id_end = np.concatenate([part.scanned.id_end for part in parts])
        self._known = _Identifiers(buffer, kinds, id_start, id_end)
        self.count, self.merged = self._known.count, self._known.merged
        self.starts, self.ends = self._known.starts, self._known.ends
        self.class_of: scan.Ids
        self.at: scan.Offsets
        self.defined: Bools
        self._classify(parts, kinds)

    def resolve(self, buffer: scan.Bytes, kinds: Kinds, starts: scan.Offsets, ends: scan.Offsets) -> scan.Ids:
        """Find what references point to; what no document declares becomes an object of no class."""
        targets = self._known.find(buffer, kinds, starts, ends)
        lost = np.flatnonzero((kinds == scan.RESOURCE) & (targets < 0))
        first = buffer[starts[lost]]
        lost = lost[(first == ord("#")) | (first == ord("u"))]  # an enumeration's URI begins with http
        if len(lost):
            kinds = np.full(len(lost), scan.ABOUT, dtype=np.int8)
            targets[lost] = self._add(_Identifiers(buffer, kinds, starts[lost], ends[lost]))
        return targets

    def _add(self, lost: _Identifiers) -> scan.Ids:
        numbers = lost.merged + np.int32(self.count)
        self.count += lost.count
        self.starts = np.concatenate((self.starts, lost.starts))
        self.ends = np.concatenate((self.ends, lost.ends))
        self.class_of = np.concatenate((self.class_of, np.full(lost.count, -1, dtype=np.int32)))
        self.at = np.concatenate((self.at, np.full(lost.count, -1)))
        self.defined = np.concatenate((self.defined, np.zeros(lost.count, dtype=np.bool_)))
        return numbers

    def identifiers(self, buffer: scan.Bytes, rows: Rows) -> Strings:
        """Identifiers of some objects, without decoration."""
        return values.texts(buffer, self.starts[rows], self.ends[rows])

    def _classify(self, parts: list[Part], kinds: Kinds) -> None:
        numbers: dict[str, int] = {}
        classes = np.concatenate([numbered(part, part.scanned.object_name, numbers) for part in parts])
        at = np.concatenate([part.scanned.object_at for part in parts])
        free = np.concatenate(
            [np.full(len(part.scanned.object_kind), part.header.defines_by_reference) for part in parts]
        )
        defines = (kinds != scan.ABOUT) | free.astype(np.bool_)
        # The first document that defines an object says what it is: written last, it stays.
        order = np.concatenate((np.flatnonzero(~defines)[::-1], np.flatnonzero(defines)[::-1]))
        self.names = list(numbers)
        self.class_of = np.full(self.count, -1, dtype=np.int32)
        self.class_of[self.merged[order]] = classes[order]
        self.at = np.zeros(self.count, dtype=np.int64)
        self.at[self.merged[order]] = at[order]
        self.defined = np.zeros(self.count, dtype=np.bool_)
        self.defined[self.merged[defines]] = True
        self.by_class = _grouped(self.class_of, self.defined, self.names)
        self.duplicates = self._find_duplicates(parts, kinds, classes, at)

    def _find_duplicates(
        self, parts: list[Part], kinds: Kinds, classes: scan.Ids, at: scan.Offsets
    ) -> list[tuple[int, int, int, bool]]:
        declared = np.flatnonzero(kinds == scan.ID)
        often = np.bincount(self.merged[declared], minlength=self.count) > 1
        part_of = np.repeat(np.arange(len(parts)), [len(part.scanned.object_kind) for part in parts])
        found = []
        first: dict[int, int] = {}
        for k in declared[often[self.merged[declared]]].tolist():
            row = int(self.merged[k])
            other = first.setdefault(row, k)
            if other != k:
                harmless = bool(classes[other] == classes[k] and part_of[other] != part_of[k])
                found.append((row, int(at[other]), int(at[k]), harmless))
        return found


def numbered(part: Part, name_of: scan.Ids, numbers: dict[str, int]) -> scan.Ids:
    """Replace a document's own name numbers by common ones, adding names that are new."""
    used = np.unique(name_of)
    common = np.full(len(part.scanned.names), -1, dtype=np.int32)
    for k in used.tolist():
        common[k] = numbers.setdefault(part.scanned.names[k][1], len(numbers))
    return common[name_of]


def _grouped(class_of: scan.Ids, defined: Bools, names: list[str]) -> dict[str, Rows]:
    order = np.flatnonzero(defined)
    order = order[np.argsort(class_of[order], kind="stable")]
    bounds = np.searchsorted(class_of[order], np.arange(len(names) + 1))
    groups = {name: order[bounds[k] : bounds[k + 1]] for k, name in enumerate(names)}
    return {name: rows for name, rows in groups.items() if len(rows)}
