import pytest

from gridjobs_api.accept import chosen
from gridjobs_api.problems import RequestProblem

OFFERED = ("application/json", "text/csv", "image/png")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV", "text/csv"),
        ("text/csv;q=0.5, image/png;q=0.6", "image/png"),
        ("image/*, text/csv;q=0.9", "image/png"),
        ("text/csv;q=0.5, text/*;q=1.0", "text/csv"),
        ("*/*;q=0.8, application/json;q=0.2", "text/csv"),
        ("text/html, */*;q=0.1", "application/json"),
        (",,text/csv,", "text/csv"),
        ("text/csv;charset=utf-8;q=1", "text/csv"),
    ],
)
def test_most_specific_range_decides_and_ties_go_to_the_first_offered(accept: str, expected: str) -> None:
    assert chosen(accept, OFFERED) == expected


@pytest.mark.parametrize("accept", ["text/html", "*/*;q=0", "text/csv;q=nonsense", "application/json;q=0"])
def test_nothing_that_is_wanted_is_not_acceptable(accept: str) -> None:
    with pytest.raises(RequestProblem) as refused:
        chosen(accept, OFFERED)
    assert refused.value.code == "not_acceptable"
