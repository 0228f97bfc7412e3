"""Unpacks uploads: loose XML documents, zips, and zips inside zips, within limits."""

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from gridjobs_workers.grids.limits import ImportLimits
from gridjobs_workers.grids.problems import Problems

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
SYMLINK_MODE = 0o120000
CHUNK_BYTES = 1 << 20
# Failures that a damaged or unsupported member raises, depending on its compression.
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)


class TooLarge(Exception):
    """An upload passes a limit; nothing more of it is read."""


@dataclass(frozen=True, slots=True)
class Document:
    """One XML document: its name in the upload (`outer.zip/inner.xml`), bytes, and the file it came in."""

    name: str
    content: bytes
    upload: int


@dataclass(slots=True)
class _Budget:
    """What is left of the limits while one upload is unpacked."""

    limits: ImportLimits
    read_bytes: int = 0
    documents: int = 0
    members: int = 0

    def take_document(self) -> None:
        self.documents += 1
        if self.documents > self.limits.max_files:
            raise TooLarge(f"more than {self.limits.max_files} XML documents")

    def take_bytes(self, size: int) -> None:
        self.read_bytes += size
        if self.read_bytes > self.limits.max_xml_bytes:
            raise TooLarge(f"more than {self.limits.max_xml_bytes} bytes after decompression")

    def take_members(self, count: int) -> None:
        self.members += count
        if self.members > self.limits.max_zip_members:
            raise TooLarge(f"more than {self.limits.max_zip_members} archive members")


def documents(
    uploads: Iterable[tuple[str, bytes]], limits: ImportLimits, problems: Problems
) -> Iterator[Document]:
    """Yield every XML document of an upload.

    Members that climb out of their archive, links, encrypted or damaged members and files that are no XML
    become problems.

    Raises:
        TooLarge: A limit is passed.
    """
    budget = _Budget(limits)
    for upload, (name, content) in enumerate(uploads):
        budget.take_bytes(len(content))
        yield from _open(name, content, 0, upload, budget, problems)


def _open(
    name: str, content: bytes, depth: int, upload: int, budget: _Budget, problems: Problems
) -> Iterator[Document]:
    if content.startswith(ZIP_MAGIC):
        yield from _open_zip(name, content, depth + 1, upload, budget, problems)
    elif looks_like_xml(content):
        budget.take_document()
        yield Document(name, content, upload)
    elif depth == 0 or name.lower().endswith((".xml", ".rdf", ".zip")):
        problems.error(
            "not_xml", "neither an XML document nor a zip archive" if content else "empty file", file=name
        )
    else:
        problems.warning("ignored_file", "not an XML document: ignored", file=name)


def looks_like_xml(content: bytes) -> bool:
    """Whether the first character is `<`, after byte-order mark and white space, in any Unicode encoding."""
    head = content[:1024]
    for mark in BYTE_ORDER_MARKS:
        head = head.removeprefix(mark)
    return head.replace(b"\0", b"").lstrip().startswith(b"<")


def _open_zip(
    name: str, content: bytes, depth: int, upload: int, budget: _Budget, problems: Problems
) -> Iterator[Document]:
    if depth > budget.limits.max_zip_depth:
        problems.error(
            "zip_too_deep", f"archives nested deeper than {budget.limits.max_zip_depth}", file=name
        )
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except DAMAGED as error:
        problems.error("zip_damaged", f"not a readable archive: {error}", file=name)
        return
    with archive:
        members = archive.infolist()
        budget.take_members(len(members))
        for member in members:
            path = f"{name}/{member.filename}"
            if _is_wanted(member, path, problems):
                inner = _read_member(archive, member, path, budget, problems)
                if inner is not None:
                    yield from _open(path, inner, depth, upload, budget, problems)


def _is_wanted(member: zipfile.ZipInfo, path: str, problems: Problems) -> bool:
    if climbs_out(member.orig_filename) or climbs_out(member.filename):
        problems.error("zip_path", "the member's path climbs out of the archive", file=path)
        return False
    if (member.external_attr >> 16) & 0o170000 == SYMLINK_MODE:
        problems.error("zip_link", "the member is a link", file=path)
        return False
    if member.flag_bits & 0x1:
        problems.error("zip_encrypted", "the member is encrypted", file=path)
        return False
    parts = PurePosixPath(member.filename).parts
    return not member.is_dir() and "__MACOSX" not in parts


def climbs_out(filename: str) -> bool:
    """Whether a member's path is absolute, names a drive, or steps out of the archive."""
    path = filename.replace("\\", "/")
    return path.startswith("/") or ":" in path.split("/")[0] or ".." in path.split("/") or "\0" in path


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: str, budget: _Budget, problems: Problems
) -> bytes | None:
    """Read a member in pieces: what its header says about its size is not believed."""
    pieces: list[bytes] = []
    size = 0
    try:
        with archive.open(member) as stream:
            while piece := stream.read(CHUNK_BYTES):
                size += len(piece)
                budget.take_bytes(len(piece))
                if size > CHUNK_BYTES and size > budget.limits.max_zip_ratio * max(member.compress_size, 1):
                    problems.error(
                        "zip_bomb", f"expands more than {budget.limits.max_zip_ratio:g} times", file=path
                    )
                    return None
                pieces.append(piece)
    except DAMAGED as error:
        problems.error("zip_damaged", f"the member cannot be read: {error}", file=path)
        return None
    return b"".join(pieces)
