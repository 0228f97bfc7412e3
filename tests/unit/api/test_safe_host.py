"""Where the API may listen."""

from pathlib import Path

import pytest

from gridjobs.settings import Settings
from gridjobs_api.main import ExposedWithoutIdentity, require_safe_host


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_may_be_served(host: str) -> None:
    require_safe_host(Settings(api_host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_nobody_else_may_be_served(host: str) -> None:
    with pytest.raises(ExposedWithoutIdentity):
        require_safe_host(Settings(api_host=host))


@pytest.mark.parametrize(
    "identity", [{"jwt_issuer": "https://id.example"}, {"api_keys_file": Path("keys.json")}]
)
def test_a_setting_that_nothing_enforces_does_not_open_the_api(identity: dict[str, object]) -> None:
    with pytest.raises(ExposedWithoutIdentity):
        require_safe_host(Settings(api_host="0.0.0.0", **identity))
