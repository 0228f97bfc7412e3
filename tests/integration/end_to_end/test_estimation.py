"""A whole installation, used as its users do: from an upload to a picture, on both stacks."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from lxml import etree
from support.http import checked_client
from support.installation import Installation
from support.rabbitmq import RabbitmqServer
from support.redis import RedisServer

EXAMPLE = Path(__file__).parents[3] / "examples" / "cigre_mv"
COMPILED_S = 280  # the first worker on a machine compiles the numerical kernels

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", params=["embedded", "production"])
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    env = {"GRIDJOBS_WORKER_TYPES": "grid-import,estimation"}
    if request.param == "production":
        redis: RedisServer = request.getfixturevalue("redis_server")
        rabbitmq: RabbitmqServer = request.getfixturevalue("rabbitmq_server")
        env |= {"GRIDJOBS_STORE_URL": redis.url, "GRIDJOBS_BROKER_URL": rabbitmq.url}
    installation = Installation(tmp_path_factory.mktemp(request.param), env, slots=1)
    installation.start()
    yield installation
    installation.stop()


@pytest.fixture(scope="module")
def client(installation: Installation) -> Iterator[httpx.Client]:
    with checked_client(installation.url) as client:
        yield client


@pytest.fixture(scope="module")
def grid_id(client: httpx.Client) -> str:
    with (EXAMPLE / "grid.zip").open("rb") as archive:
        grid = client.post("/v1/grids", files={"files": ("grid.zip", archive)}).json()
    finished(client, grid["job_id"])
    grid = client.get(f"/v1/grids/{grid['id']}").json()
    assert grid["status"] == "ready", grid
    identity: str = grid["id"]
    return identity


def finished(client: httpx.Client, job_id: str) -> dict[str, object]:
    """Wait for a job by long polls."""
    etag = '"0"'
    for _ in range(COMPILED_S // 2):
        answer = client.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=30", "If-None-Match": etag})
        if answer.status_code == 200:
            job: dict[str, object] = answer.json()
            etag = answer.headers["ETag"]
            if job["done"]:
                return job
    raise AssertionError(f"job {job_id} is not done")


def submitted(client: httpx.Client, grid_id: str, **more: object) -> dict[str, object]:
    """Submit the example's estimation and wait for it."""
    request = json.loads((EXAMPLE / "estimation.json").read_text())
    answer = client.post("/v1/estimations", json={"grid_id": grid_id, **request, **more})
    assert answer.status_code == 202, answer.text
    return finished(client, answer.json()["id"])


def test_the_estimate_agrees_with_the_solved_state_within_its_own_uncertainty(
    client: httpx.Client, grid_id: str
) -> None:
    job = submitted(client, grid_id, outputs=["sv", "svg"])
    assert job["status"] == "succeeded", job
    result = client.get(f"/v1/jobs/{job['id']}/result").json()
    # The state that the measurements were taken from: examples/cigre_mv/cigre_mv_SV.xml.
    solved = solved_kv()
    errors = [abs(node["v_kv"] - solved[node["mrid"]]) / node["sigma_v_kv"] for node in result["nodes"]]
    assert max(errors) < 4.0
    assert result["summary"]["chi_square_passed"]
    assert {part["name"] for part in result["parts"]} >= {
        "nodes",
        "branches",
        "sv.xml",
        "voltage-profile.svg",
    }


def test_tables_are_served_as_csv_and_parquet(client: httpx.Client, grid_id: str) -> None:
    job = submitted(client, grid_id)
    rows = client.get(f"/v1/jobs/{job['id']}/result/parts/nodes", headers={"Accept": "text/csv"}).text
    assert rows.startswith(('"mrid"', "mrid"))
    assert len(rows.splitlines()) == 19  # 18 nodes and the header
    parquet = client.get(
        f"/v1/jobs/{job['id']}/result/parts/branches", headers={"Accept": "application/vnd.apache.parquet"}
    )
    assert parquet.content[:4] == b"PAR1"


def test_every_fault_of_the_measurements_is_named_before_the_job_is_accepted(
    client: httpx.Client, grid_id: str
) -> None:
    request = json.loads((EXAMPLE / "estimation.json").read_text())
    request["measurements"][2]["component"] = "no-such-thing"
    request["measurements"][5]["unit"] = "MW"
    answer = client.post("/v1/estimations", json={"grid_id": grid_id, **request})
    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {
        "/measurements/2/component",
        "/measurements/5/unit",
    }


def test_a_grid_without_enough_meters_is_not_observable_and_says_where(
    client: httpx.Client, grid_id: str
) -> None:
    job = submitted(client, grid_id, observability="require")
    assert job["status"] == "failed"
    error = job["error"]
    assert isinstance(error, dict)
    assert error["code"] == "not_observable"
    assert error["errors"]


def test_events_are_heard_over_mqtt_as_the_contract_says(
    client: httpx.Client, grid_id: str, installation: Installation, request: pytest.FixtureRequest
) -> None:
    host, port, account = mqtt_address(installation, request)
    command = ["mosquitto_sub", "-h", host, "-p", port, *account, "-V", "mqttv311", "-q", "1", "-W", "60"]
    command += ["-t", "v1/default/jobs/estimation/+/succeeded", "-C", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as subscriber:
        wait_for_subscription()
        job = submitted(client, grid_id)
        heard, _ = subscriber.communicate(timeout=90)
    event = json.loads(heard)
    listed = client.get(f"/v1/jobs/{job['id']}/events").json()["items"]
    assert event == listed[-1]
    assert event["type"] == "org.gridjobs.job.succeeded.v1"
    assert event["data"]["id"] == job["id"]


def wait_for_subscription() -> None:
    time.sleep(0.8)  # mosquitto_sub does not say when its subscription stands


def mqtt_address(installation: Installation, request: pytest.FixtureRequest) -> tuple[str, str, list[str]]:
    """Where events can be heard: the embedded broker, or RabbitMQ's MQTT plugin."""
    if "GRIDJOBS_BROKER_URL" not in installation.env:
        return "127.0.0.1", str(json.loads((installation.data / "ports.json").read_text())["mqtt"]), []
    rabbitmq: RabbitmqServer = request.getfixturevalue("rabbitmq_server")
    return "127.0.0.1", str(rabbitmq.mqtt_port), ["-u", "guest", "-P", "guest"]


def solved_kv() -> dict[str, float]:
    """Magnitudes of the example's SV profile by node."""
    cim, rdf = "{http://iec.ch/TC57/2013/CIM-schema-cim16#}", "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
    root = etree.parse(EXAMPLE / "cigre_mv_SV.xml").getroot()
    return {
        found.find(f"{cim}SvVoltage.TopologicalNode").get(f"{rdf}resource").removeprefix("#_"): float(
            found.findtext(f"{cim}SvVoltage.v")
        )
        for found in root.iterfind(f"{cim}SvVoltage")
    }
