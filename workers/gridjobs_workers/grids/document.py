"""Reads XML documents into arrays of objects and properties."""

import codecs
import secrets
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gridjobs_workers.grids import scan
from gridjobs_workers.grids.arrays import Bytes, Fingerprints, Kinds, Numbers
from gridjobs_workers.grids.head import Head, XmlFault, read_head
from gridjobs_workers.grids.headers import Header
from gridjobs_workers.grids.limits import ImportLimits
from gridjobs_workers.grids.plain import PlainWriter

NAME_SLOTS_PER_NAME: Final = 4
CHUNK_BYTES: Final = 1 << 20
MAX_HEADER_VALUE: Final = 1_000  # bytes kept of a model header's value
# Properties take at least this much in files seen; where they take less the tags are counted.
USUAL_BYTES_PER_PROPERTY: Final = 32


@dataclass(frozen=True, slots=True)
class Scanned:
    """Objects and properties of one document; offsets count from the start of all documents' buffer.

    Attributes:
        names: Namespace URI and local name of each element name.
        objects: Rows are the class of each object (a row of `names`), where it begins, and start and end of its
            identifier, shape (4, n_object).
        object_kinds: `scan.ID`, `scan.ABOUT` or `scan.NONE`.
        object_ids: Fingerprints of the identifiers.
        properties: Rows are the object of each property, its name (a row of `names`), and start and end of its
            value, shape (4, n_property).
        property_kinds: `scan.TEXT`, `scan.ESCAPED` or `scan.RESOURCE`.
        property_ids: Fingerprints of what references point to.
        has_nested: Whether elements nested in properties were left out.
    """

    names: list[tuple[str, str]]
    objects: Numbers
    object_kinds: Kinds
    object_ids: Fingerprints
    properties: Numbers
    property_kinds: Kinds
    property_ids: Fingerprints
    has_nested: bool

    def empty(self) -> "Scanned":
        """The same document without its objects."""
        return replace(
            self,
            objects=self.objects[:, :0],
            object_kinds=self.object_kinds[:0],
            object_ids=self.object_ids[:0],
            properties=self.properties[:, :0],
            property_kinds=self.property_kinds[:0],
            property_ids=self.property_ids[:0],
        )


