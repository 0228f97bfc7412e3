"""Reads an upload: every document in it, in the order in which profiles apply, merged into one table."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from gridjobs_workers.grids.archive import Document, TooLarge, documents
from gridjobs_workers.grids.arrays import Rows
from gridjobs_workers.grids.document import DocumentReader, Scanned, header_of
from gridjobs_workers.grids.head import XmlFault
from gridjobs_workers.grids.headers import CIM_NAMESPACE, check_header, dialect_of
from gridjobs_workers.grids.limits import ImportLimits
from gridjobs_workers.grids.objects import Part
from gridjobs_workers.grids.problems import Problems
from gridjobs_workers.grids.table import CimTable

# References without which equipment has no place.
STRUCTURAL: Final = frozenset(
    {
        "Terminal.ConductingEquipment",
        "Terminal.TopologicalNode",
        "Terminal.ConnectivityNode",
        "ConnectivityNode.TopologicalNode",
        "PowerTransformerEnd.PowerTransformer",
        "TransformerEnd.Terminal",
        "RatioTapChanger.TransformerEnd",
        "PhaseTapChanger.TransformerEnd",
    }
)


class _Reading:
    """Documents read so far."""

    def __init__(self, limits: ImportLimits, problems: Problems) -> None:
        self.limits = limits
        self.problems = problems
        self.reader = DocumentReader(limits)
        self.parts: list[Part] = []
        self._of_size: dict[int, Part] = {}
        self._objects = 0

    def take(self, document: Document) -> None:
        """Read one document; what stops it from being read becomes a problem."""
        if self._is_repeated(document):
            return
        start = len(self.reader.buffer)
        try:
            scanned = self.reader.read(document.content)
        except XmlFault as fault:
            self.problems.error(fault.code, fault.detail, file=document.name, line=fault.line)
            return
        self._objects += len(scanned.object_kinds)
        if self._objects > self.limits.max_objects:
            raise TooLarge(f"more than {self.limits.max_objects} objects")
        self._keep(document, scanned, start)

    def _keep(self, document: Document, scanned: Scanned, start: int) -> None:
        buffer = self.reader.buffer
        header = header_of(scanned, buffer)
        header.line = buffer.count(b"\n", start, header.line) + 1
        check_header(header, document.name, self.problems)
        dialect = self._dialect(document, scanned)
        if scanned.has_nested:
            detail = "elements nested in properties are ignored"
            self.problems.warning("nested_element", detail, file=document.name)
        if not header.has_electrical_content:
            del buffer[start:]
            scanned = scanned.empty()
        part = Part(document.name, document.upload, start, len(buffer), header, dialect, scanned)
        self._of_size[len(document.content)] = part
        self.parts.append(part)

    def _dialect(self, document: Document, scanned: Scanned) -> str:
        namespaces = {uri for uri, _ in scanned.names}
        dialect = dialect_of(namespaces)
        if not dialect and (unknown := sorted(uri for uri in namespaces if CIM_NAMESPACE.search(uri))):
            self.problems.error(
                "unsupported_dialect", f"CIM namespace {unknown[0]} is not supported", file=document.name
            )
        return dialect

    def _is_repeated(self, document: Document) -> bool:
        other = self._of_size.get(len(document.content))
        if (
            other is None
            or self.reader.buffer[other.start : other.start + len(document.content)] != document.content
        ):
            return False
        self.problems.warning("repeated_document", f"the same as {other.file}: ignored", file=document.name)
        return True


def read_upload(uploads: Iterable[tuple[str, bytes]], limits: ImportLimits, problems: Problems) -> CimTable:
    """Read every document of an upload into one table.

    Args:
        uploads: Name and content of each file; each is an XML document or a zip archive. Taken one by one.
        limits: What is refused for its size.
        problems: Receives everything wrong with archives, XML, headers and identifiers.

    Raises:
        GridRejected: The upload is over a limit, or a document cannot be read, or documents do not fit together.
    """
    reading = _Reading(limits, problems)
    try:
        for document in documents(uploads, limits, problems):
            reading.take(document)
    except TooLarge as fault:
        problems.error("too_large", str(fault))
    if not reading.parts and not problems.has_errors:
        problems.error("no_documents", "the upload holds no XML document")
    problems.reject_if_errors()
    parts = sorted(reading.parts, key=lambda part: part.header.rank)
    check_parts(parts, problems)
    table = CimTable(reading.reader.buffer, parts)
    check_identities(table, problems)
    return table


def check_parts(parts: list[Part], problems: Problems) -> None:
    """Report documents that do not fit together.

    Raises:
        GridRejected: Dialects are mixed, one model comes twice, or there is no equipment.
    """
    dialects = sorted({part.dialect for part in parts if part.dialect})
    if len(dialects) > 1:
        problems.error("mixed_dialects", f"documents of different dialects: {', '.join(dialects)}")
    _check_models(parts, problems)
    if not any("EQ" in part.header.profiles or not part.header.profiles for part in parts):
        found = sorted({profile for part in parts for profile in part.header.profiles})
        problems.error(
            "profile_missing", f"no equipment (EQ) profile among {', '.join(found) or 'the documents'}"
        )
    problems.reject_if_errors()


def _check_models(parts: list[Part], problems: Problems) -> None:
    models: dict[str, Part] = {}
    for part in parts:
        header = part.header
        other = models.setdefault(header.mrid, part)
        if header.mrid and other is not part:
            # Two versions of one profile exclude each other; two profiles under one mRID are careless only.
            report = problems.error if set(other.header.profiles) & set(header.profiles) else problems.warning
            detail = f"the same model as {other.file} with other content"
            report("repeated_model", detail, file=part.file, line=header.line, mrid=header.mrid)
    for part in parts:
        for needed in part.header.dependencies:
            if needed not in models:
                detail = f"depends on model {needed}, which is not in the upload"
                problems.warning(
                    "missing_dependency", detail, file=part.file, line=part.header.line, mrid=needed
                )


def check_identities(table: CimTable, problems: Problems) -> None:
    """Report objects defined twice or never, and references to nothing."""
    for twice in table.duplicates()[: problems.room() + 1]:
        file, line = table.line_at(twice.second_at)
        other, other_line = table.line_at(twice.first_at)
        mrid = str(table.identifier(_one(twice.row))[0])
        report = problems.warning if twice.is_harmless else problems.error
        report("duplicate_id", f"also defined in {other}, line {other_line}", file=file, line=line, mrid=mrid)
    for row in table.undefined()[: problems.room() + 1].tolist():
        file, line = table.place(row)
        mrid = str(table.identifier(_one(row))[0])
        problems.warning(
            "undefined_object", "no equipment profile defines this object", file=file, line=line, mrid=mrid
        )
    _check_references(table, problems)


def _check_references(table: CimTable, problems: Problems) -> None:
    dangling = table.dangling()
    models = {part.header.mrid for part in table.parts}
    is_complete = all(models.issuperset(part.header.dependencies) for part in table.parts)
    for k in range(min(len(dangling.names), problems.room() + 1)):
        file, line = table.line_at(int(dangling.at[k]))
        detail = f"{dangling.names[k]} refers to {dangling.targets[k]}, which no document has"
        mrid = str(table.identifier(dangling.rows[k : k + 1])[0])
        # Without the boundary's documents the nodes at the border are known by their references only.
        report = problems.error if is_complete and dangling.names[k] in STRUCTURAL else problems.warning
        report("dangling_reference", detail, file=file, line=line, mrid=mrid)


def _one(row: int) -> Rows:
    return np.array([row], dtype=np.intp)
