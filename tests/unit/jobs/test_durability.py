from gridjobs.durability import faults

SAFE = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


def test_a_durable_configuration_has_no_faults() -> None:
    assert faults(SAFE) == []


def test_each_unsafe_setting_is_named_with_its_consequence() -> None:
    found = faults({"appendonly": "no", "appendfsync": "everysec", "maxmemory-policy": "allkeys-lru"})

    assert len(found) == 3
    assert "appendfsync is everysec, must be always: a power cut loses the last writes" in found


def test_a_server_that_hides_its_configuration_is_not_trusted() -> None:
    assert len(faults({})) == 3
