"""Every CIM object of an upload, merged over documents, with its properties as columns."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids import identity, scan, values
from gridjobs_workers.grids.document import Scanned
from gridjobs_workers.grids.headers import Header

Rows: TypeAlias = NDArray[np.intp]
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Strings: TypeAlias = NDArray[np.str_]

CHUNK_BYTES: Final = 1 << 20
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
class BadValue:
    """A value that cannot be read as what its property is."""

    row: int
    at: int
    name: str
    text: str


class CimTable:
    """Objects numbered 0 to `size - 1`; a property's value is the one of the last profile that gives it.

    Rows are object numbers. `bad_values` collects what could not be read as a number or a boolean.
    """

    def __init__(self, buffer: bytearray, parts: list[Part]) -> None:
        self.parts = parts
        self.bad_values: dict[int, BadValue] = {}
        self._lines: dict[int, NDArray[np.int64]] = {}
        self._buffer = np.frombuffer(buffer, dtype=np.uint8)
        self._objects = _Objects(self._buffer, parts)
        self._columns = _Columns(self._buffer, parts, self._objects)
        self.size = self._objects.count

    def rows(self, *classes: str) -> Rows:
        """Objects of the given classes that some document defines, class after class, in document order."""
        found = [self._objects.by_class.get(name, NO_ROWS) for name in classes]
        return np.concatenate(found) if found else NO_ROWS

    def classes(self) -> dict[str, int]:
        """How many objects each class has."""
        return {name: len(rows) for name, rows in sorted(self._objects.by_class.items())}

    def class_names(self, rows: Rows) -> Strings:
        """Class of each object."""
        names = np.array([*self._objects.names, ""])  # class -1 is the last
        return names[self._objects.class_of[rows]]

    def names(self) -> Iterable[str]:
        """Names of all properties."""
        return self._columns.numbers

    def number(self, rows: Rows, *names: str, default: float = np.nan) -> Floats:
        """Numbers of the first property, where it is missing of the second, and so on."""
        result = np.full(len(rows), np.nan)
        for name in names:
            missing = np.flatnonzero(np.isnan(result))
            where, at = self._columns.at(rows[missing], name)
            read, bad = values.floats(self._buffer, *self._columns.span(at))
            result[missing[where]] = read
            self._keep_bad(rows[missing[where]], at, bad, name)
        return np.where(np.isnan(result), default, result)

    def flag(self, rows: Rows, *names: str, default: bool) -> Bools:
        """Booleans of the first property, where it is missing of the second, and so on."""
        result = np.full(len(rows), -1, dtype=np.int8)
        for name in names:
            missing = np.flatnonzero(result < 0)
            where, at = self._columns.at(rows[missing], name)
            read = values.flags(self._buffer, *self._columns.span(at))
            result[missing[where]] = read
            self._keep_bad(rows[missing[where]], at, read < 0, name)
        return np.where(result < 0, default, result > 0)

    def text(self, rows: Rows, name: str) -> Strings:
        """Strings, "" where missing."""
        return self._strings(rows, name, last_part=False)

    def enum(self, rows: Rows, name: str) -> Strings:
        """The last part of an enumeration's URI (`PhaseCode.ABC` gives `ABC`), "" where missing."""
        return self._strings(rows, name, last_part=True)

    def ref(self, rows: Rows, name: str) -> Rows:
        """Object that each object refers to, -1 where the property is missing.

        What no document has is an object too: it is of no class and has no properties.
        """
        result = np.full(len(rows), -1, dtype=np.intp)
        where, at = self._columns.at(rows, name)
        result[where] = self._columns.target[at]
        return result

    def has(self, rows: Rows, name: str) -> Bools:
        """Whether each object has a property."""
        result = np.zeros(len(rows), dtype=np.bool_)
        result[self._columns.at(rows, name)[0]] = True
        return result

    def mrid(self, rows: Rows) -> Strings:
        """IdentifiedObject.mRID where given, else the identifier without decoration; "" for row -1."""
        known = rows[rows >= 0]
        ids = self._objects.identifiers(self._buffer, known)
        given = self.text(known, "IdentifiedObject.mRID")
        result = np.full(len(rows), "", dtype=f"U{max(_width(ids), _width(given), 1)}")
        result[rows >= 0] = np.where(given != "", given, ids)
        return result

    def identifier(self, rows: Rows) -> Strings:
        """The identifier in the document, without decoration; "" for row -1."""
        ids = self._objects.identifiers(self._buffer, rows[rows >= 0])
        result = np.full(len(rows), "", dtype=f"U{max(_width(ids), 1)}")
        result[rows >= 0] = ids
        return result

    def place(self, row: int) -> tuple[str, int]:
        """File and line where an object begins."""
        return self.line_at(int(self._objects.at[row]))

    def line_at(self, at: int) -> tuple[str, int]:
        """File and line of an offset in the buffer."""
        for part in self.parts:
            if part.start <= at < part.end:
                return part.file, int(np.searchsorted(self._line_ends(part), at)) + 1
        return "", 0

    def dangling(self) -> "Dangling":
        """References to objects that no document has, enumerations left out."""
        return self._columns.dangling(self._buffer, self._objects)

    def undefined(self) -> Rows:
        """Objects that documents speak of but none defines."""
        models = [k for k, name in enumerate(self._objects.names) if name == "FullModel"]
        spoken_of = ~self._objects.defined & (self._objects.class_of >= 0)
        return np.flatnonzero(spoken_of & ~np.isin(self._objects.class_of, models))

    def duplicates(self) -> list[tuple[int, int, int, bool]]:
        """Objects defined more than once: row, both offsets, and whether it is one class in two documents."""
        return self._objects.duplicates

    def _line_ends(self, part: Part) -> NDArray[np.int64]:
        if part.start not in self._lines:
            chunks = range(part.start, part.end, CHUNK_BYTES)
            ends = [
                np.flatnonzero(self._buffer[at : min(at + CHUNK_BYTES, part.end)] == 10) + at for at in chunks
            ]
            self._lines[part.start] = np.concatenate(ends)
        return self._lines[part.start]

    def _strings(self, rows: Rows, name: str, *, last_part: bool) -> Strings:
        where, at = self._columns.at(rows, name)
        read = values.texts(self._buffer, *self._columns.span(at), last_part=last_part)
        result = np.full(len(rows), "", dtype=f"U{max(_width(read), 1)}")
        result[where] = read
        return result

    def _keep_bad(self, rows: Rows, at: Rows, bad: Bools, name: str) -> None:
        for k in np.flatnonzero(bad).tolist():
            start, end = (int(offset[k]) for offset in self._columns.span(at))
            text = self._buffer[start : min(end, start + 40)].tobytes().decode(errors="replace")
            self.bad_values[int(at[k])] = BadValue(int(rows[k]), start, name, text)


