"""Limits in whole transactions: what is given back, what counts, what stands in the audit."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from config.limits import LimitsPolicy
from config.policy import Policy
from gateway.app import Gateway
from gateway.audit.errors import JournalFull
from gateway.logbook import MOST
from gateway.smtp import replies
from tests.rig.gateway import HASH, decisions, running
from tests.rig.smtpd import CUT, Later, Smtpd
from tests.rig.talk import CLEAN, Talk

FORGED = b"From: ceo@bank.example\r\n\r\nbody\r\n.\r\n"
THREE = {"recipients_per_hour": 3, "messages_per_hour": 3, "bytes_per_hour": 300}


@asynccontextmanager
async def limited(
    folder: Path, *, hop: Smtpd | None = None, settings: dict[str, Any] | None = None, **limits: Any
) -> AsyncIterator[tuple[Gateway, Smtpd, Talk]]:
    """A gateway with a policy's limits, and an authenticated client."""
    policy = Policy(limits=LimitsPolicy.model_validate(limits or {"customer": THREE}))
    async with running(folder, hop=hop, policy=policy, settings=settings) as (gateway, next_hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        assert (await talk.login()).startswith("235 ")
        try:
            yield gateway, next_hop, talk
        finally:
            talk.writer.close()


async def used(gateway: Gateway) -> dict[str, int]:
    """What is used of the customer's limits, by measure."""
    entry = gateway.directory.get("acme")
    assert entry is not None
    return {each.measure: each.used for each in await gateway.usage(entry.customer) if each.scope == "customer"}


async def until_used(gateway: Gateway, expected: dict[str, int]) -> None:
    async with asyncio.timeout(60):
        while await used(gateway) != expected:  # noqa: ASYNC110 - nobody signals it
            await asyncio.sleep(0.005)


NOTHING = {"messages": 0, "recipients": 0, "bytes": 0}
ONE = {"messages": 1, "recipients": 1, "bytes": len(CLEAN) - 3}


async def rcpt(talk: Talk, *addresses: str, parameters: str = "") -> list[str]:
    """MAIL, then the replies to these RCPTs."""
    assert (await talk.ask(f"MAIL FROM:<ann@acme.example>{parameters}")).startswith("250 ")
    return [await talk.ask(f"RCPT TO:<{address}@recipient.example>") for address in addresses]


async def test_what_passes_counts_once(tmp_path: Path) -> None:
    async with limited(tmp_path) as (gateway, _, talk):
        await talk.up_to_data()
        assert await used(gateway) == {"messages": 0, "recipients": 1, "bytes": 0}
        assert (await talk.ask(CLEAN)).startswith("250 ")
        assert await used(gateway) == ONE


async def test_rset_ehlo_and_a_client_that_is_gone_give_the_room_back(tmp_path: Path) -> None:
    async with limited(tmp_path) as (gateway, _, talk):
        for command in ("RSET", "EHLO client.example"):
            await rcpt(talk, "a", "b", "c")
            assert (await used(gateway))["recipients"] == 3
            await talk.ask(command)
            assert await used(gateway) == NOTHING
        await rcpt(talk, "a", "b")
        await talk.ask("DATA")
        talk.writer.transport.abort()
        await until_used(gateway, NOTHING)


@pytest.mark.parametrize(
    ("moment", "act", "code", "counts"),
    [
        ("DOT", "452 4.3.1 Full", "452", False),
        ("DOT", "554 5.6.0 Refused", "554", False),
        ("DATA", "451 4.3.0 No", "451", False),
        ("DATA", CUT, "451", False),
        ("DOT", CUT, "451", True),
    ],
    ids=["deferred", "refused", "no DATA", "lost before the dot", "lost after the dot: unknown"],
)
async def test_what_the_next_hop_makes_of_it(tmp_path: Path, moment: str, act: Any, code: str, counts: bool) -> None:
    async with limited(tmp_path) as (gateway, hop, talk):
        hop.on(moment, act)
        await talk.up_to_data()
        reply = await talk.ask(CLEAN)
        assert reply.startswith(code), reply
        assert await used(gateway) == (ONE if counts else NOTHING)


async def test_what_fails_or_refuses_with_us_gives_the_room_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("secret")

    async def full(record: object) -> int:
        raise JournalFull("no space")

    async with limited(tmp_path) as (gateway, _, talk):
        for target, replacement, code in (
            ("gateway.transform.change", broken, "451 4.3.0"),
            ("gateway.transaction.evaluate", broken, "451 4.3.0"),
            ("gateway.audit.journal.Journal.append", full, "452 4.3.1"),
        ):
            await talk.up_to_data()
            with monkeypatch.context() as patch:
                patch.setattr(
                    target, replacement if target.startswith("gateway.tr") else lambda self, record: full(record)
                )
                assert (await talk.ask(CLEAN)).startswith(code)
            assert await used(gateway) == NOTHING
        await talk.up_to_data()
        assert (await talk.ask(FORGED)).startswith("550 ")
        await talk.up_to_data()
        assert (await talk.ask(b"no header\n\r\n.\r\n")).startswith("554 ")
        assert await used(gateway) == NOTHING


async def test_policy_may_count_what_is_refused_for_good(tmp_path: Path) -> None:
    async with limited(tmp_path, customer=THREE, count_refused=True) as (gateway, hop, talk):
        await talk.up_to_data()
        assert (await talk.ask(FORGED)).startswith("550 ")
        hop.on("DOT", "554 5.6.0 Refused")
        await talk.up_to_data()
        assert (await talk.ask(CLEAN)).startswith("554 ")
        found = await used(gateway)
        assert (found["messages"], found["recipients"]) == (2, 2)


async def test_a_decision_that_takes_too_long_gives_the_room_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with limited(tmp_path, settings={"limits": {"decision_timeout": 0.1}}) as (gateway, _, talk):
        await talk.up_to_data()

        async def never(record: object) -> int:
            await asyncio.Event().wait()
            return 0

        with monkeypatch.context() as patch:
            patch.setattr(gateway.journal, "append", never)
            assert (await talk.ask(CLEAN)).startswith("451 4.4.1 ")
        assert await used(gateway) == NOTHING


async def test_a_repeat_of_what_the_next_hop_has_costs_nothing_again(tmp_path: Path) -> None:
    one: dict[str, Any] = {"customer": {"messages_per_hour": 1, "recipients_per_hour": 2, "bytes_per_hour": 100}}
    async with limited(tmp_path, **one) as (gateway, hop, talk):
        hop.on("DOT", Later(0.3))
        await talk.up_to_data()
        talk.writer.write(CLEAN)
        await hop.until(lambda: bool(gateway.repeats._on_the_way))
        talk.writer.close()
        await hop.until(lambda: bool(gateway.repeats._known))
        assert await used(gateway) == ONE
        again = await Talk.to(gateway.smtp_addresses[0])
        await again.login()
        await again.up_to_data()
        # The message's limit is used up: only what has passed already passes again.
        assert (await again.ask(CLEAN)).startswith("250 2.0.0 Accepted already")
        assert await used(gateway) == ONE
        again.writer.close()


async def test_with_prdr_only_what_goes_on_is_counted(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"customer": THREE, "recipient_by_customer": {"bytes_per_hour": len(CLEAN) - 3}}
    async with limited(tmp_path, **limits) as (gateway, hop, talk):
        await rcpt(talk, "bob")
        await talk.ask("DATA")
        assert (await talk.ask(CLEAN)).startswith("250 ")
        await rcpt(talk, "bob", "carol", parameters=" PRDR")
        await talk.ask("DATA")
        assert (await talk.ask(CLEAN)).startswith("353 ")
        answers = [await talk.reply() for _ in range(3)]
        assert [answer[:10] for answer in answers] == ["450 4.7.28", "250 2.0.0 ", "250 2.0.0 "]
        assert hop.accepted[-1].recipients == ("carol@recipient.example",)
        assert (await used(gateway))["recipients"] == 2
        await rcpt(talk, "bob", "dave")
        await talk.ask("DATA")
        assert (await talk.ask(CLEAN)).startswith("450 4.7.28 ")
        found = await used(gateway)
        assert (found["recipients"], found["messages"]) == (2, 2)


async def test_what_cannot_be_signed_gives_the_room_back_with_prdr_too(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"customer": THREE, "recipient_by_customer": {"bytes_per_hour": len(CLEAN) - 3}}
    async with limited(tmp_path, **limits) as (gateway, hop, talk):
        await talk.up_to_data()
        assert (await talk.ask(CLEAN)).startswith("250 ")
        keys, now = gateway.stores.dkim_keys, gateway.clock()
        keys.activate(keys.add("acme", "acme.example", "s1", "rsa", "cHVi", b"no private key", now), now)
        await gateway.refresh()
        await rcpt(talk, "carol")
        await talk.ask("DATA")
        assert await talk.ask(CLEAN) == str(replies.NOT_SIGNED)
        assert await used(gateway) == ONE
        # There is no room for bob, and carol alone would get it: of that nothing is said now.
        await rcpt(talk, "bob", "carol", parameters=" PRDR")
        await talk.ask("DATA")
        assert (await talk.ask(CLEAN)).startswith("353 ")
        assert [await talk.reply() for _ in range(3)] == [str(replies.NOT_SIGNED)] * 3
        assert await used(gateway) == ONE
        assert len(hop.accepted) == len(decisions(gateway)) == 1
        keys.remove("acme", "acme.example", "s1")
        await gateway.refresh()
        await rcpt(talk, "bob", "carol", parameters=" PRDR")
        await talk.ask("DATA")
        assert (await talk.ask(CLEAN)).startswith("353 ")
        assert [(await talk.reply())[:3] for _ in range(3)] == ["450", "250", "250"]
        assert hop.accepted[-1].recipients == ("carol@recipient.example",)
        assert (await used(gateway))["recipients"] == 2


async def test_an_address_named_twice_counts_twice(tmp_path: Path) -> None:
    async with limited(tmp_path, recipient_by_customer={"messages_per_hour": 3}) as (_, hop, talk):
        replies = await rcpt(talk, "bob", "BOB", "bob", "bob")
        assert [reply[:3] for reply in replies] == ["250", "250", "250", "450"]


async def test_the_next_hop_is_not_asked_for_what_a_limit_refuses(tmp_path: Path) -> None:
    async with limited(tmp_path, customer={"recipients_per_hour": 0}) as (_, hop, talk):
        assert (await rcpt(talk, "bob"))[0].startswith("450 4.7.0 ")
        assert not [each for each in hop.commands if each.startswith(("MAIL", "RCPT"))]


async def test_the_audit_has_the_first_refusal_at_once_and_the_others_when_the_transaction_ends(
    tmp_path: Path,
) -> None:
    async with limited(tmp_path, customer={"recipients_per_hour": 1}) as (gateway, hop, talk):
        replies = await rcpt(talk, "a", "b", "c", "d")
        (record,) = decisions(gateway)
        assert replies[1].endswith(record["reference"])
        assert len(set(replies[1:])) == 1
        assert (record["phase"], record["verdict"], record["clauses"]) == ("rcpt", "defer", ["MP-1d"])
        assert record["recipients"] == ["b@recipient.example"]
        (finding,) = record["findings"]
        assert (finding["code"], finding["action"]) == ("QUOTA", "defer")
        assert finding["evidence"].startswith("customer (acme): 1 recipients per hour; may pass in ")
        await talk.ask("DATA")
        assert (await talk.ask(CLEAN)).startswith("250 ")
        # What is left is written with the next group.
        await hop.until(lambda: len(decisions(gateway)) == 3, 60)
        records = decisions(gateway)
        assert [each["recipients"] for each in records if each["verdict"] == "defer"] == [
            ["b@recipient.example"],
            ["c@recipient.example", "d@recipient.example"],
        ]


async def test_who_hammers_at_a_limit_does_not_fill_the_audit_and_keeps_the_session(tmp_path: Path) -> None:
    async with limited(tmp_path, customer={"recipients_per_hour": 0}) as (gateway, _, talk):
        references = set()
        for _ in range(MOST + 20):
            (reply,) = await rcpt(talk, "bob")
            assert reply.startswith("450 4.7.0 ")
            references.add(reply[-26:])
            await talk.ask("RSET")
        records = decisions(gateway)
        assert len(records) == MOST
        assert references == {each["reference"] for each in records}
        value = gateway.metrics.registry.get_sample_value
        labels = {"scope": "customer", "measure": "recipients", "window": "hour"}
        assert value("postern_limited_total", labels) == MOST + 20


async def test_another_customers_mail_passes_beside_one_at_its_limit(tmp_path: Path) -> None:
    async with limited(tmp_path, customer={"recipients_per_hour": 1}) as (gateway, _, talk):
        await talk.up_to_data()
        assert (await talk.ask(CLEAN)).startswith("250 ")
        assert (await rcpt(talk, "bob"))[0].startswith("450 ")
        other = await Talk.to(gateway.smtp_addresses[0], local_addr=("127.0.0.2", 0))
        await other.ask("EHLO nets.example")
        await other.ask("MAIL FROM:<ann@nets.example>")
        assert (await other.ask("RCPT TO:<bob@recipient.example>")).startswith("250 ")
        other.writer.close()


async def test_strangers_and_customers_may_write_to_the_operator_at_any_limit(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"operator": {"recipients_per_hour": 0}, "customer": {"messages_per_hour": 0}}
    listeners = [{"address": "127.0.0.1:0", "auth_without_tls": True}, {"address": "127.0.0.1:0", "role": "inbound"}]
    async with limited(tmp_path, settings={"smtp": {"listeners": listeners}}, **limits) as (gateway, _, talk):
        stranger = await Talk.to(gateway.smtp_addresses[1])
        await stranger.ask("EHLO other.example")
        for each, sender in ((talk, "ann@acme.example"), (stranger, "bob@other.example")):
            assert (await each.ask(f"MAIL FROM:<{sender}>")).startswith("250 ")
            assert (await each.ask("RCPT TO:<abuse@gw.example>")).startswith("250 ")
            await each.ask("DATA")
            assert (await each.ask(f"From: {sender}\r\n\r\nhelp\r\n.\r\n".encode())).startswith("250 ")
        stranger.writer.close()
        (reply,) = await rcpt(talk, "bob")
        assert reply.startswith("450 4.7.0 Limit of this gateway reached; not as long as")


async def test_a_mail_bomb_of_five_customers_is_stopped_and_a_sixths_message_passes(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(6)]
    customers: list[dict[str, Any]] = [
        {
            "id": name,
            "name": name,
            "domains": [f"{name}.example"],
            "credentials": [{"username": f"{name}-{n}", "password_hash": HASH} for n in range(4)],
        }
        for name in names
    ]
    policy = Policy(limits=LimitsPolicy.model_validate({"recipient_by_all": {"messages_per_hour": 50}}))

    async def opened(gateway: Gateway, name: str, credential: int) -> Talk:
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login(f"{name}-{credential}")
        return talk

    async def one(talk: Talk, name: str) -> str:
        assert (await talk.ask(f"MAIL FROM:<ann@{name}.example>")).startswith("250 ")
        reply = await talk.ask("RCPT TO:<victim@recipient.example>")
        if reply.startswith("250 "):
            await talk.ask("DATA")
            assert (await talk.ask(f"From: ann@{name}.example\r\n\r\nx\r\n.\r\n".encode())).startswith("250 ")
        else:
            await talk.ask("RSET")
        return reply[:10]

    async with running(tmp_path, policy=policy, customers=customers) as (gateway, hop, _):
        talks = [[await opened(gateway, name, n) for name in names] for n in range(4)]
        replies: Counter[str] = Counter()
        # The five keep step: one that was ahead of the others would have had more than its share when they came, and
        # they would have theirs all the same.
        for _ in range(10):
            for each in talks:
                replies += Counter(await asyncio.gather(*map(one, each[:5], names[:5])))
        assert replies["250 2.1.5 "] == len(hop.accepted) == 50
        assert replies["450 4.7.28"] == 150
        found = [each for each in decisions(gateway) if each["findings"]]
        assert {each["findings"][0]["code"] for each in found} == {"FLOOD-RCPT"}
        assert {each["customer"] for each in found} <= set(names[:5])
        assert "recipient_by_all (one at recipient.example): 50 messages per hour" in str(found[0]["findings"])
        assert await one(talks[0][5], "c5") == "250 2.1.5 "
        for talk in (talk for each in talks for talk in each):
            talk.writer.close()


SESSIONS = 64
CAP = 100


@pytest.mark.parametrize("every", [0, 5], ids=["all taken", "every fifth refused"])
async def test_of_64_sessions_at_once_exactly_the_cap_arrives(tmp_path: Path, every: int) -> None:
    async with Smtpd(every=every) as server:
        async with limited(tmp_path, hop=server, customer={"recipients_per_hour": CAP}) as (gateway, hop, _):
            left = [2 * CAP]
            replies: Counter[str] = Counter()

            async def work(number: int) -> None:
                talk = await Talk.to(gateway.smtp_addresses[0])
                await talk.login()
                while left[0] > 0:
                    left[0] -= 1
                    codes = [reply[:8] for reply in await rcpt(talk, *(f"r{number}-{n}-{left[0]}" for n in range(3)))]
                    replies.update(codes)
                    if not any(code.startswith("250") for code in codes):
                        await talk.ask("RSET")
                        continue
                    await talk.ask("DATA")
                    assert (await talk.ask(CLEAN)).startswith("250 ")
                talk.writer.close()

            await asyncio.gather(*(work(number) for number in range(SESSIONS)))
            arrived = sum(len(message.recipients) for message in hop.accepted)
            assert arrived == CAP
            assert (await used(gateway))["recipients"] == CAP
            assert replies["450 4.7."] > 0
            assert bool(replies["452 4.3."]) == bool(every)
