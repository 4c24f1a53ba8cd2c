"""Limits, exactly: clients in processes of their own, several gateway processes on one Redis or one cluster, or one
gateway with its counters in memory; `make bench-limits` shows the same with more of everything."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.rig.limited import arrived, customer, fill, one_process, two_nodes
from tests.rig.postern import Postern
from tests.rig.redis import running, running_cluster
from tests.rig.sink import Mood, Sink

CAP = 100
SESSIONS = 12


@pytest.fixture(scope="module", params=["redis", "cluster", "memory"])
def gateways(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[list[Postern], Sink]]:
    """Gateways that share counters, and what is behind them."""
    customers = [customer(name, n, recipients_per_hour=CAP) for n, name in enumerate(("plain", "fifth"), 1)]
    folder = tmp_path_factory.mktemp("limits")
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        if request.param == "memory":
            found = stack.enter_context(one_process(folder, sink.port, customers))
        else:
            alone = request.param == "redis"
            url = stack.enter_context(running()).url if alone else stack.enter_context(running_cluster()).url
            found = stack.enter_context(two_nodes(folder, sink.port, customers, url))
        yield found, sink


@pytest.mark.parametrize(("name", "number", "mood"), [("plain", 1, Mood.WELL), ("fifth", 2, Mood.FIFTH_REFUSED)])
def test_exactly_the_cap_arrives_whatever_the_process(
    gateways: tuple[list[Postern], Sink], name: str, number: int, mood: Mood
) -> None:
    nodes, sink = gateways
    sent = fill(nodes, sink, name, number, SESSIONS, mood)
    assert not sent.broken
    assert sum(arrived(sink, name).values()) == sent.passed == CAP
    assert bool(sent.replies["550 5.1.1"]) == (mood is Mood.FIFTH_REFUSED)
    assert sent.replies["450 4.7.0"] >= 3 * SESSIONS
    for node in nodes:
        (node.folder / "token").write_text(node.command("token", "create", "--role", "auditor").splitlines()[-1])
        told = [node.command("limits", "show", name, "--json", "--token-file", "token")]
        told += [node.command("limits", "show", name, "--json")] if len(nodes) > 1 else []
        for found in told:
            (row,) = [each for each in json.loads(found)["limits"] if each["scope"] == "customer"]
            assert (row["cap"], row["used"], row["room"]) == (CAP, CAP, 0)
            assert 0 < row["reset"] <= 3660
