"""Reads one XML document into arrays of objects and properties."""

import codecs
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids import scan
from gridjobs_workers.grids.head import Head, XmlFault, read_head
from gridjobs_workers.grids.headers import Header
from gridjobs_workers.grids.limits import ImportLimits
from gridjobs_workers.grids.plain import PlainWriter

Ids: TypeAlias = NDArray[np.int32]
Kinds: TypeAlias = NDArray[np.int8]
Offsets: TypeAlias = NDArray[np.int64]

NAME_SLOTS_PER_NAME: Final = 4
CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Scanned:
    """Objects and properties of one document; offsets count from the start of all documents' buffer.

    Attributes:
        names: Namespace URI and local name of each element name.
        object_name: Class of each object, a row of `names`, shape (n_object,).
        object_kind: `scan.ID`, `scan.ABOUT` or `scan.NONE`.
        object_at: Where it begins.
        id_start: Its identifier.
        id_end: See id_start.
        property_object: Object of each property, shape (n_property,).
        property_name: Its name, a row of `names`.
        property_kind: `scan.TEXT`, `scan.ESCAPED` or `scan.RESOURCE`.
        value_start: Its value.
        value_end: See value_start.
        has_nested: Whether elements nested in properties were left out.
    """

    names: list[tuple[str, str]]
    object_name: Ids
    object_kind: Kinds
    object_at: Offsets
    id_start: Offsets
    id_end: Offsets
    property_object: Ids
    property_name: Ids
    property_kind: Kinds
    value_start: Offsets
    value_end: Offsets
    has_nested: bool

    def empty(self) -> "Scanned":
        """The same document without its objects."""
        ids, kinds, offsets = np.empty(0, np.int32), np.empty(0, np.int8), np.empty(0, np.int64)
        return Scanned(
            self.names,
            ids,
            kinds,
            offsets,
            offsets,
            offsets,
            ids,
            ids,
            kinds,
            offsets,
            offsets,
            self.has_nested,
        )


def read_document(content: bytes, buffer: bytearray, limits: ImportLimits) -> Scanned:
    """Append a document to the buffer and scan it; the buffer is as before when this raises.

    Raises:
        XmlFault: The document is malformed, refused, or over a limit.
    """
    base = len(buffer)
    head = read_head(content)
    try:
        scanned = _scan_plain(content, head, buffer, limits)
        if scanned is None:
            del buffer[base:]
            scanned = _scan_rewritten(content, buffer, limits)
    except XmlFault:
        del buffer[base:]
        raise
    return scanned


def _scan_plain(content: bytes, head: Head, buffer: bytearray, limits: ImportLimits) -> Scanned | None:
    """Scan a document as it stands; None when only the complete parser can tell."""
    if not head.is_plain or not _is_utf8(content):
        return None
    return _scan(content, head.root, head.body, head.namespaces, buffer, limits, has_nested=False)


def _scan_rewritten(content: bytes, buffer: bytearray, limits: ImportLimits) -> Scanned:
    writer = PlainWriter(limits)
    plain = writer.rewrite(content)
    if len(plain) > limits.max_xml_bytes:
        raise XmlFault("too_large", "too large")
    namespaces = {prefix: uri for uri, prefix in writer.prefixes.items()}
    scanned = _scan(plain, (1, 1), 3, namespaces, buffer, limits, has_nested=writer.has_nested)
    if scanned is None:
        raise XmlFault("malformed_xml", "the document's structure is not that of CIM XML")
    return scanned


def _is_utf8(content: bytes) -> bool:
    if content.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(content)
    try:
        for start in range(0, len(content), CHUNK_BYTES):
            decoder.decode(view[start : start + CHUNK_BYTES], final=start + CHUNK_BYTES >= len(content))
    except UnicodeDecodeError:
        return False
    return True


def _scan(
    content: bytes,
    root: tuple[int, int],
    body: int,
    namespaces: dict[str, str],
    buffer: bytearray,
    limits: ImportLimits,
    *,
    has_nested: bool,
) -> Scanned | None:
    base = len(buffer)
    buffer += content
    buffer += bytes(scan.PADDING)
    arrays = _Arrays(content.count(b"<") + 1, limits.max_names)
    view = np.frombuffer(buffer, dtype=np.uint8)
    status, at, n_name, n_object, n_property = arrays.fill(view, base, root, body, limits.max_objects)
    if status == scan.OK and not scan.only_space_left(view, at, base + len(content)):
        status = scan.UNUSUAL
    if status == scan.TOO_MANY_NAMES:
        raise XmlFault("too_many_names", f"more than {limits.max_names} different element names")
    if status == scan.TOO_MANY_OBJECTS:
        raise XmlFault("too_many_objects", f"more than {limits.max_objects} objects")
    names = None if status == scan.UNUSUAL else arrays.qualified_names(buffer, namespaces, n_name)
    return None if names is None else arrays.scanned(names, n_object, n_property, has_nested)


