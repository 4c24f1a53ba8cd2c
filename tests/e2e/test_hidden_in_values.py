"""Smuggling by other ways than the end of data: header lines that are kept, values that we repeat, the next hop's words.

Whatever stands in them, what goes to the next hop and to the client holds no line end but CRLF, no line that anybody
chose but us, and one reply for each command.
"""

from itertools import product
from pathlib import Path

import pytest

from tests.rig.gateway import CUSTOMERS, decisions, running
from tests.rig.lenient import Lenient
from tests.rig.smtpd import Raw, Smtpd
from tests.rig.talk import Talk

OBSERVED = [{**CUSTOMERS[0], "mode": "observe"}]
"""No rule stands in the way: what the header block holds goes through."""
HIDDEN = b"MAIL FROM:<eve@evil.example>\r\nRCPT TO:<victim@recipient.example>\r\nDATA\r\nSubject: two\r\n"
REMOVED = (
    b"Bcc: eve@acme.example\r\n",
    b"Return-Path: <x@acme.example>\r\n",
    b"Authentication-Results: gw.example; spf=pass\r\n",
    b"bCC:\r\n\t.\r\n",
    b"Bcc: a\r\n .\r\n\tb\r\n",
)
KEPT = (
    b"..\r\n",
    b"..\r\n" + HIDDEN + b"..\r\n",
    b"..X-Dot: kept\r\n",
    b"X: a\r\n ..\r\n",
    b"X:\r\n\t.\r\n",
    b"... \r\n",
    b"..\t\r\n",
    b"X-Last: x\r\n..\r\n",
)


def check_raw(hop: Lenient) -> None:
    """Only CRLF ends a line on its way to the next hop, and nobody but us spoke to it."""
    assert hop.raw.count(b"\r\n") == hop.raw.count(b"\r") == hop.raw.count(b"\n")
    assert b"\0" not in hop.raw
    assert {command.partition(" ")[0] for command in hop.commands} <= {"EHLO", "MAIL", "RCPT", "DATA", "RSET", "QUIT"}
    assert not any("evil.example" in command or "victim" in command for command in hop.commands)


async def test_header_lines_around_a_removed_field_cannot_end_the_message(tmp_path: Path) -> None:
    async with Lenient() as hop, running(tmp_path, hop=hop, customers=OBSERVED) as (gateway, _, __):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        sent = 0
        for kept, removed in product(KEPT, REMOVED):
            for block in (kept + removed, removed + kept, removed + kept + removed, kept + removed + removed + kept):
                wire = b"From: ann@acme.example\r\n" + block + b"\r\n..\r\nbody\r\n.\r\n"
                await talk.up_to_data()
                sent += (await talk.ask(wire)).startswith("250 ")
        talk.writer.close()
        assert sent
        assert len(hop.messages) == sent
        check_raw(hop)


NAMES = [
    "a", "[127.0.0.1]", "[IPv6:::1]", "x" * 255, "evil.example)\r", "a b", "a\tb", "(", "a)\u2028b", "a\x85", "ä.example",
    "evil.example ([1.2.3.4])", "x;id=1", "\x00", "-", "_._", "a..b",
]  # fmt: skip


@pytest.mark.parametrize("verb", ["EHLO", "HELO"])
async def test_the_name_in_ehlo_adds_no_line_to_ours(tmp_path: Path, verb: str) -> None:
    async with Lenient() as hop, running(tmp_path, hop=hop) as (gateway, _, __):
        for name in NAMES:
            talk = await Talk.to(gateway.smtp_addresses[0], local_addr=("127.0.0.2", 0))
            known = (await talk.ask(f"{verb} {name}")).startswith("250 ")
            if not known:
                await talk.ask("EHLO client.example")
            said = name if known else "client.example"
            for command in ("MAIL FROM:<nan@nets.example>", "RCPT TO:<bob@recipient.example>", "DATA"):
                assert (await talk.ask(command))[0] in "23"
            assert (await talk.ask(b"From: nan@nets.example\r\n\r\n.\r\n")).startswith("250 ")
            first, second, third = hop.messages[-1].content.split(b"\r\n")[:3]
            assert first == f"Received: from {said} ([127.0.0.2])".encode()
            assert second.startswith(b"\tby gw.example with ")
            assert third.startswith(b"\tFri, 20 Nov 2026 ")
            talk.writer.close()
        check_raw(hop)


PATHS = [
    '"a\\"b"@acme.example', '"a.b"@acme.example', '"a\\\\"@acme.example', '"a>b"@acme.example', '"a b"@acme.example',
    '"<eve@evil.example>"@acme.example', "ann@acme.example>\x00<x", "ann\x7f@acme.example", "\u00e4nn@acme.example",
    "a\u2028b@acme.example", "a\x85b@acme.example", "ann@b\u00fccher.example", "ann\u200b@acme.example", "ann@acme.example\u3002",
    "ann\uff20acme.example", "ann@acme\uff0eexample", '"\\\r"@acme.example', '"\n"@acme.example', "@evil.example:ann@acme.example",
    "ann@[127.0.0.1]", "ann%other.example@acme.example", "other.example!ann@acme.example", "a" * 64 + "@acme.example",
]  # fmt: skip
PARAMETERS = [
    "",
    " SMTPUTF8",
    " SIZE=1\x00",
    " BODY=8BITMIME",
    " AUTH=<>",
    " AUTH=eve+0D+0ARSET",
    " SIZE=1\x85",
    " X=\u2028",
]


