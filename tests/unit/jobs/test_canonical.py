import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridjobs.canonical import canonical_json, digest

DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.text()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)

# Number and sorting samples of RFC 8785, sections 3.2.2.3, 3.2.3 and appendix B.
NUMBERS = {
    0.0: b"0",
    5e-324: b"5e-324",
    1.7976931348623157e308: b"1.7976931348623157e+308",
    9007199254740992.0: b"9007199254740992",
    295147905179352830000.0: b"295147905179352830000",
    9.999999999999997e22: b"9.999999999999997e+22",
    1e23: b"1e+23",
    1e21: b"1e+21",
    999999999999999900000.0: b"999999999999999900000",
    333333333.3333332: b"333333333.3333332",
    0.000001: b"0.000001",
    0.0000015: b"0.0000015",
    1e-7: b"1e-7",
    -0.0000033333333333333333: b"-0.0000033333333333333333",
    1e-27: b"1e-27",
    4.5: b"4.5",
    0.002: b"0.002",
}


@pytest.mark.parametrize(("number", "text"), NUMBERS.items(), ids=str)
def test_numbers_are_written_as_ecmascript_does(number: float, text: bytes) -> None:
    assert canonical_json(number) == text


def test_names_are_sorted_by_utf16_code_units() -> None:
    # The example of RFC 8785, section 3.2.3: the emoji sorts before U+FB33.
    document = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7}

    text = canonical_json(document).decode()

    assert [text.index(f":{i}") for i in (2, 4, 6, 7, 1, 5, 3)] == sorted(
        text.index(f":{i}") for i in range(1, 8)
    )


def test_order_and_number_form_of_a_request_do_not_matter() -> None:
    assert digest(canonical_json({"b": [1.0, {"d": 2, "c": None}], "a": "é"})) == digest(
        canonical_json({"a": "é", "b": [1, {"c": None, "d": 2.0}]})
    )


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        canonical_json({"value": number})


@given(DOCUMENTS)
def test_what_else_is_in_the_document_does_not_change_how_a_part_is_written(document: object) -> None:
    # The letter is not ASCII: beside it everything is sorted by UTF-16 units, without it by orjson.
    assert canonical_json([document, "é"]) == b"[" + canonical_json(document) + ',"é"]'.encode()


@given(DOCUMENTS)
def test_canonical_form_is_its_own_canonical_form_and_the_document_is_left_alone(document: object) -> None:
    before = repr(document)
    text = canonical_json(document)

    assert canonical_json(orjson.loads(text)) == text
    assert repr(document) == before
