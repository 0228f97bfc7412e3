"""Hostile uploads are refused within bounds of time and memory, in a process of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[2]
CPU_S = 10.0
PEAK_MB = 1000.0  # with interpreter, libraries and the uploads themselves

# Upload and the code that it is refused with.
EXPECTED = {
    "million_entities": "doctype_refused",
    "billion_laughs": "doctype_refused",
    "external_entity": "doctype_refused",
    "zip_bomb": "zip_bomb",
    "zip_of_bombs": "zip_bomb",
    "climbing_path": "zip_path",
    "deep_nesting": "too_deep",
    "many_objects": "too_many_objects",
    "many_names": "too_many_names",
    "many_attributes": "no_nodes",
    "long_name": "name_too_long",
    "long_identifier": "identifier_too_long",
    "endless_prolog": "malformed_xml",
    "many_problems": "terminal_missing",
}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "validation.grids.hostile"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    return dict(json.loads(done.stdout))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(EXPECTED))
def test_a_hostile_upload_is_refused_within_bounds(outcomes: dict[str, Any], name: str) -> None:
    found = outcomes[name]

    assert EXPECTED[name] in found["codes"]
    assert found["cpu_s"] < CPU_S
    assert found["peak_mb"] < PEAK_MB
