import io
import zipfile

import pytest

from gridjobs_workers.grids.archive import TooLarge, climbs_out, documents
from gridjobs_workers.grids.limits import ImportLimits
from gridjobs_workers.grids.problems import Problems

XML = b"<rdf:RDF/>"


def zipped(*members: tuple[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return target.getvalue()


def opened(*uploads: tuple[str, bytes], limits: ImportLimits | None = None) -> tuple[list[str], list[str]]:
    problems = Problems(100)
    found = [document.name for document in documents(uploads, limits or ImportLimits(), problems)]
    return found, [problem.code for problem in problems.all()]


def test_a_loose_document_is_yielded_as_it_is() -> None:
    assert opened(("eq.xml", XML)) == (["eq.xml"], [])


def test_a_zip_of_zips_is_opened() -> None:
    inner = zipped(("tp.xml", XML))

    assert opened(("all.zip", zipped(("eq.xml", XML), ("more.zip", inner)))) == (
        ["all.zip/eq.xml", "all.zip/more.zip/tp.xml"],
        [],
    )


def test_a_third_level_of_archives_is_refused() -> None:
    deepest = zipped(("a.zip", zipped(("b.zip", zipped(("eq.xml", XML))))))

    assert opened(("deep.zip", deepest)) == ([], ["zip_too_deep"])


@pytest.mark.parametrize(
    "name", ["../eq.xml", "a/../../eq.xml", "/etc/eq.xml", "C:\\eq.xml", "..\\eq.xml", "\\\\host\\eq.xml"]
)
def test_a_path_that_climbs_out_is_refused(name: str) -> None:
    assert climbs_out(name)
    assert opened(("a.zip", zipped((name, XML)))) == ([], ["zip_path"])


def test_a_member_that_expands_too_much_is_refused_before_it_is_read_to_its_end() -> None:
    bomb = zipped(("eq.xml", b"<" + b" " * (60 << 20)))

    assert opened(("bomb.zip", bomb)) == ([], ["zip_bomb"])


def test_many_small_bombs_hit_the_total() -> None:
    limits = ImportLimits(max_xml_bytes=1 << 20)

    with pytest.raises(TooLarge):
        opened(("bombs.zip", zipped(*((f"{k}.bin", b" " * (1 << 18)) for k in range(8)))), limits=limits)


def test_a_size_that_a_header_understates_is_not_believed() -> None:
    honest = zipped(("eq.xml", b"<" + b"a" * 5000))
    size = (5001).to_bytes(4, "little")
    lying = honest.replace(size, (10).to_bytes(4, "little"))

    found, codes = opened(("lying.zip", lying))

    assert not found
    assert codes == ["zip_damaged"]


def test_too_many_members_and_documents_are_refused() -> None:
    many = zipped(*((f"{k}.xml", XML) for k in range(5)))

    with pytest.raises(TooLarge):
        opened(("many.zip", many), limits=ImportLimits(max_zip_members=4))
    with pytest.raises(TooLarge):
        opened(("many.zip", many), limits=ImportLimits(max_files=4))


def test_a_link_is_refused() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        link = zipfile.ZipInfo("eq.xml")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")

    assert opened(("link.zip", target.getvalue())) == ([], ["zip_link"])


def test_an_encrypted_member_is_refused() -> None:
    # Bit 0 of the general purpose flags, in the local and in the central header (APPNOTE 4.4.4).
    archive = bytearray(zipped(("eq.xml", XML)))
    archive[6] |= 1
    central = archive.find(b"PK\x01\x02")
    archive[central + 8] |= 1

    assert opened(("secret.zip", bytes(archive))) == ([], ["zip_encrypted"])


def test_a_damaged_archive_is_reported() -> None:
    archive = zipped(("eq.xml", XML * 100))

    assert opened(("cut.zip", archive[: len(archive) // 2])) == ([], ["zip_damaged"])


@pytest.mark.parametrize("content", [b"", b"hello", b"%PDF-1.7", b"\x00\x01\x02"])
def test_what_is_neither_xml_nor_zip_is_reported(content: bytes) -> None:
    assert opened(("eq.xml", content)) == ([], ["not_xml"])


def test_a_readme_in_an_archive_is_passed_over() -> None:
    archive = zipped(("README.md", b"# Grid"), ("__MACOSX/._eq.xml", b"\x00\x05"), ("eq.xml", XML))

    assert opened(("a.zip", archive)) == (["a.zip/eq.xml"], ["ignored_file"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_xml_is_recognised_in_every_unicode_encoding(encoding: str) -> None:
    assert opened(("eq.xml", "\n <rdf:RDF/>".encode(encoding))) == (["eq.xml"], [])
