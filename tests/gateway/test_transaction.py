"""The order of events, and that what fails on our side neither passes mail nor bounces it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from config.policy import Action, Policy
from filters import engine, headers
from filters.engine import Bound
from filters.message import Message
from filters.model import Facts
from gateway.app import Gateway
from gateway.audit.errors import JournalFull
from tests.rig.gateway import decisions, running
from tests.rig.smtpd import CUT, STALL, Smtpd
from tests.rig.talk import CLEAN, Talk


@pytest_asyncio.fixture
async def up(tmp_path: Path) -> AsyncIterator[tuple[Gateway, Smtpd, Talk]]:
    """A gateway and an authenticated client."""
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        assert (await talk.login()).startswith("235 ")
        yield gateway, hop, talk
        talk.writer.close()


async def send(talk: Talk, message: bytes = CLEAN) -> str:
    await talk.up_to_data()
    return await talk.ask(message)


async def outcome(gateway: Gateway, hop: Smtpd) -> dict[str, object]:
    """The outcome of the last decision, once it is written."""
    await hop.until(lambda: bool(decisions(gateway)[-1].get("outcome")))
    found: dict[str, object] = decisions(gateway)[-1]["outcome"]
    return found


async def test_the_decision_record_says_who_what_and_why(up: tuple[Gateway, Smtpd, Talk]) -> None:
    gateway, hop, talk = up
    reply = await send(
        talk, b"From: Ann <ann@acme.example>\r\nMessage-ID: <1@acme.example>\r\nBcc: x@y.example\r\n\r\n..b\r\n.\r\n"
    )
    record = decisions(gateway)[-1]
    assert record["reference"] in reply
    assert (record["customer"], record["credential"], record["stream"]) == ("acme", "acme-app", "auto")
    assert (record["client"]["address"], record["ehlo"], record["tls"]) == ("127.0.0.1", "client.example", None)
    assert (record["phase"], record["verdict"], record["mode"]) == ("data", "accept", "enforce")
    assert (record["reverse_path"], record["recipients"]) == ("ann@acme.example", ["bob@recipient.example"])
    assert (record["header_from"], record["message_id"]) == (["ann@acme.example"], "<1@acme.example>")
    assert record["modifications"] == ["added Date", "removed bcc"]
    assert (record["size"], record["policy"]) == (84, Policy().digest)
    found = await outcome(gateway, hop)
    assert (found["outcome"], found["told"], found["accepted"]) == ("accepted", True, 1)
    assert str(found["next_hop"]).startswith("default 127.0.0.1:")
    assert hop.accepted[0].content.endswith(b"\r\n.b\r\n")
    assert b"Bcc" not in hop.accepted[0].content


async def test_the_decision_is_durable_before_anything_is_forwarded(
    up: tuple[Gateway, Smtpd, Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, hop, talk = up
    append, seen = gateway.journal.append, []

    async def watched(record: object) -> int:
        number = await append(record)  # type: ignore[arg-type]
        seen.append("DATA" in hop.commands)
        return number

    monkeypatch.setattr(gateway.journal, "append", watched)
    assert (await send(talk)).startswith("250 ")
    assert seen == [False]
    assert "DATA" in hop.commands


async def test_an_audit_that_cannot_be_written_is_452_and_nothing_is_forwarded(
    up: tuple[Gateway, Smtpd, Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, hop, talk = up

    async def full(record: object) -> int:
        raise JournalFull("no space")

    with monkeypatch.context() as patch:
        patch.setattr(gateway.journal, "append", full)
        assert (await send(talk)).startswith("452 4.3.1 ")
        assert (await send(talk, b"no header\r\n.\r\n")).startswith("452 4.3.1 ")
        assert (await talk.ask("MAIL FROM:<ann@evil.example>")).startswith("452 4.3.1 ")
    assert hop.accepted == []
    assert "DATA" not in hop.commands
    assert (await send(talk)).startswith("250 ")


async def test_a_rule_that_raises_defers_and_the_message_passes_when_it_is_mended(
    up: tuple[Gateway, Smtpd, Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, hop, talk = up

    def broken(message: Message, facts: Facts, policy: Policy) -> str | None:
        raise KeyError("secret")

    entry = gateway.directory.get("acme")
    assert entry is not None
    rules = (Bound(replace(headers.one_from, check=broken), Action.REJECT), *entry.rules[1:])
    with monkeypatch.context() as patch:
        patch.setitem(gateway.directory._entries, "acme", replace(entry, rules=rules))
        reply = await send(talk)
    assert reply.startswith(f"{engine.BROKEN}; ref ")
    assert decisions(gateway)[-1]["findings"][0]["failed"]
    assert gateway.metrics.registry.get_sample_value("postern_rule_errors_total", {"rule": "HDR-FROM"}) == 1
    assert hop.accepted == []
    assert (await send(talk)).startswith("250 ")


async def test_any_exception_of_ours_is_451(up: tuple[Gateway, Smtpd, Talk], monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, hop, talk = up

    def broken(*args: object) -> None:
        raise RuntimeError("secret")

    with monkeypatch.context() as patch:
        patch.setattr("gateway.transform.change", broken)
        assert (await send(talk)) == "451 4.3.0 Internal fault; try again later"
    assert (await send(talk)).startswith("250 ")
    assert len(hop.accepted) == 1


async def test_a_decision_that_takes_too_long_is_451(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk, pipeline = await Talk.to(gateway.smtp_addresses[0]), gateway.edge.pipeline
        await talk.login()

        async def never(record: object) -> int:
            await asyncio.Event().wait()
            return 0

        with monkeypatch.context() as patch:
            patch.setattr(gateway.journal, "append", never)
            # For this message only: the next is not to be late because the machine is busy.
            patch.setattr(pipeline, "limits", pipeline.limits.model_copy(update={"decision_timeout": 0.1}))
            assert (await send(talk)).startswith("451 4.4.1 ")
        assert (await send(talk)).startswith("250 ")
        talk.writer.close()


async def test_the_next_hops_refusal_of_a_recipient_reaches_the_client_and_the_audit(
    up: tuple[Gateway, Smtpd, Talk],
) -> None:
    gateway, hop, talk = up
    hop.on("RCPT", "550 5.1.1 No such user", None)
    await talk.ask("MAIL FROM:<ann@acme.example>")
    assert (await talk.ask("RCPT TO:<nobody@recipient.example>")).startswith("550 5.1.1 No such user; ref ")
    assert (await talk.ask("RCPT TO:<bob@recipient.example>")).startswith("250 ")
    await talk.ask("DATA")
    assert (await talk.ask(CLEAN)).startswith("250 ")
    found = decisions(gateway, recipient=None)
    refused = [record for record in found if record["phase"] == "rcpt"]
    assert [(record["recipients"], record["verdict"]) for record in refused] == [
        (["nobody@recipient.example"], "reject")
    ]
    assert hop.accepted[0].recipients == ("bob@recipient.example",)


async def test_relay_access_denied_is_our_fault_and_bounces_nobody(up: tuple[Gateway, Smtpd, Talk]) -> None:
    gateway, hop, talk = up
    hop.on("RCPT", "554 5.7.1 Relay access denied")
    await talk.ask("MAIL FROM:<ann@acme.example>")
    assert (await talk.ask("RCPT TO:<bob@recipient.example>")).startswith("451 4.4.0 ")
    assert gateway.trouble()
    hop.forget()
    await talk.ask("RSET")
    assert (await send(talk)).startswith("250 ")
    assert not [each for each in gateway.trouble() if "next hop" in each]


async def test_the_next_hops_refusal_after_the_dot_reaches_the_client(up: tuple[Gateway, Smtpd, Talk]) -> None:
    gateway, hop, talk = up
    hop.on("DOT", "550 5.7.1 Content refused")
    reply = await send(talk)
    assert reply.startswith("550 5.7.1 Content refused; ref ")
    found = await outcome(gateway, hop)
    assert (found["outcome"], found["reply"]) == ("refused", "550 5.7.1 Content refused")


async def test_a_connection_lost_after_the_dot_is_451_with_outcome_unknown(up: tuple[Gateway, Smtpd, Talk]) -> None:
    gateway, hop, talk = up
    hop.on("DOT", CUT)
    assert (await send(talk)).startswith("451 4.4.2 ")
    assert (await outcome(gateway, hop))["outcome"] == "unknown"


async def test_a_next_hop_that_never_answers_the_dot_is_unknown(tmp_path: Path) -> None:
    async with running(tmp_path, settings={"limits": {"dot_timeout": 0.2}}) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        hop.on("DOT", STALL)
        assert (await send(talk)).startswith("451 4.4.2 ")
        assert (await outcome(gateway, hop))["outcome"] == "unknown"
        talk.writer.close()


async def test_a_next_hop_that_is_away_is_451_at_rcpt(tmp_path: Path) -> None:
    hop = Smtpd()
    await hop.start()
    async with running(tmp_path, hop=hop) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await hop.stop()
        await talk.ask("MAIL FROM:<ann@acme.example>")
        assert (await talk.ask("RCPT TO:<bob@recipient.example>")).startswith("451 4.4.1 ")
        assert (await talk.ask("DATA")) == "554 5.5.1 No valid recipients"
        assert any("next hop" in each for each in gateway.trouble())
        talk.writer.close()


async def test_more_recipients_than_the_bound_get_452_and_the_rest_pass(tmp_path: Path) -> None:
    policy = Policy.model_validate({"message": {"max_recipients": 100}})
    async with running(tmp_path, policy=policy) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.ask("MAIL FROM:<ann@acme.example>")
        for number in range(100):
            assert (await talk.ask(f"RCPT TO:<user{number}@recipient.example>")).startswith("250 ")
        assert (await talk.ask("RCPT TO:<one.more@recipient.example>")).startswith("452 4.5.3 ")
        await talk.ask("DATA")
        assert (await talk.ask(CLEAN)).startswith("250 ")
        assert len(hop.accepted[0].recipients) == 100
        talk.writer.close()


async def test_refused_recipients_of_one_transaction_are_bounded_too(tmp_path: Path) -> None:
    policy = Policy.model_validate({"message": {"max_recipients": 100}})
    async with running(tmp_path, policy=policy) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.ask("MAIL FROM:<ann@acme.example>")
        hop.on("RCPT", "552 5.2.2 Mailbox full")
        for number in range(200):
            assert (await talk.ask(f"RCPT TO:<user{number}@recipient.example>")).startswith("552 5.2.2 ")
        assert (await talk.ask("RCPT TO:<one.more@recipient.example>")).startswith("452 4.5.3 ")
        assert sum(command.startswith("RCPT") for command in hop.commands) == 200
        talk.writer.close()


@pytest.mark.parametrize("size", [70_000, 500_000])
async def test_a_message_over_the_limit_is_refused_after_the_data(tmp_path: Path, size: int) -> None:
    policy = Policy.model_validate({"message": {"max_bytes": 65536}})
    async with running(tmp_path, policy=policy) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        body = (b"x" * 70 + b"\r\n") * (size // 72)
        assert (await talk.ask(b"From: ann@acme.example\r\n\r\n" + body + b".\r\n")).startswith("552 5.3.4 ")
        assert decisions(gateway)[-1]["findings"][0]["code"] == "SIZE"
        assert hop.accepted == []
        assert (await send(talk)).startswith("250 ")
        talk.writer.close()


async def test_a_header_block_over_the_limit_and_a_loop_are_refused(tmp_path: Path) -> None:
    policy = Policy.model_validate({"message": {"max_header_bytes": 16384, "max_received": 10}})
    async with running(tmp_path, policy=policy) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        long = b"From: ann@acme.example\r\nX: " + b"y" * 17_000 + b"\r\n\r\n.\r\n"
        assert (await send(talk, long)).startswith("554 5.6.0 Header block is too large")
        hops = b"Received: from a by b; Fri, 20 Nov 2026 10:00:00 +0000\r\n"
        assert (await send(talk, hops * 11 + CLEAN)).startswith("554 5.4.6 ")
        assert [record["findings"][0]["code"] for record in decisions(gateway)] == ["HEADER-SIZE", "LOOP"]
        assert (await send(talk, hops * 10 + CLEAN)).startswith("250 ")
        talk.writer.close()
