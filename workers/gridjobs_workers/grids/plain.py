"""Rewrites any well-formed RDF/XML into the plain shape that the scanner reads, line for line.

Other encodings, namespaces declared anywhere, CDATA and deeper nesting are rare in CIM
files but legal. A complete parser reads them here, so that there is one reader of objects behind, and its verdict
on faults is final.
"""

import re
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape

from gridjobs_workers.grids.head import RDF, SEPARATOR, XmlFault, malformed, refuse_doctype
from gridjobs_workers.grids.limits import ImportLimits

OBJECT_DEPTH: Final = 2
PROPERTY_DEPTH: Final = 3
KEPT: Final = {f"{RDF}{SEPARATOR}{name}": name for name in ("ID", "about", "resource")}
CHUNK_BYTES: Final = 1 << 20
MAX_PIECES: Final = 10_000
MAX_LOCAL_NAME: Final = 200  # with a prefix it stays below what the scanner takes
UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]")


class PlainWriter:
    """Receives a complete parser's events and writes `<n0:Class rdf:ID="..">` with one text or reference each."""

    def __init__(self, limits: ImportLimits) -> None:
        self.limits = limits
        self.parser = expat.ParserCreate(namespace_separator=SEPARATOR)
        self.parser.buffer_text = True
        self.parser.ordered_attributes = True
        self.parser.StartDoctypeDeclHandler = refuse_doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.prefixes: dict[str, str] = {}
        self.has_nested = False
        self._written = bytearray()
        self._pieces: list[str] = ["<r>"]
        self._line = 1
        self._depth = 0
        self._open_tag = ""
        self._text: list[str] = []
        self._resource = ""

    def rewrite(self, content: bytes) -> bytes:
        """Return the document in plain shape, under the root `<r>`.

        Raises:
            XmlFault: It is malformed, holds a document type, or is nested too deeply.
        """
        try:
            for start in range(0, len(content), CHUNK_BYTES):
                self.parser.Parse(content[start : start + CHUNK_BYTES], False)
            self.parser.Parse(b"", True)
        except XmlFault as fault:
            raise XmlFault(fault.code, fault.detail, self.parser.CurrentLineNumber) from None
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise malformed(error) from error
        self._pieces.append("</r>")
        self._flush()
        return bytes(self._written)

    def _start(self, name: str, attributes: list[str]) -> None:
        self._depth += 1
        if self._depth > self.limits.max_depth:
            raise XmlFault("too_deep", f"elements nested deeper than {self.limits.max_depth}")
        if len(name.rpartition(SEPARATOR)[2]) > MAX_LOCAL_NAME:
            raise XmlFault("name_too_long", f"an element's name is longer than {MAX_LOCAL_NAME} characters")
        kept = [(KEPT[key], value) for key, value in _pairs(attributes) if key in KEPT][:1]
        if self._depth == OBJECT_DEPTH:
            self._catch_up()
            self._open_tag = self._qualified(name)
            self._pieces.append(f"<{self._open_tag}{_identifier(kept)}>")
        elif self._depth == PROPERTY_DEPTH:
            self._catch_up()
            self._text = []
            self._resource = _identifier([pair for pair in kept if pair[0] == "resource"])
        elif self._depth > PROPERTY_DEPTH:
            self.has_nested = True

    def _end(self, name: str) -> None:
        if self._depth == PROPERTY_DEPTH:
            tag = self._qualified(name)
            text = "" if self._resource else escape("".join(self._text))
            self._line += text.count("\n")
            self._pieces.append(f"<{tag}{self._resource}>{text}</{tag}>")
        elif self._depth == OBJECT_DEPTH:
            self._pieces.append(f"</{self._open_tag}>")
            if len(self._pieces) > MAX_PIECES:
                self._flush()
        self._depth -= 1

    def _flush(self) -> None:
        self._written += "".join(self._pieces).encode()
        self._pieces.clear()

    def _characters(self, text: str) -> None:
        if self._depth == PROPERTY_DEPTH:
            self._text.append(text)

    def _catch_up(self) -> None:
        missing = self.parser.CurrentLineNumber - self._line
        if missing > 0:
            self._pieces.append("\n" * missing)
            self._line += missing

    def _qualified(self, name: str) -> str:
        uri, _, local = name.rpartition(SEPARATOR)
        prefix = self.prefixes.setdefault(uri, f"n{len(self.prefixes)}")
        return f"{prefix}:{UNSAFE.sub('_', local)}"


def _pairs(attributes: list[str]) -> list[tuple[str, str]]:
    return list(zip(attributes[::2], attributes[1::2], strict=True))


def _identifier(kept: list[tuple[str, str]]) -> str:
    # What would need escaping in an attribute is percent-encoded, to stay plain.
    return "".join(f' rdf:{name}="{_attribute(value)}"' for name, value in kept)


def _attribute(value: str) -> str:
    for character in '"&<\n\t\r':
        value = value.replace(character, f"%{ord(character):02X}")
    return value
