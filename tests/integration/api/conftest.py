from typing import Any

import httpx
import pytest
from support.api import Hand
from support.requests import BODY, GRID


@pytest.fixture
def grid_id(api: httpx.Client, hand: Hand) -> str:
    """A ready grid of two nodes."""
    uploaded = api.post("/v1/grids", files=[("files", ("eq.xml", b"<rdf/>"))])
    assert uploaded.status_code == 202
    hand.make_ready(uploaded.json(), GRID)
    return str(uploaded.json()["id"])


@pytest.fixture
def job(api: httpx.Client, grid_id: str) -> dict[str, Any]:
    """A queued estimation."""
    answer = api.post("/v1/estimations", json=BODY | {"grid_id": grid_id})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())
