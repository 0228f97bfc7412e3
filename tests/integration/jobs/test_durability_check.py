import asyncio
from pathlib import Path

import pytest
import redis
import redis.asyncio
from support.jobs import reading, settings
from support.redis import RedisServer

from gridjobs import durability
from gridjobs.errors import StoreNotDurable, StoreUnavailable
from gridjobs.store import JobStore


def test_a_store_that_fsyncs_every_write_passes(store: JobStore) -> None:
    durability.check(store.client)

    async def ask() -> None:
        async with reading(store) as reader:
            await durability.check_async(reader.client)

    asyncio.run(ask())


def test_a_store_that_could_lose_a_write_is_named(private_redis: RedisServer, tmp_path: Path) -> None:
    store = JobStore.connect(settings(private_redis.url, tmp_path))
    store.client.config_set("appendfsync", "everysec")
    store.client.config_set("maxmemory-policy", "allkeys-lru")

    with pytest.raises(StoreNotDurable) as caught:
        durability.check(store.client)
    assert len(caught.value.faults) == 2


def test_a_store_that_hides_its_configuration_is_not_trusted(
    private_redis: RedisServer, tmp_path: Path
) -> None:
    with redis.Redis.from_url(private_redis.url) as admin:
        admin.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", "-config")
    url = private_redis.url.replace("redis://", "redis://app:pw@")
    store = JobStore.connect(settings(url, tmp_path))

    with pytest.raises(StoreNotDurable, match="does not show"):
        durability.check(store.client)
    store.close()


def test_a_store_that_is_away_is_unavailable_rather_than_unsafe(private_redis: RedisServer) -> None:
    private_redis.kill()

    async def ask() -> None:
        async with redis.asyncio.Redis.from_url(private_redis.url) as client:
            await durability.check_async(client)

    with pytest.raises(StoreUnavailable) as caught:
        asyncio.run(ask())
    assert not isinstance(caught.value, StoreNotDurable)
