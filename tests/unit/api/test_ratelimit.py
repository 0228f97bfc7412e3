import pytest

from gridjobs_api.problems import RequestProblem
from gridjobs_api.ratelimit import MAX_CLIENTS, RateLimit


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_full_bucket_lasts_for_a_minutes_requests_and_refills_evenly() -> None:
    clock = Clock()
    limit = RateLimit(60, clock)
    for _ in range(60):
        limit.take("a")
    with pytest.raises(RequestProblem) as refused:
        limit.take("a")
    assert refused.value.retry_after_s == pytest.approx(1.0)

    clock.now_s = 1.0
    assert limit.take("a")["RateLimit"] == '"default";r=0;t=60'
    with pytest.raises(RequestProblem):
        limit.take("a")


def test_clients_do_not_share_a_bucket() -> None:
    limit = RateLimit(1, Clock())
    limit.take("a")
    assert limit.take("b")["RateLimit-Policy"] == '"default";q=1;w=60'


def test_zero_is_no_limit() -> None:
    limit = RateLimit(0, Clock())
    assert [limit.take("a") for _ in range(100)] == [{}] * 100


def test_memory_is_bounded() -> None:
    limit = RateLimit(1, Clock())
    for client in range(MAX_CLIENTS + 10):
        limit.take(str(client))
    assert len(limit.buckets) == MAX_CLIENTS
