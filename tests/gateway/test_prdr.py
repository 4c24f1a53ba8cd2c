"""Verdicts on single recipients: one reply for each where the client speaks PRDR, one for all where it does not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from config.policy import Action
from consent.address import Address
from filters.engine import evaluate
from filters.model import Finding, Reply
from gateway.app import Gateway
from gateway.audit.errors import JournalFull
from tests.rig.gateway import decisions, running
from tests.rig.smtpd import Smtpd
from tests.rig.talk import CLEAN, Talk

REJECTED = Finding("BULK", "MOD-1", Action.REJECT, "no ground", Reply(550, "5.7.1", "No consent on file"), "Ask.")
DEFERRED = Finding("BULK", "MOD-1", Action.DEFER, "later", Reply(450, "4.7.28", "Too many at once"), "Wait.")


@pytest_asyncio.fixture
async def up(tmp_path: Path) -> AsyncIterator[tuple[Gateway, Smtpd, Talk]]:
    """A gateway and an authenticated client."""
    async with Smtpd(keywords=("PIPELINING", "DSN")) as server:
        async with running(tmp_path, hop=server) as (gateway, hop, _):
            talk = await Talk.to(gateway.smtp_addresses[0])
            assert (await talk.login()).startswith("235 ")
            yield gateway, hop, talk
            talk.writer.close()


def refusing(monkeypatch: pytest.MonkeyPatch, **found: Finding) -> None:
    """Let the engine refuse these recipients; what they are called stands before the @."""
    refused = {Address.parse(f"{name}@recipient.example"): each for name, each in found.items()}

    def judge(*args: Any) -> Any:
        return replace(evaluate(*args), refused=refused)

    monkeypatch.setattr("gateway.pipeline.evaluate", judge)


async def send(talk: Talk, *names: str, prdr: bool = True) -> list[str]:
    """The replies after the dot."""
    await talk.ask("MAIL FROM:<ann@acme.example>" + " PRDR" * prdr)
    for name in names:
        assert (await talk.ask(f"RCPT TO:<{name}@recipient.example> NOTIFY=NEVER")).startswith("250 ")
    await talk.ask("DATA")
    found = [await talk.ask(CLEAN)]
    if found[0].startswith("353 "):
        found += [await talk.reply() for _ in range(len(names) + 1)]
    return [" ".join(reply.split(" ")[:2]) for reply in found]


async def test_the_rest_get_the_message_on_a_transaction_of_their_own(
    up: tuple[Gateway, Smtpd, Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, hop, talk = up
    refusing(monkeypatch, bob=REJECTED, dan=DEFERRED)
    assert await send(talk, "ann", "bob", "carol", "dan", "bob") == [
        "353 A", "250 2.0.0", "550 5.7.1", "250 2.0.0", "450 4.7.28", "550 5.7.1", "250 2.0.0",
    ]  # fmt: skip
    assert hop.accepted[0].recipients == ("ann@recipient.example", "carol@recipient.example")
    last = [command for command in hop.commands if not command.startswith(("EHLO", "QUIT"))][-5:]
    assert last == [
        "RSET",
        "MAIL FROM:<ann@acme.example>",
        "RCPT TO:<ann@recipient.example> NOTIFY=NEVER",
        "RCPT TO:<carol@recipient.example> NOTIFY=NEVER",
        "DATA",
    ]
    found = [(each["verdict"], each["recipients"]) for each in decisions(gateway)]
    assert found == [
        ("reject", ["bob@recipient.example", "bob@recipient.example"]),
        ("defer", ["dan@recipient.example"]),
        ("accept", ["ann@recipient.example", "carol@recipient.example"]),
    ]
    await hop.until(lambda: bool(decisions(gateway)[-1].get("outcome")))
    assert decisions(gateway)[-1]["outcome"]["accepted"] == 2
    assert len({each["reference"] for each in decisions(gateway)}) == 1


async def test_without_prdr_the_message_is_refused_whole_by_the_worst(
    up: tuple[Gateway, Smtpd, Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, hop, talk = up
    refusing(monkeypatch, bob=DEFERRED, dan=REJECTED)
    assert await send(talk, "ann", "bob", "dan", prdr=False) == ["550 5.7.1"]
    assert hop.accepted == []
    (record,) = decisions(gateway)
    assert (record["verdict"], len(record["findings"])) == ("reject", 2)


async def test_when_none_is_left_nothing_is_sent_and_a_4xx_is_not_overruled(
    up: tuple[Gateway, Smtpd, Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, hop, talk = up
    refusing(monkeypatch, bob=REJECTED, dan=DEFERRED)
    assert await send(talk, "bob", "dan") == ["353 A", "550 5.7.1", "450 4.7.28", "450 4.7.28"]
    assert await send(talk, "bob") == ["353 A", "550 5.7.1", "550 5.7.1"]
    assert hop.accepted == []
    assert "DATA" not in hop.commands


async def test_a_next_hop_that_answers_the_rest_otherwise_than_before_puts_them_off(
    up: tuple[Gateway, Smtpd, Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, hop, talk = up
    refusing(monkeypatch, bob=REJECTED)
    hop.on("RCPT", None, None, "550 5.1.1 No such user")
    assert await send(talk, "ann", "bob") == ["353 A", "451 4.4.0", "550 5.7.1", "451 4.4.0"]
    assert hop.accepted == []


async def test_an_audit_that_cannot_record_the_refusals_puts_all_off(
    up: tuple[Gateway, Smtpd, Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, hop, talk = up
    refusing(monkeypatch, bob=REJECTED)

    async def full(record: object) -> int:
        raise JournalFull("no space")

    with monkeypatch.context() as patch:
        patch.setattr(gateway.journal, "append", full)
        assert await send(talk, "ann", "bob") == ["353 A", "452 4.3.1", "452 4.3.1", "452 4.3.1"]
    assert hop.accepted == []
    assert await send(talk, "ann", "bob") == ["353 A", "250 2.0.0", "550 5.7.1", "250 2.0.0"]
