"""A client that sent its whole dialogue and closed its writing side still reads: each command gets its reply."""

from pathlib import Path

from tests.rig.gateway import running
from tests.rig.smtpd import Later
from tests.rig.talk import Talk


async def test_the_reply_to_the_dot_is_given_to_a_client_that_half_closed(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        hop.on("DOT", Later(0.2, "550 5.7.1 no such content"))
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.up_to_data()
        talk.writer.write(b"From: ann@acme.example\r\n\r\nbody\r\n.\r\nQUIT\r\n")
        talk.writer.write_eof()
        rest = (await talk.reader.read()).decode()
        talk.writer.close()
        # Once the only reply was "221 2.0.0 Bye": read as the answer to the dot, a refused message passed for sent.
        assert rest.startswith("550 "), rest
