import json
import os
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator
from support.http import contract

ROOT = Path(__file__).parents[2]
NODE = ROOT / "node_modules"
needs_node = pytest.mark.skipif(not NODE.exists(), reason="npm ci has not run")
QUIET = {**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


def bundle(name: str) -> dict[str, Any]:
    text = files("gridjobs_api").joinpath("pages", name).read_text()
    document: dict[str, Any] = json.loads(text)
    return document


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, item in bundle("openapi.json")["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    ]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env=QUIET, capture_output=True, text=True, timeout=120)


@needs_node
def test_openapi_is_clean_by_the_linter() -> None:
    linted = run("npx", "redocly", "lint", "specs/openapi/gridjobs.yaml", "--format=json")
    assert json.loads(linted.stdout)["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}, linted.stdout


@needs_node
def test_linter_does_not_report_home() -> None:
    assert yaml.safe_load((ROOT / "redocly.yaml").read_text())["telemetry"] == "off"


@needs_node
def test_asyncapi_is_valid() -> None:
    checked = run("node", "tools/bundle_asyncapi.mjs", "specs/asyncapi/gridjobs.yaml")
    assert checked.returncode == 0, checked.stderr


@needs_node
def test_bundles_are_those_of_the_sources(tmp_path: Path) -> None:
    run("npx", "redocly", "bundle", "specs/openapi/gridjobs.yaml", "--output", str(tmp_path / "openapi.json"))
    run("node", "tools/bundle_asyncapi.mjs", "specs/asyncapi/gridjobs.yaml", str(tmp_path / "asyncapi.json"))
    for name in ("openapi.json", "asyncapi.json"):
        assert json.loads((tmp_path / name).read_text()) == bundle(name), "run make generate"


def test_openapi_is_valid_by_a_second_validator() -> None:
    OpenAPIV30SpecValidator(bundle("openapi.json")).validate()
    assert contract().spec is not None


def test_operations_are_named_once_and_for_people_too() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    for _, path, operation in operations():
        assert operation["summary"], path
        assert len(operation["tags"]) == 1, path


def test_every_operation_below_v1_may_answer_with_a_rate_limit_and_a_bad_request() -> None:
    for method, path, operation in operations():
        if path.startswith("/v1/"):
            assert {"400", "429"} <= operation["responses"].keys(), (method, path)


def test_every_path_that_starts_a_job_shares_its_answers() -> None:
    for method, path, operation in operations():
        if "x-job-type" in operation:
            expected = {"202", "400", "409", "413", "415", "422", "429", "503"}
            assert expected <= operation["responses"].keys(), (method, path)
            assert any("IdempotencyKey" in p["$ref"] for p in operation["parameters"]), path


def test_every_job_type_has_a_result_schema_that_names_it() -> None:
    document = bundle("openapi.json")
    mapping = document["components"]["schemas"]["JobResult"]["discriminator"]["mapping"]
    types = {operation["x-job-type"] for _, _, operation in operations() if "x-job-type" in operation}
    assert types == mapping.keys()
    for job_type, reference in mapping.items():
        schema = document["components"]["schemas"][reference.rpartition("/")[2]]
        assert schema["properties"]["type"]["enum"] == [job_type]


def test_payloads_of_events_are_those_of_the_http_api() -> None:
    http = bundle("openapi.json")["components"]["schemas"]
    events = bundle("asyncapi.json")["components"]["schemas"]
    for name in ("JobEvent", "Job", "Problem", "Fault", "Progress"):
        assert events[name] == http[name]
