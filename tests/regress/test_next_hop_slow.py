"""A slow next hop is our side's time: it is never held against the client, and it ends at our own deadline."""

from pathlib import Path

from tests.rig.gateway import running
from tests.rig.smtpd import Later
from tests.rig.talk import CLEAN, Talk


async def test_the_command_timeout_does_not_run_while_we_wait_for_the_next_hop(tmp_path: Path) -> None:
    async with running(tmp_path, settings={"limits": {"command_timeout": 0.5}}) as (gateway, hop, _):
        hop.on("RCPT", Later(1.2, "250 2.1.5 Ok"))
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("250 ")
        reply = await talk.ask("RCPT TO:<bob@recipient.example>")
        talk.writer.close()
        assert reply.startswith("250 "), reply


async def test_our_deadline_covers_everything_up_to_the_final_dot(tmp_path: Path) -> None:
    async with running(tmp_path, settings={"limits": {"decision_timeout": 0.5}}) as (gateway, hop, _):
        hop.on("DATA", Later(1.5, None))
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        reply = await talk.ask(CLEAN)
        talk.writer.close()
        assert reply.startswith("451 4.4.1 "), reply
