"""Signals in whole gateways: a stolen credential is seen, and locked where policy says so; honest ones are not."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.policy import Action, Policy
from config.signals import PAST_DAYS, SignalsPolicy
from consent.address import Address
from consent.credentials import Which
from consent.database import RegistryError
from consent.exemptions import ExemptionStore
from consent.model import micros
from filters.signals import CODES
from gateway.app import Gateway
from gateway.audit.search import Query
from gateway.ledger.activity import DAY, Kind, Passage, Watch
from gateway.ledger.redis import RedisLedger
from gateway.signals import network_of
from tests.rig.consents import entry, given
from tests.rig.gateway import CUSTOMERS, HASH, Clock, decisions, running
from tests.rig.redis import RedisServer
from tests.rig.redis import running as redis
from tests.rig.talk import Talk

SHIPPED = Policy()
LOCKING = Policy(signals=SignalsPolicy(lock=True))
BEHIND = {"smtp": {"listeners": [{"address": "127.0.0.1:0", "auth_without_tls": True, "proxy_from": ["127.0.0.1"]}]}}
LOCKED = "450 4.7.1 This credential is locked; contact the operator"
BULK: list[dict[str, Any]] = [
    *CUSTOMERS,
    {
        "id": "news",
        "name": "News Ltd",
        "domains": ["news.example"],
        "credentials": [{"username": "news-app", "password_hash": HASH, "stream": "bulk", "list": "issues"}],
        "actions": {"CONTENT-UNSUB": "observe"},
    },
]


async def session(gateway: Gateway, source: str, user: str = "acme-app") -> Talk:
    """Logged in, from that address behind a balancer."""
    host, _, port = gateway.smtp_addresses[0].rpartition(":")
    talk = Talk(*await asyncio.open_connection(host, int(port)))
    assert (await talk.ask(f"PROXY TCP4 {source} 192.0.2.200 40000 25")).startswith("220 ")
    assert (await talk.login(user)).startswith("235 ")
    return talk


async def send(
    gateway: Gateway,
    source: str = "192.0.2.1",
    *,
    sender: str = "ann@acme.example",
    to: int = 1,
    text: str = "body",
    user: str = "acme-app",
    domain: str = "recipient.example",
) -> str:
    """One message; its last reply."""
    talk = await session(gateway, source, user)
    reply = await talk.ask(f"MAIL FROM:<ann@{sender.partition('@')[2]}>")
    if reply.startswith("250 "):
        for number in range(to):
            assert (await talk.ask(f"RCPT TO:<r{number}@{domain}>")).startswith("250 ")
        await talk.ask("DATA")
        reply = await talk.ask(f"From: {sender}\r\n\r\n{text}\r\n.\r\n".encode())
    talk.writer.close()
    return reply


async def steal(gateway: Gateway, messages: int, begin: int = 0, user: str = "acme-app", at: str = "acme") -> list[str]:
    """What a thief sends, each message from another network and as somebody else."""
    replies = []
    for number in range(begin, begin + messages):
        sender = f"p{number}@{at}.example"
        reply = await send(
            gateway, f"198.51.{number}.7", sender=sender, to=20, text="Win!", user=user, domain=f"d{number}.example"
        )
        replies.append(reply)
    return replies


async def live(gateway: Gateway, clock: Clock, user: str = "acme-app", customer: str = "acme") -> None:
    """Two weeks of ordinary mail, up to yesterday."""
    now = clock.now
    for day in range(PAST_DAYS):
        clock.now = now - timedelta(days=PAST_DAYS - day)
        passage = Passage(("ann",), ("acme",), "192.0.2.0/24", f"day {day}", 3)
        await gateway.ledger.watch(Watch(Kind.COUNT, customer, user, passage))
    clock.now = now


def seen(gateway: Gateway) -> set[str]:
    """The codes of all signals in the audit."""
    return {found["code"] for each in decisions(gateway, limit=None) for found in each["findings"]} & CODES


def acts(gateway: Gateway) -> list[dict[str, Any]]:
    return list(gateway.evidence.search(Query(kind="action")))


async def test_a_stolen_credential_is_observed_under_the_shipped_policy(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, policy=SHIPPED, settings=BEHIND, clock=clock) as (gateway, _, _):
        await live(gateway, clock)
        assert {reply[:4] for reply in await steal(gateway, 27)} == {"250 "}
        assert seen(gateway) == CODES - {"SIGNAL-GUESSED"}
        last = decisions(gateway)[-1]
        assert last["clauses"] == ["MP-1a", "MP-1d"]
        assert {found["code"]: found["evidence"] for found in last["findings"]} == {
            "SIGNAL-VOLUME": "540 recipients today; at most 3 on any of the 35 days before",
            "SIGNAL-SENDERS": "27 senders within an hour; at most 1 on any of the 35 days before",
            "SIGNAL-NETWORKS": "27 networks within an hour; at most 1 on any of the 35 days before",
            "SIGNAL-ONE-BODY": "540 recipients of one body within an hour; at most 3 before",
        }
        assert acts(gateway) == []
        assert gateway.directory.switched(clock()) == (0, 0)


async def test_with_the_switch_on_two_signals_lock_it_until_the_operator_lifts_that(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, policy=LOCKING, settings=BEHIND, clock=clock) as (gateway, hop, _):
        await live(gateway, clock)
        opened = await session(gateway, "192.0.2.1")
        replies = await steal(gateway, 8)
        # One body to 100 at the fifth message is one signal, the eighth network another.
        assert [reply[:3] for reply in replies] == ["250"] * 7 + ["450"]
        assert replies[-1].startswith(LOCKED)
        assert len(hop.accepted) == 7
        (held,) = gateway.stores.credentials.all(Which("acme", "acme-app"))
        assert held.lock is not None
        assert held.lock.source == "SIGNAL-NETWORKS, SIGNAL-ONE-BODY"
        (act,) = acts(gateway)
        assert (act["actor"], act["act"], act["customer"], act["target"]) == (
            "signals", "credentials lock", "acme", "acme-app",
        )  # fmt: skip
        assert act["reason"] == "signals of theft within an hour: SIGNAL-NETWORKS, SIGNAL-ONE-BODY"
        record = decisions(gateway)[-1]
        assert (record["verdict"], record["findings"][-1]["code"]) == ("defer", "CREDENTIAL-LOCKED")
        assert gateway.metrics.registry.get_sample_value("postern_signal_locks_total") == 1

        await gateway.refresh()
        assert (await opened.ask("MAIL FROM:<ann@acme.example>")).startswith(LOCKED)
        assert (await steal(gateway, 1, 40))[0].startswith(LOCKED)
        assert (await send(gateway, user="acme-old")).startswith("250 ")  # the customer's other credentials go on

        clock.now += timedelta(minutes=10)
        gateway.stores.credentials.unlock(Which("acme", "acme-app"), "password changed")
        await gateway.refresh()
        assert (await send(gateway)).startswith("250 ")
        assert (await opened.ask("MAIL FROM:<ann@acme.example>")).startswith("250 ")
        assert (await steal(gateway, 4, 50))[-1].startswith("250 ")
        assert decisions(gateway)[-1]["findings"] == []  # what led to the lock is not held against it again
        # What is new is.
        assert [reply[:3] for reply in await steal(gateway, 3, 60)] == ["250", "250", "450"]
        opened.writer.close()


async def test_one_signal_alone_locks_nothing_however_often(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, policy=LOCKING, settings=BEHIND, clock=clock) as (gateway, _, _):
        await live(gateway, clock)
        for number in range(12):
            assert (await send(gateway, f"198.51.{number}.7", text=f"{number}")).startswith("250 ")
        assert seen(gateway) == {"SIGNAL-NETWORKS"}
        clock.now += timedelta(minutes=61)
        assert (await send(gateway, to=100)).startswith("250 ")  # another one, but not within the hour
        assert seen(gateway) == {"SIGNAL-NETWORKS", "SIGNAL-ONE-BODY"}
        assert acts(gateway) == []


async def test_who_is_observed_or_exempted_is_not_locked(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, policy=LOCKING, settings=BEHIND, clock=clock) as (gateway, _, _):
        await live(gateway, clock)
        await live(gateway, clock, "watched-app", "watched")
        until = clock() + timedelta(days=1)
        for code in ("SIGNAL-NETWORKS", "SIGNAL-ONE-BODY"):
            ExemptionStore(gateway.stores.database).add("acme", code, until, "known, ticket 1", clock())
        await gateway.refresh()
        assert {reply[:4] for reply in await steal(gateway, 10, user="watched-app", at="watched")} == {"250 "}
        assert {reply[:4] for reply in await steal(gateway, 10)} == {"250 "}
        assert seen(gateway) == {"SIGNAL-NETWORKS", "SIGNAL-ONE-BODY"}
        assert gateway.directory.switched(clock())[0] == 0


async def test_honest_days_are_no_signals(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, policy=LOCKING, settings=BEHIND, clock=clock, customers=BULK) as (gateway, _, _):
        # A new credential without history moves in: a mail server with all its users, from wherever it is tried.
        assert {reply[:4] for reply in await steal(gateway, 27, user="acme-old")} == {"250 "}
        news = {"user": "news-app", "sender": "list@news.example"}
        await live(gateway, clock)
        await live(gateway, clock, "news-app", "news")
        readers = [Address.parse(f"r{number}@d{issue}.example") for issue in range(6) for number in range(100)]
        consented = [
            entry(each, given(recorded=micros(clock()), at=micros(clock()), party="news", list="issues"))
            for each in readers
        ]
        await asyncio.to_thread(gateway.stores.consents.append, "news", consented)
        for issue in range(6):  # newsletter day
            reply = await send(gateway, text="Issue 12", domain=f"d{issue}.example", to=100, **news)
            assert reply.startswith("250 ")
        for network in range(6):  # somebody who travels
            assert (await send(gateway, f"203.0.{network}.9", text=f"trip {network}")).startswith("250 ")
        for person in range(20):  # an office behind one address
            assert (await send(gateway, sender=f"p{person}@acme.example", text=f"{person}")).startswith("250 ")
        own = await send(gateway, to=300, text="to all staff", domain="acme.example")
        assert own.startswith("250 ")
        assert seen(gateway) == set()
        assert acts(gateway) == []


async def test_what_did_not_pass_is_not_counted_so_that_a_retry_costs_nothing_twice(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, policy=SHIPPED, settings=BEHIND, clock=clock) as (gateway, hop, _):
        await live(gateway, clock)
        for reply in ("452 4.3.1 Full", "554 5.6.0 No"):
            hop.on("DOT", reply)
            for _ in range(3):
                assert (await send(gateway, to=60)).startswith(reply[:3])
        hop.on("DOT", "250 2.0.0 Ok")
        assert (await send(gateway, to=60)).startswith("250 ")
        assert seen(gateway) == set()
        assert (await send(gateway, to=60)).startswith("250 ")
        assert seen(gateway) == {"SIGNAL-ONE-BODY"}


async def test_reports_are_not_counted_and_with_all_rules_off_nothing_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(watch: Watch) -> None:
        raise AssertionError(watch)

    off = Policy(actions=dict.fromkeys(CODES, Action.OFF), signals=SignalsPolicy(lock=True))
    async with running(tmp_path / "off", policy=off, settings=BEHIND) as (gateway, _, _):
        monkeypatch.setattr(gateway.ledger, "watch", asked)
        assert (await send(gateway)).startswith("250 ")
    async with running(tmp_path / "on", policy=SHIPPED, settings=BEHIND) as (gateway, _, _):
        monkeypatch.setattr(gateway.ledger, "watch", asked)
        talk = await session(gateway, "192.0.2.1")
        for command in ("MAIL FROM:<>", "RCPT TO:<bob@recipient.example>", "DATA"):
            await talk.ask(command)
        report = b"From: MAILER-DAEMON@acme.example\r\nAuto-Submitted: auto-replied\r\n\r\nx\r\n.\r\n"
        assert (await talk.ask(report)).startswith("250 ")
        talk.writer.close()
        assert (await send(gateway)).startswith("451 ")  # the trap works


async def test_a_registry_that_is_away_locks_nothing_and_refuses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **more: object) -> None:
        raise RegistryError("away")

    clock = Clock()
    async with running(tmp_path, policy=LOCKING, settings=BEHIND, clock=clock) as (gateway, _, _):
        await live(gateway, clock)
        with monkeypatch.context() as patch:
            patch.setattr("consent.credentials.CredentialStore.lock", away)
            assert (await steal(gateway, 8))[-1].startswith("250 ")
        assert gateway.metrics.registry.get_sample_value("postern_alarms_total", {"part": "registry"}) == 1
        assert (await steal(gateway, 1, 20))[-1].startswith(LOCKED)  # the next message does


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis() as started:
        yield started


async def remember(server: RedisServer) -> None:
    """Days of mail in the past of that Redis, whose own clock the gateways go by."""
    now = [time.time()]
    ledger = RedisLedger(server.url, processes=2, clock=lambda: now[0], alarm=lambda part, text: None, tell_time=True)
    now[0] -= (PAST_DAYS + 1) * DAY / 1000
    for _ in range(PAST_DAYS):
        await ledger.watch(Watch(Kind.COUNT, "acme", "acme-app", Passage(("a",), ("d",), "192.0.2.0/24", "b", 3)))
        now[0] += DAY / 1000
    await ledger.close()


async def test_two_nodes_see_one_thief_lock_on_both_and_without_redis_no_signal(
    tmp_path: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.ledger.server.TIMEOUT", 60.0)  # the machine may be busy
    settings: dict[str, Any] = BEHIND | {"ledger": {"url": server.url, "nodes": 2}}
    settings["registry"] = {"url": f"sqlite:///{tmp_path}/var/postern.db"}
    beside = settings | {"data_dir": str(tmp_path / "other"), "secrets": {"file": str(tmp_path / "var/secrets.toml")}}
    await remember(server)

    def clock() -> datetime:
        return datetime.now(UTC)

    async with AsyncExitStack() as stack:
        one, hop, _ = await stack.enter_async_context(running(tmp_path, policy=LOCKING, settings=settings, clock=clock))
        other, _, _ = await stack.enter_async_context(
            running(tmp_path, hop=hop, policy=LOCKING, settings=beside, clock=clock)
        )
        nodes = (one, other)
        replies = [(await steal(nodes[number % 2], 1, number))[0] for number in range(8)]
        assert [reply[:3] for reply in replies] == ["250"] * 7 + ["450"]
        async with asyncio.timeout(60):
            while any(node.directory.switched(clock())[0] == 0 for node in nodes):  # noqa: ASYNC110 - nobody signals it
                await asyncio.sleep(0.01)
        assert {(await send(node))[: len(LOCKED)] for node in nodes} == {LOCKED}
        one.stores.credentials.unlock(Which("acme", "acme-app"), "password changed")
        for node in nodes:
            await node.refresh()
        server.kill()
        assert {reply[:4] for node in nodes for reply in await steal(node, 9, 100)} == {"250 "}
        assert not any(node.ledger.healthy for node in nodes)
        assert len([each for each in acts(one) if each["act"] == "credentials lock"]) <= 1


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("no address", "no address"),
    ],
)
def test_a_network_is_what_one_place_has(address: str, network: str) -> None:
    assert network_of(address) == network
