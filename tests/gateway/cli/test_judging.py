"""What `postern check` says is what SMTP answers, and of bulk mail why."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from config.customers import Customer
from config.limits import LimitsPolicy
from config.policy import MessageBounds, Policy
from consent.address import Address
from consent.database import RegistryDown
from consent.mailing import Class
from gateway.app import Gateway
from gateway.cli.judging import Checked, Court, Sent, judge
from gateway.registry import RegistryAway
from gateway.smtp.wire import stuff
from tests.gateway.cli.conftest import acme
from tests.gateway.cli.test_check import CLEAN
from tests.rig.bulk import BULK_CUSTOMERS, campaign, consents, withdraws
from tests.rig.cases import Case, all_cases
from tests.rig.gateway import running
from tests.rig.talk import Talk

POLICY = Policy(message=MessageBounds(max_bytes=64 * 1024, max_header_bytes=16 * 1024, max_received=10))
OTHER = {"id": "other", "name": "Other", "domains": ["other.example"]}
BOB = Address.parse("bob@recipient.example")


def messages() -> Iterator[Case]:
    """The rule cases, what the edge refuses, and what becomes of both when octets are changed."""
    clean = CLEAN.replace("\n", "\r\n").encode()
    edge = {
        "clean": clean,
        "bare LF": clean + b"a\nb\r\n",
        "bare CR": clean + b"a\rb\r\n",
        "NUL": clean + b"a\0b\r\n",
        "dots": b".\r\n..\r\n" + clean + b".\r\n..\r\n.x\r\n",
        "a dot at the start of a field": b"." + clean,
        "no body": clean.partition(b"\r\n\r\n")[0] + b"\r\n",
        "nothing": b"\r\n",
        "large": clean + b"x" * (64 * 1024) + b"\r\n",
        "as large as it may be": clean + b"x" * (64 * 1024 - len(clean) - 2) + b"\r\n",
        "header block too large": b"X: " + b"x" * 17_000 + b"\r\n" + clean,
        "loop": b"Received: from a by b\r\n" * 11 + clean,
        "nearly a loop": b"Received: from a by b\r\n" * 10 + clean,
        "reverse-path and header": b"Date: x\r\n" + clean,
    }
    for title, message in edge.items():
        yield Case(title, "edge", message=message)
        yield Case(title, "edge, foreign reverse-path", mail_from="eve@evil.example", message=message)
        yield Case(title, "edge, observed", mode="observe", mail_from="<>", message=message)
    cases = all_cases()
    yield from cases
    chance = random.Random(20)
    for number in range(120):
        case = chance.choice(cases)
        octets = bytearray(case.message)
        for _ in range(chance.randint(1, 3)):
            piece = chance.choice(
                [b"\r\n", b"\n", b"\r", b"\0", b":", b" ", b"\r\n.", b"\xff", b"From: x@y.example\r\n", b"@"]
            )
            at = chance.randint(0, len(octets))
            octets[at:at] = piece
        yield replace(case, title=f"{case.title}, changed {number}", message=bytes(octets) + b"\r\n")


async def over_smtp(gateway: Gateway, case: Case) -> tuple[str, str]:
    """When and what a real session answers, without the reference."""
    host, _, port = gateway.smtp_addresses[0].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), local_addr=("127.0.0.2", 0))

    async def reply(octets: bytes) -> str:
        writer.write(octets)
        while (line := await asyncio.wait_for(reader.readline(), 60))[3:4] == b"-":
            pass
        return line.decode().strip().partition("; ref ")[0]

    try:
        await reply(b"")
        await reply(b"EHLO client.example\r\n")
        answer = await reply(f"MAIL FROM:<{case.mail_from.strip('<>')}>\r\n".encode())
        if not answer.startswith("250"):
            return "MAIL", answer
        answer = await reply(b"RCPT TO:<bob@recipient.example>\r\n")
        if not answer.startswith("250"):
            return "RCPT", answer
        assert (await reply(b"DATA\r\n")).startswith("354")
        return "DATA", await reply(stuff(case.message, line_start=True) + b".\r\n")
    finally:
        writer.close()


def thought(case: Case) -> Sent:
    path = None if case.mail_from == "<>" else Address.parse(case.mail_from)
    return Sent(path, (BOB,), case.message)


def court(gateway: Gateway, policy: Policy) -> Court:
    """What the gateway itself judges with."""
    pipeline = gateway.edge.pipeline
    return Court(policy, pipeline.house, gateway.registry, gateway.links, pipeline.desk, clock=gateway.clock)


def holders(case: Case) -> list[Customer]:
    """The other customers of a case."""
    held = {holder: [domain for domain, each in case.held if each == holder] for _, holder in case.held if holder}
    return [Customer(id=each, name=each, domains=tuple(domains)) for each, domains in held.items()]


async def test_check_says_what_smtp_answers(tmp_path: Path) -> None:
    network = {"networks": ["127.0.0.2/32"]}
    # All cases of an hour that stands still write to one mailbox.
    policy = POLICY.model_copy(update={"limits": LimitsPolicy(exempt_recipients=("recipient.example",))})
    async with running(tmp_path, customers=[OTHER], policy=policy) as (gateway, _, _):
        store = gateway.stores.customers
        for case in messages():
            others = holders(case)
            store.apply([case.sender(network), *others], gateway.clock())
            gateway.changes.load()
            checked = await judge(store.get("acme"), thought(case), court(gateway, policy))
            assert (checked.answered, checked.reply) == await over_smtp(gateway, case), (case.file, case.title)
            # The next case may give these domains to somebody else.
            store.apply(
                [other.model_copy(update={"domains": (f"{other.id}.test",)}) for other in others], gateway.clock()
            )


async def test_check_says_what_smtp_answers_a_suspended_customer(tmp_path: Path) -> None:
    async with running(tmp_path, customers=[OTHER]) as (gateway, _, _):
        store = gateway.stores.customers
        store.apply([acme()], gateway.clock())
        store.suspend("acme", "phishing", gateway.clock())
        gateway.changes.load()
        case = next(messages())
        checked = await judge(store.get("acme"), thought(case), court(gateway, Policy()))
        assert (checked.answered, checked.reply) == await over_smtp(gateway, case)


class Sender:
    """Asks what would become of a campaign, and sends it."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    async def checked(
        self, *to: str, user: str | None = "acme-bulk", message: bytes | None = None, path: str = "news@acme.example"
    ) -> Checked:
        data = (message or campaign(to[0])).removesuffix(b".\r\n")
        sent = Sent(Address.parse(path), tuple(map(Address.parse, to)), data, username=user)
        stored = self.gateway.stores.customers.get("acme")
        return await judge(stored, sent, court(self.gateway, self.gateway.policy))

    async def answers(self, *to: str, user: str = "acme-bulk", message: bytes | None = None) -> list[str]:
        """What SMTP answers to each RCPT and, where one was accepted, to the final dot; without references."""
        talk = await Talk.to(self.gateway.smtp_addresses[0])
        try:
            await talk.login(user)
            await talk.ask("MAIL FROM:<news@acme.example>")
            replies = [await talk.ask(f"RCPT TO:<{each}>") for each in to]
            if any(reply.startswith("250 ") for reply in replies):
                await talk.ask("DATA")
                replies.append(await talk.ask(message or campaign(to[0])))
            return [each.partition("; ref ")[0] for each in replies]
        finally:
            talk.writer.close()


