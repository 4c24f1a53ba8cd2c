"""Redis goes in the middle of load, and comes back: never unlimited, no session lost, red and green again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.limited import customer, outage, two_nodes
from tests.rig.postern import Postern
from tests.rig.redis import RedisServer, running
from tests.rig.sink import Sink

CAP = 150
CUSTOMERS = [
    customer("killed", 1, recipients_per_hour=CAP),
    customer("paused", 2, recipients_per_hour=CAP),
    customer("other", 9, recipients_per_hour=100_000),
]


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Postern], Sink, RedisServer]]:
    """Two nodes, what is behind them, and their counters."""
    folder: Path = tmp_path_factory.mktemp("outage")
    with Sink() as sink, running() as redis, two_nodes(folder, sink.port, CUSTOMERS, redis.url) as nodes:
        yield nodes, sink, redis


@pytest.mark.parametrize(("name", "number"), [("killed", 1), ("paused", 2)])
def test_redis_goes_under_load_and_comes_back(
    gateways: tuple[list[Postern], Sink, RedisServer], name: str, number: int
) -> None:
    nodes, sink, redis = gateways
    found = outage(nodes, sink, redis, name, number, cap=CAP, killed=name == "killed", sessions=8, each=2)
    assert not found.lost
    assert 0 < found.passed == found.sent.passed <= found.bound
    assert found.other.passed == len(found.other.turns), "who has room is served all the while"
    # Of the two outages in one minute the second is said by nobody who has said the first.
    assert found.complaints <= found.workers
