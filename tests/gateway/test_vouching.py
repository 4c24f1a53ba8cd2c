"""Forwarded mail through a whole gateway: real keys, a real resolver's answers, real sockets."""

import asyncio
import copy
import mmap
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from config.customers import Credential, Customer
from config.policy import Action, Policy
from config.settings import Dns as DnsSettings
from consent.address import Address
from filters import engine, signatures
from filters.message import Message
from filters.model import Facts
from gateway import vouching
from gateway.app import Gateway
from gateway.cli.judging import Court, Sent, judge
from gateway.dns import Resolver
from gateway.facts import House
from gateway.vouching import Vouching
from tests.gateway.test_directory import stored
from tests.rig.dkim_signing import ed25519_key, rsa_key, signed
from tests.rig.dns import Dns
from tests.rig.gateway import CUSTOMERS, HASH, decisions, running
from tests.rig.smtpd import Smtpd
from tests.rig.talk import Talk

AUTHORED = (
    b"From: Ann <ann@example.org>\r\nTo: bob@acme.example\r\nSubject: Lunch\r\n"
    b"Date: Fri, 20 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\nSee you at noon.\r\n"
)
KEY_NAME = "s._domainkey.example.org"


@pytest.fixture
def dns() -> Iterator[Dns]:
    with Dns().serving() as server:
        server.texts(KEY_NAME, rsa_key().record)
        server.everywhere = {"MX": ["10 mx.example."]}
        yield server


def customers(**more: Any) -> list[dict[str, Any]]:
    """The usual ones, of whom Acme forwards."""
    found = copy.deepcopy(CUSTOMERS[:1])
    found[0]["credentials"] = [
        {"username": "acme-app", "password_hash": HASH, "forwarding": True},
        {"username": "acme-own", "password_hash": HASH},
    ]
    found[0] |= more
    return found


@pytest_asyncio.fixture
async def up(tmp_path: Path, dns: Dns) -> AsyncIterator[tuple[Gateway, Smtpd, Talk]]:
    """A gateway with that resolver, and a client whose credential forwards."""
    settings = {"dns": {"servers": [dns.address]}}
    async with running(tmp_path, customers=customers(), settings=settings) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        assert (await talk.login()).startswith("235 ")
        yield gateway, hop, talk
        talk.writer.close()


