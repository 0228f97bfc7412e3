import pika
import redis
from support.rabbitmq import RabbitmqServer
from support.redis import RedisServer


def test_an_acknowledged_write_survives_a_killed_redis(private_redis: RedisServer) -> None:
    with redis.Redis.from_url(private_redis.url) as client:
        client.set("kept", "yes")

    private_redis.restart()

    with redis.Redis.from_url(private_redis.url) as client:
        assert client.get("kept") == b"yes"


def test_each_test_gets_a_virtual_host_of_its_own(rabbitmq_server: RabbitmqServer, amqp_url: str) -> None:
    assert amqp_url != rabbitmq_server.url
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        assert connection.channel().queue_declare("mine").method.message_count == 0
