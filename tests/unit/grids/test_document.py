import random
import re
from typing import Any
from xml.parsers import expat

import pytest
from support.cgmes import two_buses

from gridjobs_workers.grids import scan
from gridjobs_workers.grids.document import DocumentReader, Scanned
from gridjobs_workers.grids.head import XmlFault, read_head
from gridjobs_workers.grids.limits import ImportLimits
from gridjobs_workers.grids.values import unescape

NAMESPACES = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:cim="http://cim#"'
LIMITS = ImportLimits()


def wrapped(body: str, *, declaration: str = '<?xml version="1.0" encoding="UTF-8"?>') -> str:
    return f"{declaration}\n<rdf:RDF {NAMESPACES}>\n{body}\n</rdf:RDF>"


def read(content: bytes, limits: ImportLimits = LIMITS) -> list[Any]:
    reader = DocumentReader(limits)
    return told(reader, reader.read(content))


def told(reader: DocumentReader, scanned: Scanned) -> list[Any]:
    """Objects (class, identification, line) and properties (object, name, value), in order."""
    buffer = bytes(reader.buffer)
    found: list[Any] = []
    for (name, at, start, end), kind in zip(
        scanned.objects.T.tolist(), scanned.object_kinds.tolist(), strict=True
    ):
        line = buffer[:at].count(b"\n") + 1
        found.append((scanned.names[name][1], kind, buffer[start:end].decode(), line))
    for (owner, name, start, end), kind in zip(
        scanned.properties.T.tolist(), scanned.property_kinds.tolist(), strict=True
    ):
        is_reference = kind == scan.RESOURCE
        text = unescape(buffer[start:end].decode()).replace("\r\n", "\n")
        found.append((owner, scanned.names[name][1], is_reference, text))
    return found


PLAIN = wrapped(
    """<!-- a comment -->
<cim:Line rdf:ID="_l">
  <cim:IdentifiedObject.name>A &amp; B</cim:IdentifiedObject.name>
  <cim:Line.region rdf:resource="#_r"/>
  <cim:Line.empty/>
</cim:Line>
<cim:Region rdf:about='urn:uuid:r' />"""
)
EXPECTED = [
    ("Line", scan.ID, "_l", 4),
    ("Region", scan.ABOUT, "urn:uuid:r", 9),
    (0, "IdentifiedObject.name", False, "A & B"),
    (0, "Line.region", True, "#_r"),
    (0, "Line.empty", False, ""),
]


def test_objects_and_properties_are_found_where_they_stand() -> None:
    assert read(PLAIN.encode()) == EXPECTED


@pytest.mark.parametrize(
    "unusual",
    [
        PLAIN.replace("A &amp; B", "<![CDATA[A & B]]>"),
        PLAIN.replace("A &amp; B", "A &#38; B"),
        PLAIN.replace("rdf:resource=", 'xmlns:unused="u" rdf:resource='),
        PLAIN.replace("<!-- a comment -->", "<?a processing instruction?>"),
        PLAIN.replace("<cim:Line.empty/>", "<cim:Line.empty><cim:Deep/></cim:Line.empty>"),
        PLAIN.replace("cim:", "other:").replace("xmlns:cim=", "xmlns:other="),
        PLAIN.replace("xmlns:rdf=", "xmlns:r=").replace("rdf:", "r:"),
        PLAIN.replace("xmlns:cim=", "xmlns=").replace("cim:", ""),
    ],
    ids=[
        "cdata",
        "character reference",
        "late namespace",
        "instruction",
        "nested",
        "prefix",
        "rdf prefix",
        "default",
    ],
)
def test_legal_but_unusual_xml_reads_the_same(unusual: str) -> None:
    assert read(unusual.encode()) == EXPECTED


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "windows-1252", "utf-8-sig"])
def test_other_encodings_read_the_same(encoding: str) -> None:
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    text = PLAIN.replace("UTF-8", declared).replace("A &amp; B", "Zürich")

    found = read(text.encode(encoding))

    assert found == [
        row if row[1] != "IdentifiedObject.name" else (0, row[1], False, "Zürich") for row in EXPECTED
    ]


ENTITY_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{k} "&a{k - 1};&a{k - 1};&a{k - 1};&a{k - 1};">' for k in range(1, 12))
    + f"]><rdf:RDF {NAMESPACES}><cim:Line rdf:ID='x'><cim:A.b>&a11;</cim:A.b></cim:Line></rdf:RDF>"
)
EXTERNAL_ENTITY = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY secret SYSTEM "file:///etc/passwd">]>'
    f"<rdf:RDF {NAMESPACES}><cim:Line rdf:ID='x'><cim:A.b>&secret;</cim:A.b></cim:Line></rdf:RDF>"
)
EXTERNAL_DTD = f'<!DOCTYPE rdf:RDF SYSTEM "http://localhost:9/x.dtd"><rdf:RDF {NAMESPACES}/>'