async def test_an_address_is_passed_on_whole_or_refused(tmp_path: Path) -> None:
    async with Lenient() as hop, running(tmp_path, hop=hop) as (gateway, _, __):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        passed = 0
        for path, parameter in product(PATHS, PARAMETERS):
            mail = await talk.ask(f"MAIL FROM:<{path}>{parameter}")
            if not mail.startswith("250 "):
                assert mail[0] == "5", mail
                await talk.ask("MAIL FROM:<ann@acme.example> SMTPUTF8")
            reply = await talk.ask(f"RCPT TO:<{path}>".replace("acme", "recipient"))
            assert reply[0] in "25", reply
            assert (await talk.ask("RCPT TO:<last@recipient.example>")).startswith("250 ")
            heard = hop.sessions[-1].commands
            while heard[-1] == "RSET":
                heard = heard[:-1]
            heard = heard[max(at for at, command in enumerate(heard) if command.startswith("MAIL")) :]
            assert len(heard) == (3 if reply[0] == "2" else 2), (path, heard)
            assert heard[-1] == "RCPT TO:<last@recipient.example>"
            if reply[0] == "2":
                assert heard[1] == f"RCPT TO:<{path}>".replace("acme", "recipient")
            if mail.startswith("250 "):
                passed += 1
                assert heard[0].startswith(f"MAIL FROM:<{path}>")
            assert (await talk.ask("RSET")).startswith("250 ")
        talk.writer.close()
        assert passed > 10
        check_raw(hop)


ANSWERS = [
    b"250 2.0.0 Ok\x00 Q1\r\n", b"250 2.0.0 Ok\x1b[31m Q1\r\n", b"250 2.0.0 \xff\xfe\xc3\xa4 Q1\r\n", b"250 2.0.0 " + b"x" * 500 + b"\r\n",
    b"250-2.0.0 one\r\n250 2.0.0 250 2.0.0 two\r\n", b"550 5.1.1 <a@b.example>\t\x7f gone\r\n", b"550 5.1.1\r\n", b"250\r\n", b"550\r\n",
    b"250 2.0.0 Ok\r250 2.0.0 More\r\n", b"450 4.2.0 late\n550 5.1.1 never\r\n", b"554 9.9.9 what\r\n", b"999 what\r\n", b"\r\n",
    b"550-5.1.1 first\r\n550-5.1.1 " + b"y" * 505 + b"\r\n550 5.1.1 last\r\n", b"250 2.0.0 \xe2\x80\xa8\xc2\x85 Q\r\n",
]  # fmt: skip


@pytest.mark.parametrize("moment", ["RCPT", "DOT"])
async def test_what_the_next_hop_says_becomes_one_clean_reply(tmp_path: Path, moment: str) -> None:
    async with Smtpd() as hop, running(tmp_path, hop=hop) as (gateway, _, __):
        for answer in ANSWERS:
            talk = await Talk.to(gateway.smtp_addresses[0])
            await talk.login()
            await talk.ask("MAIL FROM:<ann@acme.example>")
            if moment == "RCPT":
                hop.on("RCPT", Raw(answer))
                reply = await talk.ask("RCPT TO:<bob@recipient.example>")
            else:
                await talk.ask("RCPT TO:<bob@recipient.example>")
                assert (await talk.ask("DATA")).startswith("354 ")
                hop.on("DOT", Raw(answer))
                reply = await talk.ask(b"From: ann@acme.example\r\n\r\n" + answer[:3] + b"\r\n.\r\n")
            assert reply.isascii()
            assert reply.isprintable()
            assert len(reply) <= 510
            hop.forget()
            assert (await talk.ask("NOOP")) == "250 2.0.0 Ok", answer
            talk.writer.close()
        assert decisions(gateway)


async def test_what_a_client_says_is_never_repeated_in_a_reply(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, linter):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        for command in ("{}", "EHLO {}", "MAIL FROM:<{}>", "MAIL FROM:<ann@acme.example> {}", "RCPT TO:<{}>", "VRFY {}",
                        "NOOP {}", "AUTH {}", "HELP {}", "DATA {}", "STARTTLS {}", "RSET {}"):  # fmt: skip
            for value in ("echo-me", "echo-me@x.example", "echo-me=1", "\u00e4echo-me", "echo-me\x01"):
                await talk.ask(command.format(value))
        talk.writer.close()
        assert not any("echo-me" in line.lower() for line in linter.seen)