async def send(talk: Talk, message: bytes, path: str = "SRS0=abcd=zz=example.org=ann@acme.example") -> str:
    """The reply to the final dot, or the first that refuses."""
    for command in (f"MAIL FROM:<{path}>", "RCPT TO:<bob@recipient.example>", "DATA"):
        reply = await talk.ask(command)
        if reply[0] not in "23":
            return reply
    return await talk.ask(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")


async def test_what_its_author_signed_is_forwarded_unchanged(up: tuple[Gateway, Smtpd, Talk], dns: Dns) -> None:
    gateway, hop, talk = up
    message = signed(AUTHORED)
    assert (await send(talk, message)).startswith("250 ")
    assert hop.accepted[0].content.endswith(message)
    assert decisions(gateway)[-1]["findings"] == []
    passed = {"number": 1, "domain": "example.org", "result": "pass", "why": ""}
    assert decisions(gateway)[-1]["signatures"] == [passed]
    assert (await send(talk, message, "")).startswith("250 ")
    assert dns.keys_asked() == [KEY_NAME]


async def test_what_was_changed_on_the_way_is_refused_and_says_what_to_set(up: tuple[Gateway, Smtpd, Talk]) -> None:
    gateway, hop, talk = up
    reply = await send(talk, signed(AUTHORED) + b"-- \r\nThe list's footer\r\n")
    assert reply.startswith("550 5.7.1 ")
    assert "dmarc_mitigate_action = munge_from" in reply
    findings = decisions(gateway)[-1]["findings"]
    assert [each["code"] for each in findings] == ["FWD-FROM", "SIG-BROKEN"]
    why = "the body is not what was signed"
    assert findings[0]["evidence"] == f"from domain example.org: signature 1: fail, {why}"
    failed = {"number": 1, "domain": "example.org", "result": "fail", "why": why}
    assert decisions(gateway)[-1]["signatures"] == [failed]
    assert hop.accepted == []


@pytest.mark.parametrize("trouble", ["silent", "SERVFAIL", "garbled", "other", "cut", "huge"])
async def test_a_key_that_cannot_be_fetched_is_451_and_passes_when_it_can(
    up: tuple[Gateway, Smtpd, Talk], dns: Dns, trouble: str
) -> None:
    gateway, hop, talk = up
    dns.trouble[KEY_NAME] = trouble
    assert (await send(talk, signed(AUTHORED))).startswith("451 4.7.5 ")
    assert [each["code"] for each in decisions(gateway)[-1]["findings"]] == ["FWD-KEY"]
    dns.trouble[KEY_NAME] = "truncated"
    assert (await send(talk, signed(AUTHORED))).startswith("250 ")


async def test_a_key_that_does_not_exist_or_is_revoked_vouches_for_nothing(
    up: tuple[Gateway, Smtpd, Talk], dns: Dns
) -> None:
    gateway, hop, talk = up
    dns.texts("s._domainkey.mail.example.org", "v=DKIM1; p=")
    for domain in ("mail.example.org", "none.example.org"):
        assert (await send(talk, signed(AUTHORED, domain))).startswith("550 5.7.1 ")
        assert [each["code"] for each in decisions(gateway)[-1]["findings"]] == ["FWD-FROM"]


async def test_the_signatures_of_others_do_not_help_and_do_no_harm(up: tuple[Gateway, Smtpd, Talk], dns: Dns) -> None:
    gateway, hop, talk = up
    dns.texts("s._domainkey.evil.example", rsa_key(number=1).record)
    dns.texts("s._domainkey.mail.example.org", ed25519_key().record)
    assert (await send(talk, signed(AUTHORED, "evil.example", rsa_key(number=1)))).startswith("550 5.7.1 ")
    both = signed(signed(AUTHORED, "mail.example.org", ed25519_key()), "evil.example", rsa_key(number=1))
    assert (await send(talk, both)).startswith("250 ")


async def test_the_reverse_path_of_the_author_is_refused_at_mail(up: tuple[Gateway, Smtpd, Talk]) -> None:
    _, _, talk = up
    reply = await send(talk, signed(AUTHORED), "ann@example.org")
    assert reply.startswith("550 5.7.1 ")
    assert "SRS" in reply


async def test_a_credential_without_forwarding_forwards_nothing(up: tuple[Gateway, Smtpd, Talk], dns: Dns) -> None:
    gateway, hop, _ = up
    talk = await Talk.to(gateway.smtp_addresses[0])
    assert (await talk.login("acme-own")).startswith("235 ")
    reply = await send(talk, signed(AUTHORED))
    assert reply.startswith("550 5.7.1 This account may not forward")
    talk.writer.close()


async def test_own_mail_with_a_broken_signature_passes_and_is_observed(
    up: tuple[Gateway, Smtpd, Talk], dns: Dns
) -> None:
    gateway, hop, talk = up
    dns.texts("s._domainkey.acme.example", rsa_key().record)
    own = signed(AUTHORED.replace(b"example.org", b"acme.example"), "acme.example")
    assert (await send(talk, own)).startswith("250 ")
    assert (await send(talk, own + b"more\r\n")).startswith("250 ")
    assert [each["code"] for each in decisions(gateway)[-1]["findings"]] == ["SIG-BROKEN"]
    dns.trouble["s._domainkey.news.acme.example"] = "silent"
    assert (
        await send(talk, signed(AUTHORED.replace(b"example.org", b"acme.example"), "news.acme.example"))
    ).startswith("250 ")


async def test_mail_without_a_signature_asks_nothing(up: tuple[Gateway, Smtpd, Talk], dns: Dns) -> None:
    _, _, talk = up
    assert (await send(talk, AUTHORED.replace(b"example.org", b"acme.example"))).startswith("250 ")
    assert (await send(talk, AUTHORED)).startswith("550 5.7.1 ")
    assert dns.keys_asked() == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vouching")]


async def test_a_large_forwarded_message_is_verified_and_others_go_on_meanwhile(
    up: tuple[Gateway, Smtpd, Talk],
) -> None:
    gateway, hop, talk = up
    large = signed(AUTHORED + b"0123456789abcdef 0123456789abcdef 0123456789abcdef 0123456789\r\n" * 100_000)
    late, turns = 0.0, 0

    async def watch() -> None:
        nonlocal late, turns
        while True:
            # What this thread has worked: how long it waited is up to the machine.
            began = time.thread_time()
            await asyncio.sleep(0.005)
            late, turns = max(late, time.thread_time() - began), turns + 1

    facts = facts_of(forwarding=True)
    entry = gateway.directory.get("acme")
    assert entry is not None
    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.02)
    found = await gateway.vouching.complete(facts, Message(large), entry.rules)
    watching.cancel()
    assert found.signatures is not None
    assert found.signatures[0].result == "pass"
    assert late < 0.5 and turns > 3
    assert (await send(talk, large)).startswith("250 ")


async def test_without_resolvers_forwarding_waits_and_own_mail_passes(tmp_path: Path) -> None:
    async with running(tmp_path, customers=customers()) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        assert (await send(talk, signed(AUTHORED))).startswith("451 4.7.5 ")
        evidence = decisions(gateway)[-1]["findings"][0]["evidence"]
        assert evidence == "from domain example.org: no resolver is configured ([dns] servers)"
        own = signed(AUTHORED.replace(b"example.org", b"acme.example"), "acme.example") + b"changed\r\n"
        assert (await send(talk, own)).startswith("250 ")
        talk.writer.close()