@dataclass(frozen=True, slots=True)
class Dangling:
    """References that point nowhere: object, property, target as written, and where it is written."""

    rows: Rows
    names: list[str]
    targets: Strings
    at: NDArray[np.int64]


class _Identifiers:
    """Numbers identifiers in the order in which they are met."""

    def __init__(
        self, buffer: scan.Bytes, kinds: NDArray[np.int8], id_start: scan.Offsets, id_end: scan.Offsets
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

    def find(
        self, buffer: scan.Bytes, kinds: NDArray[np.int8], starts: scan.Offsets, ends: scan.Offsets
    ) -> scan.Ids:
        targets = np.empty(len(kinds), dtype=np.int32)
        identity.resolve(buffer, kinds, starts, ends, *self._table(), targets)
        return targets

    def _table(self) -> tuple[np.uint64, scan.Ids, scan.Offsets, scan.Offsets, Bools]:
        return self.seed, self.slots, self.starts, self.ends, self.underscores


class _Objects:
    """Objects of all documents under common numbers; those that are only referred to come last."""

    def __init__(self, buffer: scan.Bytes, parts: list[Part]) -> None:
        kinds = _joined([part.scanned.object_kind for part in parts], np.int8)
        id_start = _joined([part.scanned.id_start for part in parts], np.int64)
        id_end = _joined([part.scanned.id_end for part in parts], np.int64)
        self._known = _Identifiers(buffer, kinds, id_start, id_end)
        self.count, self.merged = self._known.count, self._known.merged
        self.starts, self.ends = self._known.starts, self._known.ends
        self._classify(parts, kinds)

    def resolve(
        self, buffer: scan.Bytes, kinds: NDArray[np.int8], starts: scan.Offsets, ends: scan.Offsets
    ) -> scan.Ids:
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
        return values.texts(buffer, self.starts[rows], self.ends[rows])

    def _classify(self, parts: list[Part], kinds: NDArray[np.int8]) -> None:
        numbers: dict[str, int] = {}
        classes = _joined([_numbered(part, part.scanned.object_name, numbers) for part in parts], np.int32)
        at = _joined([part.scanned.object_at for part in parts], np.int64)
        free = np.concatenate(
            [np.full(len(part.scanned.object_kind), part.header.defines_by_reference) for part in parts]
            or [[]]
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
        self, parts: list[Part], kinds: NDArray[np.int8], classes: scan.Ids, at: scan.Offsets
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


class _Columns:
    """Properties of all documents, sorted by name."""

    def __init__(self, buffer: scan.Bytes, parts: list[Part], objects: _Objects) -> None:
        self.numbers: dict[str, int] = {}
        names = _joined(
            [_numbered(part, part.scanned.property_name, self.numbers) for part in parts], np.int32
        )
        order = np.argsort(names.astype(np.uint16), kind="stable")
        owners, offset = [], 0
        for part in parts:
            owners.append(objects.merged[offset + part.scanned.property_object])
            offset += len(part.scanned.object_kind)
        self.bounds = np.searchsorted(names[order], np.arange(len(self.numbers) + 1))
        self.owner = _joined(owners, np.int32)[order]
        self.kind = _joined([part.scanned.property_kind for part in parts], np.int8)[order]
        self.start = _joined([part.scanned.value_start for part in parts], np.int64)[order]
        self.end = _joined([part.scanned.value_end for part in parts], np.int64)[order]
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
        return self.start[at], self.end[at]

    def dangling(self, buffer: scan.Bytes, objects: _Objects) -> Dangling:
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


def _numbered(part: Part, name_of: scan.Ids, numbers: dict[str, int]) -> scan.Ids:
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


def _joined(arrays: list[NDArray[np.generic]], dtype: type) -> NDArray[np.generic]:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=dtype)


def _width(strings: Strings) -> int:
    return strings.dtype.itemsize // 4
