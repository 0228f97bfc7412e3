"""Where the shared real data lie."""

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("GRIDJOBS_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


def shared(*parts: str) -> Path:
    """Path of a shared file or folder; the test is skipped where it is absent."""
    path = ROOT.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"shared data absent: {'/'.join(parts)}")
    return path