@pytest_asyncio.fixture
async def sender(tmp_path: Path) -> AsyncIterator[Sender]:
    http = {"address": "127.0.0.1:0", "public_url": "https://unsubscribe.example"}
    async with running(tmp_path, customers=BULK_CUSTOMERS, settings={"http": http}) as (gateway, _, _):
        yield Sender(gateway)


YES, NO, LEFT = "yes@recipient.example", "no@recipient.example", "left@recipient.example"


async def test_on_a_bulk_credential_each_recipient_is_decided_about_at_rcpt(sender: Sender) -> None:
    await consents(sender.gateway, YES, LEFT)
    await withdraws(sender.gateway, LEFT)
    checked = await sender.checked(YES, NO, LEFT)
    assert checked.classed is not None
    assert (checked.classed.message_class, checked.classed.basis) == (Class.BULK, "stream bulk")
    assert (checked.list, checked.party, checked.clustered) == ("spring", "acme", False)
    said = [(each.at, each.refused.code if each.refused else None) for each in checked.recipients]
    assert said == [("DATA", None), ("RCPT", "NO-CONSENT"), ("RCPT", "WITHDRAWN")]
    ground = checked.recipients[0].decision
    assert ground is not None and ground.ground is not None and ground.ground.kind == "express"
    replies = await sender.answers(YES, NO, LEFT)
    assert [str(each.refused.reply) for each in checked.recipients if each.refused] == replies[1:3]
    assert checked.reply == replies[-1]


