"""Signing in a whole gateway: real keys from the registry, real sockets, verified by dkimpy at the next hop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import dkim
import pytest
import pytest_asyncio
from sqlalchemy import update

from config.customers import Credential, Customer
from config.policy import Policy
from consent.dkim_keys import Algorithm, DkimKey
from consent.keys import Secrets
from consent.schema import dkim_keys
from filters.message import Message
from filters.model import Facts
from gateway import signing
from gateway.app import Gateway
from gateway.sign import generate, sign
from gateway.signing import Signing, SigningFailed
from gateway.stores import Stores
from gateway.transform import Change, Trace, change
from tests.rig import registry
from tests.rig.dkim_shapes import shape
from tests.rig.dkim_signing import signed as signed_by_customer
from tests.rig.gateway import Clock, decisions, running
from tests.rig.smtpd import Smtpd
from tests.rig.talk import Talk

NOW = Clock().now
PLAIN = b"From: Ann <ann@acme.example>\r\nTo: bob@recipient.example\r\nBcc: eve@recipient.example\r\n\r\n.Hello\r\n"
BULK = PLAIN.replace(b"Bcc: eve@recipient.example", b"List-Unsubscribe: <https://www.acme.example/u/1>")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """For dkimpy, which reads the clock."""
    monkeypatch.setattr(dkim, "time", SimpleNamespace(time=NOW.timestamp))


@pytest_asyncio.fixture
async def up(tmp_path: Path) -> AsyncIterator[tuple[Gateway, Smtpd, Talk]]:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        assert (await talk.login()).startswith("235 ")
        yield gateway, hop, talk
        talk.writer.close()


def keep(stores: Stores, domain: str = "acme.example", algorithm: Algorithm = "rsa", selector: str = "") -> DkimKey:
    """An active key in the registry."""
    private, public = generate(algorithm)
    key = stores.dkim_keys.add("acme", domain, selector or f"s{algorithm}", algorithm, public, private, NOW)
    stores.dkim_keys.activate(key, NOW)
    return key


async def send(talk: Talk, message: bytes = PLAIN) -> str:
    """The reply to the final dot, or the first that refuses."""
    for command in ("MAIL FROM:<ann@acme.example>", "RCPT TO:<bob@recipient.example>", "DATA"):
        reply = await talk.ask(command)
        if reply[0] not in "23":
            return reply
    return await talk.ask(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")


def verdicts(message: bytes, keys: list[DkimKey]) -> list[bool]:
    """What dkimpy says of each signature."""
    records: Mapping[str, bytes] = {f"{key.name}.": key.record.encode() for key in keys}
    count = len(Message(message).all("dkim-signature"))
    verifier = dkim.DKIM(message)
    return [verifier.verify(at, dnsfunc=lambda name, timeout: records[name.decode()]) for at in range(count)]


async def test_what_arrives_at_the_next_hop_verifies(up: tuple[Gateway, Smtpd, Talk]) -> None:
    gateway, hop, talk = up
    keys = [keep(gateway.stores), keep(gateway.stores, algorithm="ed25519")]
    await gateway.refresh()
    assert (await send(talk)).startswith("250 ")
    arrived = hop.accepted[0].content
    assert verdicts(arrived, keys) == [True, True]
    names = [field.name for field in Message(arrived).fields]
    assert names == ["dkim-signature", "dkim-signature", "received", "message-id", "date", "from", "to"]
    made = decisions(gateway)[-1]["modifications"]
    assert made == [
        "added Message-ID", "added Date", "removed bcc",
        "signed for acme.example: selector srsa, rsa", "signed for acme.example: selector sed25519, ed25519",
    ]  # fmt: skip


async def test_a_large_message_is_signed_from_its_file(up: tuple[Gateway, Smtpd, Talk]) -> None:
    gateway, hop, talk = up
    key = keep(gateway.stores)
    await gateway.refresh()
    large = PLAIN + b"0123456789 \t 12345\r\n" * 40_000 + b"\r\n\r\n"
    assert (await send(talk, large)).startswith("250 ")
    assert verdicts(hop.accepted[0].content, [key]) == [True]


async def test_another_process_makes_a_key_and_open_sessions_use_it_within_five_seconds(
    up: tuple[Gateway, Smtpd, Talk],
) -> None:
    gateway, hop, talk = up
    assert (await send(talk)).startswith("250 ")
    other = Stores.open(gateway.settings)
    key = await asyncio.to_thread(keep, other)
    other.close()
    await hop.until(lambda: "acme.example" in gateway.signing.domains("acme"), 60)
    assert (await send(talk)).startswith("250 ")
    assert [len(Message(each.content).all("dkim-signature")) for each in hop.accepted] == [0, 1]
    assert verdicts(hop.accepted[1].content, [key]) == [True]
    gateway.stores.dkim_keys.remove("acme", "acme.example", key.selector)
    await hop.until(lambda: not gateway.signing.domains("acme"), 60)
    assert (await send(talk)).startswith("250 ")
    assert not Message(hop.accepted[2].content).all("dkim-signature")


async def test_ours_comes_beside_the_customers_own(up: tuple[Gateway, Smtpd, Talk]) -> None:
    gateway, hop, talk = up
    keep(gateway.stores)
    await gateway.refresh()
    assert (await send(talk, signed_by_customer(PLAIN.replace(b"Bcc", b"Cc"), "acme.example"))).startswith("250 ")
    arrived = Message(hop.accepted[0].content)
    assert [b"s=srsa" in each.value for each in arrived.all("dkim-signature")] == [True, False]


async def test_bulk_without_a_key_is_observed_and_with_one_it_is_not(tmp_path: Path) -> None:
    async with running(tmp_path, policy=Policy(mode="observe")) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        assert (await talk.login()).startswith("235 ")
        pending = generate("rsa")
        gateway.stores.dkim_keys.add("acme", "acme.example", "p1", "rsa", pending[1], pending[0], NOW)
        await gateway.refresh()
        assert (await send(talk, BULK)).startswith("250 ")
        assert not Message(hop.accepted[0].content).all("dkim-signature")
        found = {each["code"]: each["evidence"] for each in decisions(gateway)[-1]["findings"]}
        assert found["SIG-UNSIGNED"] == "no active key for acme.example or a domain above it"
        key = keep(gateway.stores, algorithm="ed25519")
        await gateway.refresh()
        assert (await send(talk, BULK)).startswith("250 ")
        assert "SIG-UNSIGNED" not in {each["code"] for each in decisions(gateway)[-1]["findings"]}
        assert verdicts(hop.accepted[1].content, [key]) == [True]
        assert not verdicts(hop.accepted[1].content.replace(b"/u/1", b"/u/2"), [key])[0]
        talk.writer.close()


async def test_what_cannot_be_signed_is_our_fault_and_never_goes_unsigned(
    up: tuple[Gateway, Smtpd, Talk], caplog: pytest.LogCaptureFixture
) -> None:
    gateway, hop, talk = up
    keys = [keep(gateway.stores), keep(gateway.stores, algorithm="ed25519")]
    other = keys[1].sealed
    with gateway.stores.database.writing() as connection:
        # The seal of another key: it opens nowhere but in its own place.
        connection.execute(update(dkim_keys).where(dkim_keys.c.selector == "srsa").values(sealed=other))
    await gateway.refresh()
    assert await send(talk) == "451 4.3.0 Message cannot be signed at present; try again later"
    assert hop.accepted == []
    assert decisions(gateway) == []
    assert gateway.metrics.alarms.labels("signing")._value.get() == 1
    assert "srsa._domainkey.acme.example (customer acme) cannot be used" in caplog.text
    with gateway.stores.database.writing() as connection:
        connection.execute(update(dkim_keys).where(dkim_keys.c.selector == "srsa").values(sealed=keys[0].sealed))
    gateway.signing.update(gateway.stores.dkim_keys.active(["acme"]))
    assert (await send(talk)).startswith("250 ")
    assert verdicts(hop.accepted[0].content, keys) == [True, True]


async def test_mail_of_a_foreign_author_is_not_signed(tmp_path: Path) -> None:
    customer = {
        "id": "acme", "name": "Acme Ltd", "domains": ["acme.example"], "mode": "observe",
        "credentials": [{"networks": ["127.0.0.1/32"]}],
    }  # fmt: skip
    async with running(tmp_path, customers=[customer]) as (gateway, hop, _):
        keep(gateway.stores)
        await gateway.refresh()
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO client.example")
        assert (await send(talk, PLAIN.replace(b"ann@acme.example", b"ann@example.org"))).startswith("250 ")
        assert (await send(talk)).startswith("250 ")
        talk.writer.close()
        assert [len(Message(each.content).all("dkim-signature")) for each in hop.accepted] == [0, 1]


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return registry.secrets(tmp_path)


def active(secrets: Secrets, customer: str = "acme", domain: str = "acme.example") -> DkimKey:
    private, public = generate("ed25519")
    bare = DkimKey(customer, domain, "s", "ed25519", public, "active", NOW)
    sealed = secrets.seal_signing_key(bare.owner, private)
    return DkimKey(customer, domain, "s", "ed25519", public, "active", NOW, NOW, None, sealed)


def facts(customer: str = "acme", domain: str = "acme.example") -> Facts:
    credential = Credential(networks=("192.0.2.1/32",))
    of = Customer(id=customer, name=customer, domains=(domain,), credentials=(credential,))
    return Facts(NOW, of, credential, None, signing_domain=domain)


def test_the_fields_are_those_that_a_reader_finds_in_what_is_sent() -> None:
    odd = [b" folded first line\r\nFrom: a@acme.example\r\n\r\nx", b"\r\nbody only\r\n", b"From: a@acme.example", b"",
           b"From : a@acme.example\r\nBcc: b@acme.example\r\nno colon\r\nTo: c@acme.example\r\n\r\n",
           b"Bcc: b@acme.example\r\nTo: c@acme.example\r\n\td\r\nReturn-Path: <>\r\nCc: e@acme.example\r\n\r\n"]  # fmt: skip
    trace = Trace("client.example", "192.0.2.1", "gw.example", "ESMTPSA", "01KAGV0000AAAAAAAAAAAAAAA1", NOW, b"key")
    for raw in (*odd, *map(shape, range(500))):
        message = Message(raw)
        made = change(message, trace, ("gw.example",))
        read = Message(made.head + raw[made.keep_from :]).fields
        found = signing.sent_fields(message, made)
        assert [each._replace(start=0, end=0) for each in found] == [each._replace(start=0, end=0) for each in read]


async def test_a_small_message_does_not_wait_behind_large_ones(
    secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Signing(secrets)
    held.update({"acme": [active(secrets)], "brand": [active(secrets, "brand", "brand.example")]})
    gate = threading.Event()

    def slow(keys: object, fields: object, raw: bytes, start: int, now: datetime) -> bytes:
        if len(raw) > signing.LARGE:
            assert gate.wait(30)
        return sign(keys, fields, raw, start, now)  # type: ignore[arg-type]

    monkeypatch.setattr(signing, "sign", slow)
    change = Change(b"Received: x\r\n", 0, ())
    large = Message(PLAIN + b"x" * signing.LARGE + b"\r\n")
    waiting = [asyncio.create_task(held.sign(facts(), large, change, NOW)) for _ in range(5)]
    small = await held.sign(facts("brand", "brand.example"), Message(PLAIN), change, NOW)
    assert small.head.startswith(b"DKIM-Signature: ")
    assert not any(task.done() for task in waiting)
    gate.set()
    assert {made.modifications for made in await asyncio.gather(*waiting)} == {
        ("signed for acme.example: selector s, ed25519",)
    }
    held.close()


async def test_a_key_that_was_taken_away_meanwhile_lets_nothing_go_unsigned(secrets: Secrets) -> None:
    held = Signing(secrets)
    held.update({"acme": [active(secrets)]})
    held.update({"acme": []})
    with pytest.raises(SigningFailed, match="taken away meanwhile"):
        await held.sign(facts(), Message(PLAIN), Change(b"", 0, ()), NOW)
    held.close()


async def test_whatever_fails_in_signing_is_told_without_its_text(
    secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Signing(secrets)
    held.update({"acme": [active(secrets)]})

    def broken(*arguments: object) -> bytes:
        raise ValueError("a secret number")

    monkeypatch.setattr(signing, "sign", broken)
    with pytest.raises(SigningFailed) as caught:
        await held.sign(facts(), Message(PLAIN), Change(b"", 0, ()), NOW)
    assert str(caught.value) == "signing for acme.example (customer acme): ValueError"
    assert caught.value.__suppress_context__
    held.close()