@pytest.mark.parametrize(
    "hostile", [ENTITY_BOMB, EXTERNAL_ENTITY, EXTERNAL_DTD], ids=["bomb", "external", "dtd"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_and_with_it_every_entity(hostile: str, encoding: str) -> None:
    with pytest.raises(XmlFault) as fault:
        read(hostile.encode(encoding))

    assert fault.value.code == "doctype_refused"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (PLAIN[:-30], 9),
        (PLAIN.replace("</cim:Line>", "</cim:Lime>"), 8),
        (PLAIN.replace("&amp;", "&"), 5),
        (PLAIN.replace("&amp;", "&unknown;"), 5),
        (PLAIN.replace('"_l"', '"_l'), 5),
        (PLAIN.replace("A &amp; B", "A \x01 B"), 5),
        (PLAIN.replace("A &amp; B", "A ]]> B"), 5),
        (PLAIN.replace('rdf:ID="_l"', 'rdf:ID="_l" rdf:ID="_m"'), 4),
        (PLAIN.replace("cim:Region", "nix:Region"), 9),
        (PLAIN.replace("a comment", "a -- comment"), 3),
        (PLAIN + "<more/>", 10),
        ('<?xml version="1.0"?>', 0),
    ],
)
def test_malformed_xml_is_refused_with_its_line(content: str, line: int) -> None:
    with pytest.raises(XmlFault) as fault:
        read(content.encode())

    assert fault.value.code == "malformed_xml"
    assert not line or fault.value.line == line


def test_bytes_that_are_no_utf8_are_malformed() -> None:
    with pytest.raises(XmlFault, match="invalid token"):
        read(PLAIN.encode().replace(b"A &amp; B", b"Z\xfcrich"))


@pytest.mark.parametrize("root", ["<html/>", "<RDF/>", '<rdf:RDF xmlns:rdf="http://other/"/>'])
def test_another_root_is_refused(root: str) -> None:
    with pytest.raises(XmlFault) as fault:
        read(root.encode())

    assert fault.value.code == "wrong_root"


def test_deep_nesting_is_refused() -> None:
    deep = "<cim:A.b>" * 5000 + "</cim:A.b>" * 5000

    with pytest.raises(XmlFault) as fault:
        read(wrapped(f"<cim:A rdf:ID='a'>{deep}</cim:A>").encode())

    assert fault.value.code == "too_deep"


def test_too_many_names_and_objects_are_refused() -> None:
    names = "".join(f"<cim:C{k} rdf:ID='_{k}'/>" for k in range(200))

    with pytest.raises(XmlFault) as fault:
        read(wrapped(names).encode(), ImportLimits(max_names=100))
    assert fault.value.code == "too_many_names"
    with pytest.raises(XmlFault) as fault:
        read(wrapped(names).encode(), ImportLimits(max_objects=100))
    assert fault.value.code == "too_many_objects"


def test_names_beyond_all_measure_do_not_lead_outside_the_document() -> None:
    name = "A" * 100_000
    document = wrapped(f"<cim:{name} rdf:ID='a'/>\n<cim:{name} rdf:ID='b'/>")

    with pytest.raises(XmlFault):
        read(document.encode())
    with pytest.raises(XmlFault):
        read(document.encode()[:50_000])


def test_a_failed_document_leaves_the_buffer_as_it_was() -> None:
    reader = DocumentReader(LIMITS)
    reader.read(PLAIN.encode())
    size = len(reader.buffer)

    with pytest.raises(XmlFault):
        reader.read(PLAIN[:-20].encode())

    assert len(reader.buffer) == size


MUTATIONS = [
    b"<", b">", b"&", b"&amp;", b"&#65;", b"]]>", b"<!--", b"-->", b"--", b"<![CDATA[x]]>", b"<?pi x?>", b"\0",
    b"\x01", b"\xff", b"\xc3\xa4", b"'", b'"', b"/", b"</", b"/>", b" ", b"=", b" xmlns:q='u'", b" rdf:ID='a'",
    b" rdf:resource='#b'", b"<cim:A/>", b"<cim:A.b>c</cim:A.b>", b":", b"-", b".", b"<!DOCTYPE a>",
]  # fmt: skip


def mutated(document: bytes, chance: random.Random) -> bytes:
    content = bytearray(document)
    for _ in range(chance.choice((1, 1, 2))):
        at = chance.randrange(len(content))
        match chance.randrange(4):
            case 0:
                content[at:at] = chance.choice(MUTATIONS)
            case 1:
                content[at] = chance.randrange(256)
            case 2:
                del content[at : at + chance.choice((1, 2, 5, 20))]
            case 3:
                start = chance.randrange(len(content))
                content[at:at] = content[start : start + chance.randrange(60)]
    return bytes(content)


def accepted_as_plain(content: bytes) -> bool:
    reader = DocumentReader(LIMITS)
    try:
        return reader._scan_plain(content, read_head(content)) is not None
    except XmlFault:
        return False


@pytest.mark.parametrize("seed", range(4))
def test_what_the_scanner_accepts_a_complete_parser_reads_the_same(seed: int) -> None:
    chance = random.Random(seed)
    documents = [content for _, content in two_buses().documents()]
    accepted = 0
    for _ in range(500):
        content = mutated(chance.choice(documents), chance)
        if not accepted_as_plain(content):
            continue
        accepted += 1
        expat.ParserCreate(namespace_separator="\x01").Parse(content, True)
        if not re.search(rb"\r(?!\n)", content):  # the parsers count lines differently there
            rewritten = DocumentReader(LIMITS)
            assert read(content) == told(rewritten, rewritten._scan_rewritten(content))
    assert accepted > 20  # most mutations are for the complete parser