class DocumentReader:
    """Appends documents to one buffer and scans them."""

    def __init__(self, limits: ImportLimits) -> None:
        self.limits = limits
        self.buffer = bytearray()
        self.seed = np.uint64(secrets.randbits(64))

    def read(self, content: bytes) -> Scanned:
        """Append a document and scan it; the buffer is as before when this raises.

        Raises:
            XmlFault: The document is malformed, refused, or over a limit.
        """
        base = len(self.buffer)
        head = read_head(content)
        try:
            scanned = self._scan_plain(content, head)
            if scanned is None:
                del self.buffer[base:]
                scanned = self._scan_rewritten(content)
        except XmlFault:
            del self.buffer[base:]
            raise
        return scanned

    def _scan_plain(self, content: bytes, head: Head) -> Scanned | None:
        """Scan a document as it stands; None when only the complete parser can tell."""
        if not head.is_plain or not _is_utf8(content):
            return None
        return self._scan(content, head.root, head.body, head.namespaces, has_nested=False)

    def _scan_rewritten(self, content: bytes) -> Scanned:
        writer = PlainWriter(self.limits)
        plain = writer.rewrite(content)
        if len(plain) > self.limits.max_xml_bytes:
            raise XmlFault("too_large", f"more than {self.limits.max_xml_bytes} bytes once decoded")
        namespaces = {prefix: uri for uri, prefix in writer.prefixes.items()}
        scanned = self._scan(plain, (1, 1), 3, namespaces, has_nested=writer.has_nested)
        if scanned is None:
            raise XmlFault("malformed_xml", "the document's structure is not that of CIM XML")
        return scanned

    def _scan(
        self,
        content: bytes,
        root: tuple[int, int],
        body: int,
        namespaces: dict[str, str],
        *,
        has_nested: bool,
    ) -> Scanned | None:
        arrays, found = self._filled(content, root, body)
        if found.status == scan.TOO_MANY_NAMES:
            raise XmlFault("too_many_names", f"more than {self.limits.max_names} different element names")
        if found.status == scan.TOO_MANY_OBJECTS:
            raise XmlFault("too_many_objects", f"more than {self.limits.max_objects} objects")
        if found.status != scan.OK:
            return None
        names = arrays.qualified_names(self.buffer, namespaces, found.names)
        if names is None:
            return None
        scanned = arrays.scanned(names, found, has_nested=has_nested)
        if int((scanned.objects[3] - scanned.objects[2]).max(initial=0)) > self.limits.max_id_bytes:
            raise XmlFault(
                "identifier_too_long", f"an identifier is longer than {self.limits.max_id_bytes} bytes"
            )
        return scanned

    def _filled(self, content: bytes, root: tuple[int, int], body: int) -> "tuple[_Arrays, _Found]":
        """Append and scan; nothing is raised here, where a view keeps the buffer from being cut."""
        base = len(self.buffer)
        self.buffer += content
        self.buffer += bytes(scan.PADDING)
        view = np.frombuffer(self.buffer, dtype=np.uint8)
        arrays = _Arrays(len(content) // USUAL_BYTES_PER_PROPERTY + 1, self.limits.max_names)
        found = arrays.fill(view, base, root, body, self.seed, self.limits.max_objects)
        if found.status == scan.FULL:
            arrays = _Arrays(content.count(b"<") + 1, self.limits.max_names)
            found = arrays.fill(view, base, root, body, self.seed, self.limits.max_objects)
        if found.status == scan.OK and not scan.only_space_left(view, found.at, base + len(content)):
            found = replace(found, status=scan.UNUSUAL)
        return arrays, found


def _is_utf8(content: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(content), CHUNK_BYTES):
            chunk = content[start : start + CHUNK_BYTES]
            if not chunk.isascii() or decoder.getstate()[0]:
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Found:
    """What the scanner says."""

    status: int
    at: int
    names: int
    objects: int
    properties: int


class _Arrays:
    """What the scanner fills, cut to what was used."""

    def __init__(self, size: int, max_names: int) -> None:
        slots = 1 << (max_names * NAME_SLOTS_PER_NAME - 1).bit_length()
        self.slots = np.full(slots, -1, dtype=np.int32)
        self.names = np.empty((3, max_names + 1), dtype=np.int32)
        self.objects = np.empty((4, size), dtype=np.int32)
        self.object_kinds = np.empty(size, dtype=np.int8)
        self.object_ids = np.empty(size, dtype=np.uint64)
        self.properties = np.empty((4, size), dtype=np.int32)
        self.property_kinds = np.empty(size, dtype=np.int8)
        self.property_ids = np.empty(size, dtype=np.uint64)

    def fill(
        self, view: Bytes, base: int, root: tuple[int, int], body: int, seed: np.uint64, max_objects: int
    ) -> _Found:
        return _Found(
            *scan.scan(
                view,
                base + body,
                base + root[0],
                root[1],
                seed,
                max_objects,
                self.slots,
                self.names,
                self.objects,
                self.object_kinds,
                self.object_ids,
                self.properties,
                self.property_kinds,
                self.property_ids,
            )
        )

    def qualified_names(
        self, buffer: bytearray, namespaces: dict[str, str], count: int
    ) -> list[tuple[str, str]] | None:
        """Resolve prefixes; None when one is not declared at the root."""
        names = [("", "")]  # number 0 stands for what comes before the first name
        for start, length in self.names[:2, 1:count].T.tolist():
            prefix, _, local = buffer[start : start + length].decode().rpartition(":")
            if prefix and prefix not in namespaces:
                return None
            names.append((namespaces.get(prefix, ""), local))
        return names

    def scanned(self, names: list[tuple[str, str]], found: _Found, *, has_nested: bool) -> Scanned:
        # Views will do: what was never written takes no memory.
        o, p = slice(found.objects), slice(found.properties)
        return Scanned(
            names,
            self.objects[:, o],
            self.object_kinds[o],
            self.object_ids[o],
            self.properties[:, p],
            self.property_kinds[p],
            self.property_ids[p],
            has_nested,
        )


def header_of(scanned: Scanned, buffer: bytearray) -> Header:
    """Collect the values of the document's model header; its `line` is the offset where it begins."""
    models = [
        row for row, (_, local) in enumerate(scanned.names) if local in ("FullModel", "DifferenceModel")
    ]
    is_model = np.isin(scanned.objects[0], models)
    if not is_model.any():
        return Header()
    row = int(np.argmax(is_model))
    number, at, start, end = scanned.objects[:, row].tolist()
    header = Header(
        mrid=_slice(buffer, start, end).removeprefix("urn:uuid:"),
        line=at,
        is_difference=scanned.names[number][1] == "DifferenceModel",
    )
    # An object's properties stand together.
    first, last = np.searchsorted(scanned.properties[0], (row, row + 1)).tolist()
    for _, name, begin, stop in scanned.properties[:, first:last].T.tolist():
        value = _slice(buffer, begin, stop).strip()
        header.values.setdefault(scanned.names[name][1], []).append(value.removeprefix("urn:uuid:"))
    return header


def _slice(buffer: bytearray, start: int, end: int) -> str:
    return buffer[start : min(end, start + MAX_HEADER_VALUE)].decode(errors="replace")
