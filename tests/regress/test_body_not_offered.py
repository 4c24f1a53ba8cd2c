"""8-bit mail is not passed to a next hop that does not take it, and what is not offered is not accepted."""

from pathlib import Path

from tests.rig.gateway import running
from tests.rig.smtpd import Smtpd
from tests.rig.talk import Talk


async def test_body_8bitmime_is_refused_where_the_next_hop_does_not_offer_it(tmp_path: Path) -> None:
    async with Smtpd(keywords=("PIPELINING", "ENHANCEDSTATUSCODES", "SIZE 10485760")) as plain:
        async with running(tmp_path, hop=plain) as (gateway, _, linter):
            talk = await Talk.to(gateway.smtp_addresses[0])
            await talk.login()
            assert not any("8BITMIME" in line for line in linter.seen)
            reply = await talk.ask("MAIL FROM:<ann@acme.example> BODY=8BITMIME")
            talk.writer.close()
            assert reply.startswith("55"), reply
