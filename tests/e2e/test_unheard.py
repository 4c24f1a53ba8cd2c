"""A client that hangs up after the dot and sends again: the next hop gets its message once (design decision 2.4)."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.rig import postgres
from tests.rig.postern import NETS, Postern
from tests.rig.processes import wait_until
from tests.rig.sink import Sink
from tests.rig.smtp_client import hang_up_after_the_dot, send

ENVELOPE = ("ann@nets.example", "bob@recipient.example")
FOLLOWED = 2.0
"""Seconds after which another node knows what this one stored: it asks once a second."""


def message(name: str) -> bytes:
    """A message with a dot at a line's start, and one in a line of its own."""
    return f"Message-ID: <{name}@nets.example>\r\nFrom: ann@nets.example\r\n\r\n.hello {name}\r\n.\r\n".encode()


class SlowSink(Sink):
    """A sink that lets the final dot wait while it is held."""

    def __init__(self) -> None:
        super().__init__()
        self._free = threading.Event()
        self._free.set()
        self.waiting = 0
        """Messages that are whole and not answered."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Answer no final dot in this block."""
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    def keep(self, reverse_path: str, recipients: list[str], data: bytes) -> int | None:
        """Keep a message once it is not held."""
        self.waiting += 1
        self._free.wait(60)
        self.waiting -= 1
        return super().keep(reverse_path, recipients, data)


def unheard(postern: Postern, sink: SlowSink, content: bytes) -> dict[str, Any]:
    """Send a message, hang up, let the next hop accept it; the decision with its outcome."""
    before = len(postern.search("--verdict", "accept"))
    with sink.held():
        hang_up_after_the_dot(postern.port, content, *ENVELOPE)
        wait_until(lambda: sink.waiting == 1, 60, "the message is at the next hop")
    found = postern.concluded(before + 1)[-1]
    assert (found["outcome"]["outcome"], found["outcome"]["told"]) == ("accepted", False)
    return found


def test_an_identical_repeat_is_answered_with_the_first_reference_and_a_third_is_a_new_message(tmp_path: Path) -> None:
    content = message("same")
    with SlowSink() as sink, Postern(tmp_path / "gw", sink.port, customers=[NETS]) as postern:
        first = unheard(postern, sink, content)
        other = send(postern.port, content.replace(b"hello", b"Hello"), *ENVELOPE)
        assert other.startswith("250 2.0.0 ") and first["reference"] not in other

        assert send(postern.port, content, *ENVELOPE) == f"250 2.0.0 Accepted already; ref {first['reference']}"
        assert len(sink.arrivals()) == 2
        repeat = postern.concluded(3)[-1]["outcome"]
        assert (repeat["outcome"], repeat["repeat_of"], repeat["told"]) == ("repeat", first["reference"], True)

        for count in (3, 4):
            again = send(postern.port, content, *ENVELOPE)
            assert re.fullmatch(r"250 2\.0\.0 Accepted; ref \w{26}; next hop: .*", again)
            assert first["reference"] not in again
            assert len(sink.arrivals()) == count
        assert postern.verify().status == 0


def test_a_repeat_that_comes_while_the_next_hop_still_thinks_makes_no_duplicate(tmp_path: Path) -> None:
    content = message("early")
    with SlowSink() as sink, Postern(tmp_path / "gw", sink.port, customers=[NETS]) as postern:
        with sink.held():
            hang_up_after_the_dot(postern.port, content, *ENVELOPE)
            wait_until(lambda: sink.waiting == 1, 60, "the message is at the next hop")
            assert send(postern.port, content, *ENVELOPE).startswith("451 4.")
        (first,) = [each for each in postern.concluded(1) if each["outcome"]["outcome"] == "accepted"]
        assert send(postern.port, content, *ENVELOPE) == f"250 2.0.0 Accepted already; ref {first['reference']}"
        assert len(sink.arrivals()) == 1


@pytest.mark.parametrize("killed", [False, True])
def test_a_repeat_is_known_after_a_restart(tmp_path: Path, killed: bool) -> None:
    content = message("restart")
    with SlowSink() as sink, Postern(tmp_path / "gw", sink.port, customers=[NETS]) as postern:
        first = unheard(postern, sink, content)
        if killed:
            postern.kill()
        else:
            assert postern.process.stop() == 0
        postern.start()
        assert send(postern.port, content, *ENVELOPE) == f"250 2.0.0 Accepted already; ref {first['reference']}"
        assert len(sink.arrivals()) == 1
        assert send(postern.port, content, *ENVELOPE).startswith("250 2.0.0 Accepted; ref ")
        assert len(sink.arrivals()) == 2
        assert postern.verify().status == 0


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postern, Postern, SlowSink]]:
    """Two nodes on one registry."""
    folder = tmp_path_factory.mktemp("nodes")
    with postgres.running() as server, server.database() as url, SlowSink() as sink:
        shared = {"registry": {"url": url}, "secrets": {"file": str(folder / "secrets.toml")}}
        with (
            Postern(folder / "a", sink.port, customers=[NETS], settings=shared) as one,
            Postern(folder / "b", sink.port, customers=[], settings=shared) as two,
        ):
            yield one, two, sink


def test_a_repeat_is_known_on_another_node(nodes: tuple[Postern, Postern, SlowSink]) -> None:
    (one, two, sink), content = nodes, message("node")
    first = unheard(one, sink, content)
    time.sleep(FOLLOWED)
    assert send(two.port, content, *ENVELOPE) == f"250 2.0.0 Accepted already; ref {first['reference']}"
    assert len(sink.arrivals()) == 1
    time.sleep(FOLLOWED)
    assert send(one.port, content, *ENVELOPE).startswith("250 2.0.0 Accepted; ref ")
    assert len(sink.arrivals()) == 2


def test_two_nodes_on_one_registry_keep_a_chain_each(nodes: tuple[Postern, Postern, SlowSink]) -> None:
    one, two, _ = nodes
    assert send(one.port, message("one"), *ENVELOPE).startswith("250 ")
    assert send(two.port, message("two"), *ENVELOPE).startswith("250 ")
    for node in (one, two):
        node.process.stop()
        node.start()
        verification = node.verify()
        assert verification.status == 0, verification.text
