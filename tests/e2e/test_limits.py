"""Limits that several processes share: two nodes of two workers on one Redis, with clients in threads of their own."""

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from tests.rig.postern import ACME, PASSWORD, Postern
from tests.rig.redis import running
from tests.rig.sink import Mood, Sink
from tests.rig.smtp_client import Client

CAP = 200
CLIENTS = 16
MESSAGE = b"From: ann@acme.example\r\n\r\nbody\r\n"
WORKERS = ("--workers", "2")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Postern], Sink]]:
    """The nodes, and what is behind both."""
    names = ("plain", "fifth")
    credentials = [{"username": name, "password": PASSWORD, "limits": {"recipients_per_hour": CAP}} for name in names]
    customers: list[dict[str, Any]] = [{**ACME, "credentials": credentials}]
    folder = tmp_path_factory.mktemp("limits")
    with ExitStack() as stack:
        redis, sink = stack.enter_context(running()), stack.enter_context(Sink())
        settings = {"ledger": {"url": redis.url, "nodes": 2}}
        one = Postern(folder / "one", sink.port, customers=customers, settings=settings, arguments=WORKERS).prepare()
        other = one.copy(folder / "other")
        other.process.command += WORKERS
        for node in (one, other):
            stack.enter_context(node)
            node.wait_ready()
        yield [one, other], sink


def send_until_full(port: int, user: str, number: int) -> Counter[str]:
    """Transactions of three recipients until none of them is taken; how often each reply to RCPT came."""
    replies: Counter[str] = Counter()
    with Client(port) as client:
        assert client.authenticate(user).startswith("235 ")
        for turn in range(CAP):
            assert client.ask("MAIL FROM:<ann@acme.example>").startswith("250 ")
            codes = [client.ask(f"RCPT TO:<{user}-{number}-{turn}-{n}@recipient.example>")[:9] for n in range(3)]
            replies.update(codes)
            if "250 2.1.5" in codes:
                assert client.ask("DATA").startswith("354 ")
                client.content(MESSAGE)
                assert client.reply().startswith("250 ")
            else:
                client.ask("RSET")
                if set(codes) == {"450 4.7.0"}:
                    return replies
    return replies


@pytest.mark.parametrize("user", ["plain", "fifth"])
def test_exactly_the_cap_arrives_whatever_the_process(nodes: tuple[list[Postern], Sink], user: str) -> None:
    postern, sink = nodes
    sink.mood = Mood.TENTH_LATER if user == "fifth" else Mood.WELL
    with ThreadPoolExecutor(CLIENTS) as threads:
        work = [threads.submit(send_until_full, postern[n % 2].port, user, n) for n in range(CLIENTS)]
        replies = sum((each.result() for each in work), Counter[str]())
    assert sum(name.startswith(f"{user}-") for each in sink.arrivals() for name in each.recipients) == CAP
    assert replies["250 2.1.5"] == CAP
    assert bool(replies["452 4.2.2"]) == (user == "fifth")
    assert replies["450 4.7.0"] >= 3 * CLIENTS
    for node in postern:
        found = json.loads(node.command("limits", "show", "acme", "--json"))["limits"]
        (row,) = [each for each in found if each["name"] == user]
        assert (row["cap"], row["used"], row["room"]) == (CAP, CAP, 0)
        assert 0 < row["reset"] <= 3660
    token = postern[0].command("token", "create", "--role", "auditor").splitlines()[-1]
    url = f"http://127.0.0.1:{postern[0].http_port}/api/v1/customers/acme/limits"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})) as answer:
        assert [each["used"] for each in json.load(answer)["limits"] if each["name"] == user] == [CAP]