class _Arrays:
    """What the scanner fills: as long as the number of tags allows, cut to what was used."""

    def __init__(self, tags: int, max_names: int) -> None:
        slots = 1 << (max_names * NAME_SLOTS_PER_NAME - 1).bit_length()
        self.slots = np.full(slots, -1, dtype=np.int32)
        self.name_starts = np.empty(max_names, dtype=np.int64)
        self.name_ends = np.empty(max_names, dtype=np.int64)
        self.object_name = np.empty(tags, dtype=np.int32)
        self.object_kind = np.empty(tags, dtype=np.int8)
        self.object_at = np.empty(tags, dtype=np.int64)
        self.id_start = np.empty(tags, dtype=np.int64)
        self.id_end = np.empty(tags, dtype=np.int64)
        self.property_object = np.empty(tags, dtype=np.int32)
        self.property_name = np.empty(tags, dtype=np.int32)
        self.property_kind = np.empty(tags, dtype=np.int8)
        self.value_start = np.empty(tags, dtype=np.int64)
        self.value_end = np.empty(tags, dtype=np.int64)

    def fill(
        self, view: scan.Bytes, base: int, root: tuple[int, int], body: int, max_objects: int
    ) -> tuple[int, int, int, int, int]:
        return scan.scan(
            view,
            base + body,
            base + root[0],
            root[1],
            max_objects,
            self.slots,
            self.name_starts,
            self.name_ends,
            self.object_name,
            self.object_kind,
            self.object_at,
            self.id_start,
            self.id_end,
            self.property_object,
            self.property_name,
            self.property_kind,
            self.value_start,
            self.value_end,
        )

    def qualified_names(
        self, buffer: bytearray, namespaces: dict[str, str], count: int
    ) -> list[tuple[str, str]] | None:
        """Resolve prefixes; None when one is not declared at the root."""
        names = []
        for start, end in zip(
            self.name_starts[:count].tolist(), self.name_ends[:count].tolist(), strict=True
        ):
            prefix, _, local = buffer[start:end].decode().rpartition(":")
            if prefix and prefix not in namespaces:
                return None
            names.append((namespaces.get(prefix, ""), local))
        return names

    def scanned(
        self, names: list[tuple[str, str]], n_object: int, n_property: int, has_nested: bool
    ) -> Scanned:
        o, p = slice(n_object), slice(n_property)
        return Scanned(
            names,
            self.object_name[o].copy(),
            self.object_kind[o].copy(),
            self.object_at[o].copy(),
            self.id_start[o].copy(),
            self.id_end[o].copy(),
            self.property_object[p].copy(),
            self.property_name[p].copy(),
            self.property_kind[p].copy(),
            self.value_start[p].copy(),
            self.value_end[p].copy(),
            has_nested,
        )


def header_of(scanned: Scanned, buffer: bytearray) -> Header:
    """Collect the values of the document's model header."""
    models = [
        row for row, (_, local) in enumerate(scanned.names) if local in ("FullModel", "DifferenceModel")
    ]
    rows = np.flatnonzero(np.isin(scanned.object_name, models)) if models else np.empty(0, dtype=np.int64)
    if not len(rows):
        return Header()
    row = int(rows[0])
    header = Header(
        mrid=_slice(buffer, scanned.id_start[row], scanned.id_end[row]).removeprefix("urn:uuid:"),
        line=int(scanned.object_at[row]),
        is_difference=scanned.names[scanned.object_name[row]][1] == "DifferenceModel",
    )
    # An object's properties stand together.
    first, last = np.searchsorted(scanned.property_object, (row, row + 1)).tolist()
    for k in range(first, last):
        value = _slice(buffer, scanned.value_start[k], scanned.value_end[k]).strip()
        name = scanned.names[scanned.property_name[k]][1]
        header.values.setdefault(name, []).append(value.removeprefix("urn:uuid:"))
    return header


def _slice(buffer: bytearray, start: int, end: int) -> str:
    return buffer[start : min(end, start + 1000)].decode(errors="replace")
