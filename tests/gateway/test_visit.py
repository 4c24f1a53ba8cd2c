"""Transactions of those who may write to the operator only: what is recorded, what bounds them."""

from pathlib import Path
from typing import Any

from gateway.desk import MESSAGES
from tests.rig.gateway import decisions, running
from tests.rig.talk import Talk

MESSAGE = b"From: bob@recipient.example\r\n\r\nhelp\r\n.\r\n"
INBOUND: dict[str, Any] = {"smtp": {"listeners": [{"address": "127.0.0.1:0", "role": "inbound"}]}}


async def up_to_data(talk: Talk, recipient: str = "abuse@gw.example") -> str:
    """MAIL, RCPT and DATA, up to the first reply that refuses."""
    reply = ""
    for command in ("MAIL FROM:<bob@recipient.example>", f"RCPT TO:<{recipient}>", "DATA"):
        reply = await talk.ask(command)
        if reply[0] not in "23":
            break
    return reply


async def test_a_strangers_message_is_recorded_without_a_customer_and_readdressed(tmp_path: Path) -> None:
    async with running(tmp_path, settings=INBOUND) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO mail.recipient.example")
        assert (await up_to_data(talk)).startswith("354 ")
        assert (await talk.ask(MESSAGE)).startswith("250 2.0.0 Accepted; ref ")
        await talk.ask("QUIT")
        await gateway.stop()
        (decision,) = decisions(gateway)
        assert (decision["customer"], decision["credential"], decision["stream"]) == (None, None, None)
        assert (decision["verdict"], decision["outcome"]["outcome"]) == ("accept", "accepted")
        assert decision["recipients"] == ["abuse@gw.example"]
        assert "readdressed to the operator's mailbox" in decision["modifications"]
        assert hop.accepted[0].content.startswith(b"Received: from mail.recipient.example ([127.0.0.1])\r\n")
        talk.writer.close()


async def test_a_message_to_the_operator_is_small(tmp_path: Path) -> None:
    async with running(tmp_path, settings=INBOUND) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO mail.recipient.example")
        assert (await up_to_data(talk)).startswith("354 ")
        assert (await talk.ask(b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 4000 + b".\r\n")).startswith("552 5.3.4 ")
        assert hop.accepted == []
        assert decisions(gateway)[-1]["findings"][0]["code"] == "SIZE"
        talk.writer.close()


async def test_an_address_that_writes_much_waits_and_transactions_given_up_count_no_more(tmp_path: Path) -> None:
    async with running(tmp_path, settings=INBOUND) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO mail.recipient.example")
        for _ in range(MESSAGES):
            assert (await up_to_data(talk, "postmaster")).startswith("354 ")
            assert (await talk.ask(MESSAGE)).startswith("250 ")
        assert (await up_to_data(talk)) == "450 4.7.0 Too many messages to the operator for now; try again later"
        assert (await talk.ask("RSET")).startswith("250 ")
        assert gateway.edge.pipeline.desk._inside == 0
        talk.writer.close()


async def test_a_suspended_customers_refusal_is_recorded_once_for_a_transaction(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login("stopped-app")
        await talk.ask("MAIL FROM:<ann@stopped.example>")
        replies = {await talk.ask(f"RCPT TO:<r{number}@recipient.example>") for number in range(20)}
        assert len(replies) == 1
        assert (await talk.ask("DATA")).startswith("554 ")
        (decision,) = decisions(gateway)
        assert (decision["customer"], decision["phase"], decision["recipients"]) == (
            "stopped",
            "rcpt",
            ["r0@recipient.example"],
        )
        assert "MAIL" not in hop.commands
        talk.writer.close()


async def test_without_a_mailbox_a_suspended_customer_is_refused_at_mail(tmp_path: Path) -> None:
    async with running(tmp_path, settings={"operator": {"domains": ["gw.example"]}}) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login("stopped-app")
        assert (await talk.ask("MAIL FROM:<ann@stopped.example>")).startswith("550 5.7.1 Sending is suspended")
        assert decisions(gateway)[-1]["phase"] == "mail"
        talk.writer.close()


async def test_refusals_of_strangers_are_counted_and_not_recorded_one_by_one(tmp_path: Path) -> None:
    async with running(tmp_path, settings=INBOUND) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.ask("EHLO mail.recipient.example")
        assert (await up_to_data(talk, "bob@recipient.example")).startswith("550 5.7.1 Only postmaster")
        assert decisions(gateway) == []
        assert gateway.metrics.strangers.labels("RELAY")._value.get() == 1
        talk.writer.close()
