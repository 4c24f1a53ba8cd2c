"""A real HAProxy with the guide's configuration before two gateways: who the client is, and a node that is killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig import haproxy
from tests.rig.crowd import Crowd, Task, send_all
from tests.rig.limited import customer
from tests.rig.postern import UNPACED, Postern
from tests.rig.processes import free_port, wait_until
from tests.rig.sink import Sink
from tests.rig.smtp_client import Client

CUSTOMER = customer("acme", 1) | {"bulk": UNPACED}
CLIENT = "127.1.1.7"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, list[Postern], Sink]]:
    """The balancer's port, the gateways, each with its own registry, and what is behind them."""
    if reason := haproxy.missing():
        pytest.skip(reason)
    folder: Path = tmp_path_factory.mktemp("balancer")
    listener = {"proxy_from": ["127.0.0.1"]}
    with Sink() as sink:
        one, other = (
            Postern(folder / name, sink.port, customers=[CUSTOMER], listener=listener) for name in ("one", "other")
        )
        port = free_port()
        with one, other, haproxy.Haproxy(folder, {port: (one.port, other.port)}).up():
            yield port, [one, other], sink


def task(port: int, name: str, most: int) -> Task:
    """So many messages of customer acme, each sent until it is taken."""
    return Task(port, CLIENT, "ann@acme.example", name, most=most, again=True)


def accepted(node: Postern) -> int:
    """Messages that the node took."""
    return len(node.search("--verdict", "accept"))


def test_the_client_behind_the_balancer_is_who_it_is(fleet: tuple[int, list[Postern], Sink]) -> None:
    port, nodes, _ = fleet
    send_all([task(port, f"each-{n}", 1) for n in range(4)])
    found = [each for node in nodes for each in node.search("--verdict", "accept")]
    assert {each["client"]["address"] for each in found} == {CLIENT}
    assert all(accepted(node) for node in nodes), "both get their share"
    with Client(port) as stranger:  # the balancer's own address is nobody's
        assert stranger.ask("MAIL FROM:<ann@acme.example>").startswith("530 ")
    with Client(nodes[0].port, CLIENT) as direct:  # and no header is read from anybody else
        assert direct.ask("PROXY TCP4 127.1.1.8 127.0.0.1 1 2").startswith("500 ")
        assert direct.ask("MAIL FROM:<ann@acme.example>").startswith("250 ")


def test_a_killed_node_loses_nothing_and_the_other_goes_on(fleet: tuple[int, list[Postern], Sink]) -> None:
    port, nodes, sink = fleet
    before = len(sink.arrivals())
    crowd = Crowd([task(port, f"killed-{n}", 100) for n in range(6)]).go()
    wait_until(lambda: len(sink.arrivals()) > before + 100, 60, "mail flows")
    nodes[0].kill()
    wait_until(lambda: len(sink.arrivals()) > before + 300, 60, "mail flows through the other node")
    nodes[0].start()
    sent = crowd.sent()
    assert (sent.passed, sent.broken) == (600, [])
    assert sent.again, "what the killed node had was sent again"
    arrived = [recipient for each in sink.arrivals()[before:] for recipient in each.recipients]
    assert set(arrived) == {f"killed-{n}-{number}-0@recipient.example" for n in range(6) for number in range(100)}
    found = nodes[0].search("--verdict", "accept")
    unknown = [each for each in found if each["outcome"]["outcome"] == "unknown"]
    assert len(arrived) - 600 <= len(unknown), "what came twice is what nobody knew the outcome of"
    assert nodes[0].verify().status == 0
    calm = accepted(nodes[0])
    wait_until(lambda: bool(send_all([task(port, "after", 1)]).passed) and accepted(nodes[0]) > calm, 30, "it is back")