async def test_a_forwarded_invitation_passes_where_allowed_and_is_counted(tmp_path: Path) -> None:
    invitation = AUTHORED.replace(
        b"Subject:", b"Sender: bob@acme.example\r\nContent-Type: text/calendar; method=REQUEST\r\nSubject:"
    )
    async with running(tmp_path, customers=customers(forwarded_calendars=True)) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login("acme-own")
        assert (await send(talk, invitation, "bob@acme.example")).startswith("250 ")
        counted = gateway.metrics.registry.get_sample_value(
            "postern_findings_total", {"rule": "FWD-CALENDAR", "action": "observe"}
        )
        assert counted == 1
        talk.writer.close()


NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def facts_of(*, forwarding: bool) -> Facts:
    credential = Credential(username="acme-app", password_hash="$argon2id$x", forwarding=forwarding)
    return Facts(NOW, Customer(id="acme", name="Acme", domains=("acme.example",)), credential, None)


@pytest_asyncio.fixture
async def asking(dns: Dns) -> AsyncIterator[Vouching]:
    resolver = Resolver([dns.address], asyncio.get_running_loop().time)
    found = Vouching(resolver)
    yield found
    found.close()
    await resolver.close()


async def test_nothing_is_verified_that_no_rule_asks_about(asking: Vouching, dns: Dns) -> None:
    off = engine.bind(Policy(actions={"SIG-BROKEN": Action.OFF}))
    on = engine.bind(Policy())
    message, facts = Message(signed(AUTHORED)), facts_of(forwarding=False)
    assert (await asking.complete(facts, message, off)) is facts
    assert (await asking.complete(facts, message, ())) is facts
    assert (await asking.complete(facts, Message(AUTHORED), on)) is facts
    assert dns.keys_asked() == []
    assert (await asking.complete(facts, message, on)).signatures is not None
    assert (await asking.complete(facts_of(forwarding=True), message, off)).signatures is not None


async def test_what_takes_too_long_or_fails_on_our_side_is_away(
    asking: Vouching, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules, message, facts = engine.bind(Policy()), Message(signed(AUTHORED)), facts_of(forwarding=True)

    def broken(*args: object) -> object:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(signatures, "verify", broken)
        found = (await asking.complete(facts, message, rules)).signatures
        assert found is not None
        assert (found[0].result, found[0].why) == ("away", "verifying failed: MemoryError")
    let_go = threading.Event()
    monkeypatch.setattr(vouching, "SECONDS", 0.05)
    monkeypatch.setattr(signatures, "verify", lambda *args: let_go.wait(5) and ("pass", "", 0))
    found = (await asking.complete(facts, message, rules)).signatures
    let_go.set()
    assert found is not None
    assert (found[0].result, found[0].why) == ("away", "verifying it takes too long")


async def test_a_record_that_is_no_key_beside_the_key_does_not_hide_it(asking: Vouching, dns: Dns) -> None:
    dns.texts(KEY_NAME, "v=spf1 -all", rsa_key().record)
    found = await asking.complete(facts_of(forwarding=True), Message(signed(AUTHORED)), engine.bind(Policy()))
    assert found.signatures is not None
    assert found.signatures[0].result == "pass"


async def test_a_message_that_is_gone_meanwhile_is_no_alarm(caplog: pytest.LogCaptureFixture) -> None:
    content = signed(AUTHORED)
    with mmap.mmap(-1, len(content)) as view:
        view.write(content)
        message = Message(view)
        picked = signatures.chosen(signatures.read(message), ())
    found = vouching.verified(message, picked, [(rsa_key().record.encode(),)])
    assert (found[0].result, caplog.records) == ("away", [])


async def test_check_asks_the_same_resolvers(dns: Dns, tmp_path: Path) -> None:
    customer = stored("acme", {"username": "acme-app", "password_hash": HASH, "forwarding": True})
    bob = (Address.parse("bob@recipient.example"),)
    async with running(tmp_path) as (gateway, _, _):
        pipeline = gateway.edge.pipeline
        court = Court(
            Policy(),
            House(frozenset(), b"", {}, {}),
            gateway.registry,
            gateway.links,
            pipeline.desk,
            DnsSettings(servers=(dns.address,)),
        )
        passed = await judge(customer, Sent(None, bob, signed(AUTHORED)), court)
        changed = await judge(customer, Sent(None, bob, signed(AUTHORED) + b"more\r\n"), court)
    assert passed.reply == "250 2.0.0 Accepted"
    assert changed.reply.startswith("550 5.7.1 Foreign From")
    assert dns.keys_asked() == [KEY_NAME] * 2
