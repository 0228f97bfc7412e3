"""Reads a document's prolog and root element, and refuses document types before anything else is read."""

import re
from dataclasses import dataclass
from typing import Final
from xml.parsers import expat

from gridjobs_workers.grids.scan import MAX_NAME

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
CHUNK_BYTES: Final = 1 << 16
MAX_PROLOG_BYTES: Final = 1 << 20
PLAIN_ENCODINGS: Final = ("", "utf-8", "utf8", "us-ascii", "ascii")
SEPARATOR: Final = "\x01"  # XML forbids it, so it is in no URI
XML: Final = "http://www.w3.org/XML/1998/namespace"
HARMLESS: Final = frozenset({f"{XML}{SEPARATOR}base", f"{XML}{SEPARATOR}lang"})  # of a root: change nothing
START_TAG: Final = re.compile(rb"""<([^\s/>]+)(?:\s+[^\s=>/]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*(/?)>""")


class XmlFault(Exception):
    """A document that is not, or may not be, read: malformed, or using a feature that is refused."""

    def __init__(self, code: str, detail: str, line: int = 0) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.line = line


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before a document's objects.

    Attributes:
        encoding: As declared, lower case, "" where none is.
        namespaces: Prefix to URI, from the root element; the default namespace has the prefix "".
        root: Offset and length of the root's name as written.
        body: Offset after the root's start tag, or -1 where only a complete parser can tell.
    """

    encoding: str
    namespaces: dict[str, str]
    root: tuple[int, int]
    body: int

    @property
    def is_plain(self) -> bool:
        """Whether the scanner can read on: UTF-8, a simple root tag, and RDF under its usual prefix."""
        return self.body >= 0 and self.encoding in PLAIN_ENCODINGS and self.namespaces.get("rdf") == RDF


class _RootFound(Exception):
    """Ends parsing once the root's start tag is known."""


class _HeadReader:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=SEPARATOR)
        self.parser.ordered_attributes = True
        self.parser.XmlDeclHandler = self._declaration
        self.parser.StartDoctypeDeclHandler = refuse_doctype
        self.parser.StartNamespaceDeclHandler = self._namespace
        self.parser.StartElementHandler = self._root
        self.encoding = ""
        self.name = ""
        self.namespaces: dict[str, str] = {}
        self.attributes: list[str] = []
        self.offset = 0

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self.encoding = (encoding or "").lower()

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        self.namespaces[prefix or ""] = uri or ""

    def _root(self, name: str, attributes: list[str]) -> None:
        self.name, self.attributes, self.offset = name, attributes, self.parser.CurrentByteIndex
        raise _RootFound


def refuse_doctype(*_: object) -> None:
    """Refuse `<!DOCTYPE`: CIM needs none, and entities are declared there.

    Raises:
        XmlFault: Always.
    """
    raise XmlFault("doctype_refused", "a document type (and so entities) is not accepted")


def read_head(content: bytes) -> Head:
    """Read a document up to its root's start tag.

    Raises:
        XmlFault: The prolog is malformed, holds a document type, or the root is no `rdf:RDF`.
    """
    reader = _HeadReader()
    try:
        for start in range(0, min(len(content), MAX_PROLOG_BYTES), CHUNK_BYTES):
            reader.parser.Parse(content[start : start + CHUNK_BYTES], start + CHUNK_BYTES >= len(content))
    except _RootFound:
        return _head(content, reader)
    except XmlFault as fault:
        raise XmlFault(fault.code, fault.detail, reader.parser.CurrentLineNumber) from None
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise malformed(error) from error
    raise XmlFault("malformed_xml", "no root element")


def malformed(error: Exception) -> XmlFault:
    """Tell what a parser found, and where."""
    return XmlFault("malformed_xml", str(error), getattr(error, "lineno", 0))


def _head(content: bytes, reader: _HeadReader) -> Head:
    if reader.name != f"{RDF}{SEPARATOR}RDF":
        line = reader.parser.CurrentLineNumber
        name = reader.name.rpartition(SEPARATOR)[2]
        raise XmlFault("wrong_root", f"the root element is {name!r}, not rdf:RDF", line)
    tag = START_TAG.match(content, reader.offset)
    if tag is None or tag[2] or len(tag[1]) > MAX_NAME or not HARMLESS.issuperset(reader.attributes[::2]):
        return Head(reader.encoding, reader.namespaces, (0, 0), -1)
    return Head(reader.encoding, reader.namespaces, (reader.offset + 1, len(tag[1])), tag.end())
