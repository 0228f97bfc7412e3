from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridjobs_api.multipart import Form, FormReader
from gridjobs_api.problems import RequestProblem

BOUNDARY = b"b0undary"


def body(*parts: tuple[bytes, bytes]) -> bytes:
    pieces = [b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts]
    return b"".join(pieces) + b"--" + BOUNDARY + b"--\r\n"


def file_part(content: bytes, filename: bytes = b"a.xml") -> tuple[bytes, bytes]:
    return b'Content-Disposition: form-data; name="files"; filename="' + filename + b'"', content


def read(folder: Path, data: bytes, piece: int = 7) -> Form:
    content_type = f"multipart/form-data; boundary={BOUNDARY.decode()}"
    reader = FormReader(content_type, folder, frozenset({"name"}))
    for start in range(0, len(data), piece):
        reader.feed(data[start : start + piece])
    return reader.end()


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 64))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_files_arrive_as_they_were_sent_however_the_body_is_cut(
    tmp_path: Path, contents: list[bytes], piece: int
) -> None:
    contents = [content.replace(BOUNDARY, b"") for content in contents]
    form = read(tmp_path, body(*map(file_part, contents)), piece)
    assert [file.path.read_bytes() for _, file in form.files] == contents
    assert [file.bytes for _, file in form.files] == list(map(len, contents))


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        (b"eq.xml", "eq.xml"),
        (b"../../etc/passwd", "passwd"),
        (b"C:\\\\grids\\\\eq.xml", "eq.xml"),
        ("Gr\u00fcnfeld.xml".encode(), "Gr\u00fcnfeld.xml"),
        (b"", "file-1"),
        (b"..", "file-1"),
        (b"x" * 300 + b".xml", "x" * 196 + ".xml"),
    ],
)
def test_only_the_last_part_of_a_files_name_is_kept(tmp_path: Path, given_name: bytes, kept: str) -> None:
    assert [name for name, _ in read(tmp_path, body(file_part(b"x", given_name))).files] == [kept]


def test_more_files_than_allowed_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(RequestProblem) as refused:
        read(tmp_path, body(*[file_part(b"x")] * 101), 4096)
    assert refused.value.faults[0].code == "wrong_length"
    assert len(list(tmp_path.iterdir())) == 100
