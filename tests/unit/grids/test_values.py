import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridjobs_workers.grids.values import flags, floats, texts


def placed(values: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A buffer with these values one after the other, and where each begins and ends."""
    ends = np.cumsum([len(value) for value in values]).astype(np.int32)
    starts = np.concatenate(([0], ends[:-1])).astype(np.int32)
    return np.frombuffer(b"".join(values) + bytes(16), dtype=np.uint8), starts, ends


@settings(deadline=None)  # the first example loads what is compiled
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_read_as_they_were_written(numbers: list[float]) -> None:
    for written in ([repr(number) for number in numbers], [f"{number:.6e}" for number in numbers]):
        read, bad = floats(*placed([text.encode() for text in written]))

        assert read.tolist() == [float(text) for text in written]
        assert not bad.any()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"0e+000", 0.0),
        (b"-0e+000", 0.0),
        (b"963.", 963.0),
        (b".5", 0.5),
        (b"+7.22566e-5", 7.22566e-5),
        (b" 4.250000\n", 4.25),
        (b"1E3", 1000.0),
        (b"0.1234567890123456789", 0.1234567890123456789),
        (b"123456789012345678901234567890", 1.2345678901234568e29),
        (b"1e308", 1e308),
    ],
)
def test_numbers_as_files_write_them(text: bytes, value: float) -> None:
    assert floats(*placed([text]))[0][0] == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"NaN",
        b"INF",
        b"-inf",
        b"1e999",
        b"1,5",
        b"1_000",
        b"0x10",
        b"1.2.3",
        b"e5",
        b"-",
        b"1e",
        b"12 V",
    ],
)
def test_what_is_no_finite_number_is_marked(text: bytes) -> None:
    read, bad = floats(*placed([text, b"1"]))

    assert bad.tolist() == [True, False]
    assert not math.isfinite(read[0])


def test_booleans_of_all_dialects() -> None:
    written = [b"true", b"false", b"1", b"0", b"True", b"FALSE", b" true ", b"yes", b"", b"2"]

    assert flags(*placed(written)).tolist() == [1, 0, 1, 0, 1, 0, 1, -1, -1, -1]


def test_strings_of_any_alphabet_with_entities() -> None:
    written = [
        "plain",
        "A &amp; B &lt;",
        "Zürich",
        "東京",
        "",
        " spaced ",
        "&#65;&#x1F600;",
        "&amp;copy; &amp;#65;",
    ]

    assert texts(*placed([text.encode() for text in written])).tolist() == [
        "plain", "A & B <", "Zürich", "東京", "", "spaced", "A😀", "&copy; &#65;",
    ]  # fmt: skip


def test_the_last_part_of_an_enumeration() -> None:
    written = [
        b"http://iec.ch/TC57/2013/CIM-schema-cim16#RegulatingControlModeKind.voltage",
        b"#PhaseCode.ABC",
    ]

    assert texts(*placed(written), last_part=True).tolist() == ["voltage", "ABC"]


def test_a_string_beyond_measure_is_cut() -> None:
    assert len(texts(*placed([b"a" * 100_000]))[0]) == 256