async def test_where_nobody_is_left_it_ends_at_rcpt_and_the_rest_is_told(sender: Sender) -> None:
    bare = b"From: news@acme.example\r\n\r\nOffers\r\n.\r\n"
    checked = await sender.checked(NO, message=bare)
    assert (checked.answered, [checked.reply]) == ("RCPT", await sender.answers(NO, message=bare))
    assert "CONTENT-UNSUB" in [each.code for each in checked.also]


@pytest.mark.parametrize("user", ["acme-app", "acme-receipts"])
async def test_on_other_credentials_declared_bulk_mail_is_refused_whole_at_the_dot(sender: Sender, user: str) -> None:
    await consents(sender.gateway, YES)
    listed = campaign(YES, fields=["List-Id: <spring.acme.example>"])
    passed = await sender.checked(YES, user=user, message=listed)
    assert (passed.answered, passed.reply, passed.list) == ("DATA", "250 2.0.0 Accepted", "spring")
    assert passed.classed is not None and passed.classed.basis == "declared: List-Id"
    assert passed.clustered
    both = await sender.checked(YES, NO, user=user, message=listed)
    assert [each.refused.code if each.refused else None for each in both.recipients] == [None, "NO-CONSENT"]
    assert list({each.at for each in both.recipients}) == ["DATA"]
    assert (await sender.answers(YES, NO, user=user, message=listed))[-1] == both.reply
    assert both.reply.startswith("550 5.7.1 No consent")


async def test_the_list_behind_the_username_is_the_messages(sender: Sender) -> None:
    await consents(sender.gateway, YES, name="autumn")
    passed = await sender.checked(YES, user="acme-bulk+autumn")
    assert (passed.list, passed.reply) == ("autumn", "250 2.0.0 Accepted")
    none = await sender.checked(YES, user="acme-lists")
    assert (none.list, none.reply) == (None, (await sender.answers(YES, user="acme-lists"))[-1])
    assert none.recipients[0].refused is not None and none.recipients[0].refused.code == "SCOPE"


async def test_bulk_mail_is_held_to_what_it_must_hold(sender: Sender) -> None:
    await consents(sender.gateway, YES)
    for message in (
        b"From: news@acme.example\r\n\r\nOffers\r\n.\r\n",
        campaign(YES, fields=["List-Id: <autumn.acme.example>"]),
        campaign(YES, fields=["List-Id: <spring.other.example>"]),
        campaign(YES),
    ):
        checked = await sender.checked(YES, message=message)
        assert [checked.reply] == (await sender.answers(YES, message=message))[1:]
    complete = await sender.checked(YES)
    assert "SIG-UNSIGNED" in [each.code for each in complete.verdict.findings]
    personal = await sender.checked(YES, user="acme-app", message=b"From: ann@acme.example\r\n\r\nHello\r\n.\r\n")
    assert personal.verdict.findings == ()
    assert personal.recipients[0].decision is None
    assert personal.classed is not None and personal.classed.message_class is Class.PERSONAL


async def test_a_link_of_ours_is_known_in_it(sender: Sender) -> None:
    await consents(sender.gateway, YES)
    gateway = sender.gateway
    entry = gateway.directory.get("acme")
    assert entry is not None
    link = gateway.links.make(
        entry.customer, "spring", Address.parse(YES), "01KAGV0000AAAAAAAAAAAAAAA1", gateway.clock()
    )
    ours = campaign(YES).replace(b"https://www.acme.example/unsubscribe?t=1", link.url.encode())
    assert (await sender.checked(YES, message=ours)).reply == "250 2.0.0 Accepted"
    await consents(gateway, NO)
    others = await sender.checked(NO, message=ours)
    assert [others.reply] == (await sender.answers(NO, message=ours))[1:]
    assert others.reply.startswith("550 ")


async def test_the_operators_desk_needs_no_ground(sender: Sender) -> None:
    checked = await sender.checked("postmaster@gw.example")
    assert checked.reply == "250 2.0.0 Accepted"
    assert (await sender.answers("postmaster@gw.example"))[-1].startswith("250 2.0.0 Accepted")


async def test_a_registry_that_does_not_answer_is_said(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise RegistryDown("registry: no answer")

    monkeypatch.setattr(sender.gateway.consents.store, "known", away)
    with pytest.raises(RegistryAway):
        await sender.checked(YES)
    personal = b"From: ann@acme.example\r\n\r\nHello\r\n.\r\n"
    assert (await sender.checked(YES, user="acme-app", message=personal)).reply == "250 2.0.0 Accepted"
