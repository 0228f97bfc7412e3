"""Objects of all documents under common numbers."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from gridjobs_workers.grids import identity, scan, values
from gridjobs_workers.grids.arrays import Bools, Bytes, Fingerprints, Kinds, Numbers, Rows, Strings
from gridjobs_workers.grids.document import Scanned
from gridjobs_workers.grids.headers import Header

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


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An object defined twice: its row, where, and whether it is one class in two documents."""

    row: int
    first_at: int
    second_at: int
    is_harmless: bool


class _Identifiers:
    """Numbers fingerprints in the order in which they are met."""

    def __init__(self, kinds: Kinds, ids: Fingerprints) -> None:
        self.slots = np.full(1 << (2 * len(kinds) + 16).bit_length(), -1, dtype=np.int32)
        self.known = np.empty(len(kinds), dtype=np.uint64)
        self.merged = np.empty(len(kinds), dtype=np.int32)
        self.count = int(identity.merge(ids, kinds, self.slots, self.known, self.merged))

    def first(self) -> Rows:
        """Where each number was met first."""
        first = np.empty(self.count, dtype=np.intp)
        first[self.merged[::-1]] = np.arange(len(self.merged))[::-1]
        return first

    def find(self, ids: Fingerprints, is_reference: Bools) -> Numbers:
        """Numbers of some fingerprints, -1 for those never met and for what is no reference."""
        targets = np.empty(len(ids), dtype=np.int32)
        identity.resolve(ids, is_reference, self.slots, self.known, targets)
        return targets


class Objects:
    """Objects of all documents; those that are only referred to come last.

    Attributes:
        count: How many there are.
        merged: Number of each declared object, document by document.
        names: Names of classes.
        class_of: Class of each object, a row of `names`, -1 where no document declares it.
        at: Where each begins in the buffer, -1 where no document declares it.
        defined: Whether some document defines it, rather than only adding to it.
        by_class: Defined objects of each class.
        duplicates: Objects defined more than once.
    """

    def __init__(self, parts: list[Part]) -> None:
        kinds = np.concatenate([part.scanned.object_kinds for part in parts])
        declared = np.concatenate([part.scanned.objects for part in parts], axis=1)
        self._identifiers = _Identifiers(kinds, np.concatenate([part.scanned.object_ids for part in parts]))
        self.count, self.merged = self._identifiers.count, self._identifiers.merged
        self._span = declared[2:, self._identifiers.first()]
        numbers: dict[str, int] = {}
        classes = np.concatenate([numbered(part, part.scanned.objects[0], numbers) for part in parts])
        self.names = list(numbers)
        defines = (kinds != scan.ABOUT) | np.repeat(
            [part.header.defines_by_reference for part in parts],
            [len(part.scanned.object_kinds) for part in parts],
        )
        self.class_of, self.at = self._first(defines, classes), self._first(defines, declared[1])
        self.defined = np.zeros(self.count, dtype=np.bool_)
        self.defined[self.merged[defines]] = True
        self.by_class = _grouped(self.class_of, self.defined, self.names)
        self.duplicates = self._find_duplicates(parts, kinds, classes, declared[1])

    def resolve(self, properties: Numbers, kinds: Kinds, ids: Fingerprints, buffer: Bytes) -> Numbers:
        """Find what references point to; what no document declares becomes an object of no class."""
        targets = self._identifiers.find(ids, kinds == scan.RESOURCE)
        lost = np.flatnonzero((kinds == scan.RESOURCE) & (targets < 0))
        first = buffer[properties[2, lost]]
        lost = lost[(first == ord("#")) | (first == ord("u"))]  # an enumeration's URI begins with http
        if len(lost):
            missing = _Identifiers(np.full(len(lost), scan.ABOUT, dtype=np.int8), ids[lost])
            targets[lost] = missing.merged + np.int32(self.count)
            self._add(missing.count, properties[2:, lost[missing.first()]])
        return targets

    def identifiers(self, buffer: Bytes, rows: Rows) -> Strings:
        """Identifiers of some objects, without decoration."""
        start, end = self._span[:, rows]
        trimmed = np.empty(len(rows), dtype=np.int32)
        identity.trim(buffer, start, end, trimmed)
        return values.texts(buffer, trimmed, end)

    def _first(self, defines: Bools, values_of: Numbers) -> Numbers:
        """Value of the first document that defines each object, else of the first that speaks of it."""
        # What is written last stays.
        order = np.concatenate((np.flatnonzero(~defines)[::-1], np.flatnonzero(defines)[::-1]))
        first = np.full(self.count, -1, dtype=np.int32)
        first[self.merged[order]] = values_of[order]
        return first

    def _add(self, count: int, span: Numbers) -> None:
        self.count += count
        unknown = np.full(count, -1, dtype=np.int32)
        self._span = np.concatenate((self._span, span), axis=1)
        self.class_of = np.concatenate((self.class_of, unknown))
        self.at = np.concatenate((self.at, unknown))
        self.defined = np.concatenate((self.defined, np.zeros(count, dtype=np.bool_)))

    def _find_duplicates(
        self, parts: list[Part], kinds: Kinds, classes: Numbers, at: Numbers
    ) -> list[Duplicate]:
        declared = np.flatnonzero(kinds == scan.ID)
        often = np.bincount(self.merged[declared], minlength=self.count) > 1
        part_of = np.repeat(np.arange(len(parts)), [len(part.scanned.object_kinds) for part in parts])
        found = []
        first: dict[int, int] = {}
        for k in declared[often[self.merged[declared]]].tolist():
            row = int(self.merged[k])
            other = first.setdefault(row, k)
            if other != k:
                is_harmless = bool(classes[other] == classes[k] and part_of[other] != part_of[k])
                found.append(Duplicate(row, int(at[other]), int(at[k]), is_harmless))
        return found


def numbered(part: Part, name_of: Numbers, numbers: dict[str, int]) -> Numbers:
    """Replace a document's own name numbers by common ones, adding names that are new."""
    used = np.bincount(name_of, minlength=len(part.scanned.names)) > 0
    common = np.full(len(part.scanned.names), -1, dtype=np.int32)
    for k in np.flatnonzero(used).tolist():
        common[k] = numbers.setdefault(part.scanned.names[k][1], len(numbers))
    return common[name_of]


def _grouped(class_of: Numbers, defined: Bools, names: list[str]) -> dict[str, Rows]:
    order = np.flatnonzero(defined)
    order = order[np.argsort(class_of[order], kind="stable")]
    bounds = np.searchsorted(class_of[order], np.arange(len(names) + 1))
    groups = {name: order[bounds[k] : bounds[k + 1]] for k, name in enumerate(names)}
    return {name: rows for name, rows in groups.items() if len(rows)}
