"""A client that hangs up and comes back while its message is still at the next hop makes no duplicate."""

from pathlib import Path

from tests.rig.gateway import running
from tests.rig.smtpd import Later
from tests.rig.talk import CLEAN, Talk


async def test_a_repeat_of_a_message_that_is_still_being_forwarded_is_not_forwarded_again(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        hop.on("DOT", Later(1.0, "250 2.0.0 Ok"))
        first = await Talk.to(gateway.smtp_addresses[0])
        await first.login()
        await first.up_to_data()
        first.writer.write(CLEAN)
        await hop.until(lambda: len(hop.messages) > 0 or "DATA" in hop.commands)
        first.writer.close()
        second = await Talk.to(gateway.smtp_addresses[0])
        await second.login()
        await second.up_to_data()
        reply = await second.ask(CLEAN)
        second.writer.close()
        await hop.until(lambda: len(hop.accepted) > 0)
        assert len(hop.accepted) == 1, (reply, len(hop.accepted))
