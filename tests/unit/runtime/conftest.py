import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.actors import EXTRA_ACTORS

from gridjobs_workers.registry import actors
from gridjobs_workers.slot import Slot

TESTS = Path(__file__).parents[2]


@pytest.fixture
def probe_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setenv("PROBE_BLOBS", str(tmp_path))


@pytest.fixture
def slot(probe_environment: None) -> Iterator[Slot]:
    """A slot whose child serves only the probe."""
    slot = Slot(
        {"probe": actors(EXTRA_ACTORS)["probe"]},
        memory_bytes=512 * 2**20,
        command=[sys.executable, "-m", "support.probe_child"],
    )
    yield slot
    slot.stop()
