"""A client that closes its writing side and reads its reply was told: its next message is a new one."""

from pathlib import Path

from tests.rig.gateway import running
from tests.rig.talk import CLEAN, Talk


async def test_an_identical_alert_of_a_half_closing_client_is_sent_each_time(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        said = []
        for _ in range(3):  # such as `printf … | nc -N gateway 25`: no Date, no Message-ID, the same bytes each time
            talk = await Talk.to(gateway.smtp_addresses[0])
            await talk.login()
            await talk.up_to_data()
            talk.writer.write(CLEAN + b"QUIT\r\n")
            talk.writer.write_eof()
            said.append((await talk.reader.read()).decode())
            talk.writer.close()
        # All three were answered 250 and the client read it; two of them never left.
        assert all(text.startswith("250 ") for text in said)
        assert len(hop.accepted) == 3, said
