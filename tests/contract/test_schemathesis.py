import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from support.api import ApiServer, Hand
from support.requests import BODY

# "Schema-valid request rejected" is left out: whether a grid, a cursor or a file is good no schema can say.
LEFT_OUT = "positive_data_acceptance"


@pytest.mark.slow
def test_no_generated_request_finds_a_hole_in_the_contract(
    api_server: ApiServer, api: httpx.Client, hand: Hand, grid_id: str, tmp_path: Path
) -> None:
    assert api.post("/v1/estimations", json=BODY | {"grid_id": grid_id}).status_code == 202
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{api_server.url}/openapi.json",
        "--max-examples=5",
        f"--seed={os.environ.get('GRIDJOBS_TEST_SEED', '1')}",
        f"--exclude-checks={LEFT_OUT}",
        "--continue-on-failure",
        "--no-shrink",
        "--warnings=off",
    ]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)

    assert ran.returncode == 0, ran.stdout
    assert "Tested: " in ran.stdout
    assert "request_failed" not in api_server.log()
