"""Mail to unsubscribe addresses: that it comes is the whole word, and what programs send changes nothing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from consent.address import Address
from consent.database import RegistryDown
from consent.model import State
from consent.store import ConsentStore
from gateway.app import Gateway
from gateway.consents import By, Told
from gateway.leaving import MOST
from tests.rig.gateway import decisions, running
from tests.rig.smtpd import Smtpd
from tests.rig.talk import Talk
from tests.rig.unsubscribing import token_of

BOB = "bob@recipient.example"
INBOUND: dict[str, Any] = {"smtp": {"listeners": [{"address": "127.0.0.1:0", "role": "inbound"}]}}
EMPTY = b"From: bob@recipient.example\r\n\r\n.\r\n"
DONE = "250 2.0.0 Unsubscribed; ref "
NOTHING = "250 2.0.0 Accepted; automatic mail unsubscribes nobody; ref "


@dataclass
class Inbound:
    """A gateway that listens for mail from anybody, and a session with it."""

    gateway: Gateway
    hop: Smtpd
    talk: Talk

    def opted_in(self, *lists: str) -> None:
        customer = self.gateway.stores.customers.get("acme").customer
        for name in lists or ("newsletter",):
            told = Told(State.GIVEN, name, ip="203.0.113.7", source="signup page", notice="signup-3")
            self.gateway.consents.record(customer, Address.parse(BOB), told, By("test", operator=False))

    def mailbox(self, name: str | None = "newsletter", address: str = BOB, customer: str = "acme") -> str:
        token = token_of(self.gateway, address, name, customer)
        return f"{self.gateway.unsubscribe_tokens.make_mailbox(token, self.gateway.clock())}@gw.example"

    async def send(self, *recipients: str, message: bytes = EMPTY, sender: str = BOB) -> list[str]:
        """The replies to each RCPT and, where one was taken, to the final dot."""
        await self.talk.ask(f"MAIL FROM:<{sender}>")
        replies = [await self.talk.ask(f"RCPT TO:<{each}>") for each in recipients]
        if any(each.startswith("250") for each in replies):
            assert (await self.talk.ask("DATA")).startswith("354 ")
            replies.append(await self.talk.ask(message))
        else:
            await self.talk.ask("RSET")
        return replies

    def stopped(self, name: str = "newsletter") -> bool:
        customer = self.gateway.stores.customers.get("acme").customer
        (decision,) = self.gateway.consents.check(customer, [Address.parse(BOB)], name)
        return decision.reason == "WITHDRAWN"

    def events(self) -> list[Any]:
        history = self.gateway.stores.consents.history("acme", Address.parse(BOB))
        return [each.event for each in history if each.event.state is State.WITHDRAWN]


@pytest_asyncio.fixture
async def inbound(tmp_path: Path) -> AsyncIterator[Inbound]:
    async with running(tmp_path, settings=INBOUND) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO mail.recipient.example")
        found = Inbound(gateway, hop, talk)
        found.opted_in()
        yield found
        talk.writer.close()


@pytest.mark.parametrize(
    "message",
    [
        EMPTY,
        b"Subject: unsubscribe\r\n\r\n\r\n.\r\n",
        b"Subject: KEEP ME\r\nAuto-Submitted: no\r\n\r\nI do not want to leave\r\n.\r\n",
    ],
)
async def test_a_mail_unsubscribes_whatever_it_says(inbound: Inbound, message: bytes) -> None:
    rcpt, dot = await inbound.send(inbound.mailbox(), message=message)
    assert rcpt == "250 2.1.5 Recipient ok"
    assert dot.startswith(DONE)
    (event,) = inbound.events()
    assert (event.list, event.reason, event.entity) == ("newsletter", "mailto", "recipient")
    assert inbound.stopped()
    assert inbound.hop.accepted == []
    assert "MAIL" not in inbound.hop.commands
    # Once more is answered alike and records nothing; a change of case on the way makes no difference.
    (_, dot) = await inbound.send(inbound.mailbox().upper())
    assert dot.startswith(DONE)
    assert len(inbound.events()) == 1


@pytest.mark.parametrize("name", [None, "spring"])
async def test_everything_or_another_list_is_what_its_address_says(inbound: Inbound, name: str | None) -> None:
    inbound.opted_in("spring")
    assert (await inbound.send(inbound.mailbox(name)))[-1].startswith(DONE)
    assert (inbound.stopped(), inbound.stopped("spring")) == (name is None, True)


@pytest.mark.parametrize(
    ("message", "sender"),
    [
        (EMPTY, ""),
        (b"Auto-Submitted: auto-replied\r\n\r\nI am away\r\n.\r\n", BOB),
        (b"Auto-Submitted: auto-generated\r\n\r\n.\r\n", BOB),
        (b"X-Autoreply: yes\r\nSubject: away\r\n\r\n.\r\n", BOB),
        (b"From: MAILER-DAEMON@recipient.example\r\n\r\nfailed\r\n.\r\n", BOB),
        (b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\n\r\n--x--\r\n.\r\n", BOB),
    ],
)
async def test_what_programs_send_changes_nothing(inbound: Inbound, message: bytes, sender: str) -> None:
    assert (await inbound.send(inbound.mailbox(), message=message, sender=sender))[-1].startswith(NOTHING)
    assert inbound.events() == []


async def test_asking_whether_the_address_exists_changes_nothing(inbound: Inbound) -> None:
    await inbound.talk.ask(f"MAIL FROM:<{BOB}>")
    assert (await inbound.talk.ask(f"RCPT TO:<{inbound.mailbox()}>")).startswith("250 ")
    await inbound.talk.ask("RSET")
    assert inbound.events() == []


async def test_what_bears_no_token_of_ours_is_refused_like_any_other(inbound: Inbound) -> None:
    good = inbound.mailbox()
    for wrong in (
        good[:-12] + ("b" if good[-12] == "a" else "a") + good[-11:],
        good.replace("u+", "v+"),
        good.replace("gw.example", "acme.example"),
        "u+@gw.example",
    ):
        (reply,) = await inbound.send(wrong)
        assert reply == "550 5.7.1 Only postmaster and abuse are received here"


async def test_one_that_stands_for_nothing_on_record_is_told_so(inbound: Inbound) -> None:
    for mailbox in (
        inbound.mailbox("never"),
        inbound.mailbox(address="eve@recipient.example"),
        inbound.mailbox(customer="nets"),
    ):
        assert (await inbound.send(mailbox))[-1].startswith("550 5.7.1 ")
    assert decisions(inbound.gateway)[-1]["findings"][0]["code"] == "RELAY"


async def test_a_transaction_is_for_one_kind_of_address(inbound: Inbound) -> None:
    replies = await inbound.send(inbound.mailbox(), "abuse@gw.example")
    assert [each[:9] for each in replies] == ["250 2.1.5", "452 4.5.3", "250 2.0.0"]
    assert inbound.stopped()
    assert inbound.hop.accepted == []
    replies = await inbound.send("abuse@gw.example", inbound.mailbox())
    assert [each[:9] for each in replies[:2]] == ["250 2.1.5", "452 4.5.3"]
    assert len(inbound.hop.accepted) == 1
    replies = await inbound.send(*[inbound.mailbox()] * (MOST + 1))
    assert [each[:3] for each in replies] == ["250"] * MOST + ["452", "250"]


async def test_it_is_recorded_and_the_decision_has_its_outcome(inbound: Inbound) -> None:
    await inbound.send(inbound.mailbox())
    await inbound.talk.ask("QUIT")
    await inbound.gateway.stop()
    decision = decisions(inbound.gateway)[-1]
    assert (decision["customer"], decision["verdict"], decision["outcome"]["outcome"]) == (None, "accept", "accepted")
    assert decision["outcome"]["told"]


async def test_while_the_registry_is_away_the_sender_keeps_it(
    inbound: Inbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*args: object, **kwargs: object) -> None:
        raise RegistryDown("away")

    with monkeypatch.context() as away:
        away.setattr(ConsentStore, "keys", down)
        reply = (await inbound.send(inbound.mailbox()))[-1]
        assert reply.startswith("451 4.3.0 This cannot be recorded now; try again later; ref ")
    assert inbound.events() == []


async def test_bytes_that_no_mail_may_have_are_refused(inbound: Inbound) -> None:
    assert (await inbound.send(inbound.mailbox(), message=b"Subject: a\r\n\r\nbare\nline\r\n.\r\n"))[-1].startswith(
        "554 5.6.0 "
    )
    assert inbound.events() == []
