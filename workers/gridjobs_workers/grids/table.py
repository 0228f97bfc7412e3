"""Every CIM object of an upload, merged over documents, with its properties as columns."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids import values
from gridjobs_workers.grids.arrays import Bools, Floats, Rows, Strings
from gridjobs_workers.grids.columns import Columns, Dangling
from gridjobs_workers.grids.objects import NO_ROWS, Duplicate, Objects, Part

CHUNK_BYTES: Final = 1 << 20


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
        self._objects = Objects(parts)
        self._columns = Columns(self._buffer, parts, self._objects)
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
        found: Strings = names[self._objects.class_of[rows]]
        return found

    def names(self) -> Iterable[str]:
        """Names of all properties."""
        return self._columns.numbers

    def number(self, rows: Rows, *names: str, default: float = np.nan) -> Floats:
        """Numbers of the first property, where it is missing of the second, and so on."""
        result = np.full(len(rows), np.nan)
        for name in names:
            missing = np.flatnonzero(np.isnan(result))
            where, at = self._columns.at(rows[missing], name)
            if not len(where):
                continue
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
            if not len(where):
                continue
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

    def dangling(self) -> Dangling:
        """References to objects that no document has, enumerations left out."""
        return self._columns.dangling(self._buffer, self._objects)

    def undefined(self) -> Rows:
        """Objects that documents speak of but none defines."""
        models = [k for k, name in enumerate(self._objects.names) if name == "FullModel"]
        spoken_of = ~self._objects.defined & (self._objects.class_of >= 0)
        return np.flatnonzero(spoken_of & ~np.isin(self._objects.class_of, models))

    def duplicates(self) -> list[Duplicate]:
        """Objects defined more than once."""
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
        if not len(where):
            return np.full(len(rows), "", dtype="U1")
        read = values.texts(self._buffer, *self._columns.span(at), last_part=last_part)
        result = np.full(len(rows), "", dtype=f"U{max(_width(read), 1)}")
        result[where] = read
        return result

    def _keep_bad(self, rows: Rows, at: Rows, bad: Bools, name: str) -> None:
        for k in np.flatnonzero(bad).tolist():
            start, end = (int(offset[k]) for offset in self._columns.span(at))
            text = self._buffer[start : min(end, start + 40)].tobytes().decode(errors="replace")
            self.bad_values[int(at[k])] = BadValue(int(rows[k]), start, name, text)


def _width(strings: Strings) -> int:
    return strings.dtype.itemsize // 4
