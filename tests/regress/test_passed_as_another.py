"""Messages that a hostile reading of the rules found answered 250 though readers, or servers behind us, show another.

An at sign behind the address, or a look-alike of the dot, kept a display name from being read; a report's author could
be elsewhere by the percent hack, a bang path or brackets; an encoded Subject could hold a field for gateways that write
it again; Resent-From was read once, From by several readings; and of results in our name readers may read less.
"""

from pathlib import Path

import pytest

from tests.rig.gateway import running
from tests.rig.talk import Talk

NAME = "550 5.7.1 Display name holds an address"
FOREIGN = "550 5.7.1 Header From is not within"


@pytest.mark.parametrize(
    ("path", "header", "reply"),
    [
        ("ann@acme.example", 'From: "ceo@bank.example@ Office" <ann@acme.example>', NAME),
        ("ann@acme.example", "From: =?utf-8?b?Y2VvQGJhbmvqk7hleGFtcGxl?= <ann@acme.example>", NAME),
        ("", "From: ceo%bank.example\r\nAuto-Submitted: auto-replied", FOREIGN),
        ("", "From: bank.example!ceo@localhost\r\nAuto-Submitted: auto-replied", FOREIGN),
        ("", "From: ceo@[bank.example]\r\nAuto-Submitted: auto-replied", FOREIGN),
        (
            "ann@acme.example",
            "Authentication-Results: gw.example/1; dkim=pass\r\nFrom: ann@acme.example",
            "550 5.7.1 Authentication-Results claim",
        ),
        (
            "ann@acme.example",
            "From: ann@acme.example\r\nSubject: =?utf-8?q?x=0AFrom:_ceo=40bank.example?=",
            "554 5.6.0 Header field holds a control character",
        ),
        (
            "ann@acme.example",
            "From: ann@acme.example\r\nResent-From: =?utf-8?q?=3Cceo=40bank.example=3E?=,<ann@acme.example>",
            "554 5.6.0 Header From, Sender or Resent-From is read differently",
        ),
    ],
)
async def test_it_is_refused(tmp_path: Path, path: str, header: str, reply: str) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        for command in (f"MAIL FROM:<{path}>", "RCPT TO:<bob@recipient.example>", "DATA"):
            assert (await talk.ask(command))[:3] in ("250", "354")
        answer = await talk.ask(f"{header}\r\n\r\nbody\r\n.\r\n".encode())
        assert answer.startswith(reply)
        assert not hop.accepted
        talk.writer.close()
