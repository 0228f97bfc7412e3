"""How large an upload may be before it is refused."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """Bounds that keep a hostile or mistaken upload from exhausting time and memory.

    The defaults leave three times the largest published test grid (RealGrid: 86 MB of XML, 150,000 objects)
    and keep an import under 1 GB.

    Attributes:
        max_files: XML documents, also those inside archives.
        max_xml_bytes: XML bytes of all documents together, after decompression.
        max_zip_members: Entries of all archives together.
        max_zip_depth: Archives inside archives: 1 is a plain zip, 2 a zip of zips.
        max_zip_ratio: Decompressed over compressed size of one member larger than 1 MiB.
        max_objects: CIM objects of all documents together.
        max_names: Different element names in one document.
        max_depth: Nested elements in one document.
        max_id_bytes: Length of an rdf:ID.
        max_problems: Problems kept; what comes after is counted in one last problem.
    """

    max_files: int = 500
    max_xml_bytes: int = 300 * MIB
    max_zip_members: int = 2_000
    max_zip_depth: int = 2
    max_zip_ratio: float = 250.0
    max_objects: int = 1_000_000
    max_names: int = 4_000
    max_depth: int = 32
    max_id_bytes: int = 512
    max_problems: int = 2_000


DEFAULT_LIMITS = ImportLimits()
