r"""Plays SMTP dialogues that are text files; a stranger can extend them.

    == what is shown                  a new connection
    from 127.0.0.2                    optional: the client's address (127.0.0.2 is customer nets)
    listener 1                        optional: which listener of the test's gateway; `starttls` and `implicit` name
                                      the first of that kind
    first PROXY TCP4 ...\r\n            optional: octets sent before the greeting comes, backslash escapes read
    next-hop RCPT 550 5.1.1 Unknown   optional: what the next hop does at a moment (tests/rig/smtpd.py)
    C: MAIL FROM:<ann@acme.example>   the client sends this line and CRLF
    C raw: a\nb\r\n                   the client sends these octets, backslash escapes read, nothing added
    C pipelined: ...                  held back and sent together with the next C line
    S: 250 2.1.0 Sender ok            the server answers this line; "..." stands for anything
    S: 250-...                        lines of one reply are given one by one; `S*: 250` skips one whole reply
    upgrade                           the client begins TLS
    closed                            the server has closed the connection
    expect code ID-FROM               the last decision in the audit has this finding first ("none": accepted)
    expect recipients a@b.example     the last message reached the next hop with these recipients
    expect received from x ([...])    the first line of the last message that reached the next hop, after "Received: "
    expect messages 1                 so many messages have reached the next hop
    expect next-hop MAIL FROM:<...>   the last command of this verb that reached the next hop; "..." for anything
    expect body a\r\n                 the last message at the next hop ends so, behind its header block
    expect header TLS-Required: No    the last message at the next hop has this line in its header block
    expect change added Date          the last decision's changes to the message hold this one
    consents bob@recipient.example spring   the person has consented to the list, with proof
    withdraws bob@recipient.example spring  the person wants no more of the list; without one, of nothing
    BULK List-Id: <x.acme.example>    the client sends a bulk message that lacks nothing, with these fields (`|` between
                                      two) besides, and the final dot
    expect grounds express -          the last decision's ground, or reason of refusal, of each recipient
    expect class C4 stream bulk       the last decision's class, and its basis
    AUTH acme-app                     shorthand for EHLO and a right AUTH PLAIN
    SEND                              shorthand for a clean MAIL, RCPT, DATA up to 354

    S x100: 250 2.1.5 ...             one hundred such lines

`${B64:text}` in a C line becomes base64 of the text (\0 read), `${TIMES:3:text}` the text three times, ${PASSWORD} the
right password.
"""

import asyncio
import base64
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.app import Gateway
from tests.rig import bulk
from tests.rig.gateway import PASSWORD, decisions
from tests.rig.smtpd import Smtpd

DIALOGS = Path(__file__).parents[1] / "dialogs"


@dataclass
class Dialog:
    """One dialogue."""

    title: str
    file: str
    lines: list[str] = field(default_factory=list)


def read_dialogs(pattern: str) -> Iterator[Dialog]:
    """The dialogues of the files that match."""
    for path in sorted(DIALOGS.glob(pattern)):
        for block in ("\n" + path.read_text()).split("\n== ")[1:]:
            title, _, rest = block.partition("\n")
            yield Dialog(title.strip(), path.stem, [line for line in rest.splitlines() if line and line[0] != "#"])


def expand(text: str) -> str:
    """Replace ${TIMES:…}, ${B64:…} and ${PASSWORD}."""
    text = text.replace("${PASSWORD}", PASSWORD)
    text = re.sub(r"\$\{TIMES:(\d+):([^}]*)\}", lambda found: found[2] * int(found[1]), text)
    return re.sub(
        r"\$\{B64:([^}]*)\}",
        lambda found: base64.b64encode(found[1].replace("\\0", "\0").encode()).decode(),
        text,
    )


def octets(text: str) -> bytes:
    """The octets that a text with backslash escapes stands for."""
    return expand(text).encode("latin-1").decode("unicode_escape").encode("latin-1")


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Player:
    """Plays one dialogue against a gateway."""

    def __init__(self, gateway: Gateway, hop: Smtpd) -> None:
        self._gateway, self._hop = gateway, hop
        self._held = b""

    async def play(self, dialog: Dialog) -> None:
        """Raises AssertionError with the line where the dialogue goes another way."""
        lines = list(dialog.lines)
        source, listener, first = "", 0, b""
        while lines and lines[0].split()[0] in ("from", "listener", "first", "next-hop"):
            word, _, value = lines.pop(0).partition(" ")
            if word == "from":
                source = value
            elif word == "listener":
                kinds = [each.tls for each in self._gateway.settings.smtp.listeners]
                listener = int(value) if value.isdigit() else kinds.index(value)  # type: ignore[arg-type]
            elif word == "first":
                first = octets(value)
            else:
                moment, _, act = value.partition(" ")
                self._hop.on(moment, act or None)
        host, _, port = self._gateway.smtp_addresses[listener].rpartition(":")
        implicit = self._gateway.settings.smtp.listeners[listener].tls == "implicit"
        before = len(self._hop.accepted)
        host = host.strip("[]")
        local = source or ("::1" if ":" in host else "127.0.0.1")
        self._reader, self._writer = await asyncio.open_connection(
            host, int(port), local_addr=(local, 0), ssl=_trusting() if implicit else None
        )
        try:
            self._writer.write(first)
            assert (await self._read()).startswith("220 ")
            for line in lines:
                try:
                    await self._step(line, before)
                except AssertionError as error:
                    raise AssertionError(f"{dialog.file}: {dialog.title}: at {line!r}: {error}") from None
        finally:
            self._writer.close()

    async def _step(self, line: str, before: int) -> None:
        word, _, value = line.partition(": ")
        if word in ("S", "S*"):
            await self._hear(value, whole=word == "S*")
        elif word.startswith("S x"):
            for _ in range(int(word[3:])):
                await self._hear(value, whole=False)
        elif word == "C":
            await self._send(expand(value).encode() + b"\r\n")
        elif word == "C pipelined":
            self._held += expand(value).encode() + b"\r\n"
        elif word == "C raw":
            await self._send(octets(value))
        elif line == "upgrade":
            await self._writer.start_tls(_trusting())
        elif line == "closed":
            assert await asyncio.wait_for(self._reader.read(), 60) == b"", "there is more to read"
        elif line.startswith(("AUTH ", "consents ", "withdraws ", "BULK")):
            await self._shorthand(*line.split(" ", 1))
        elif line == "SEND":
            for step in ("C: MAIL FROM:<ann@acme.example>", "S: 250 ...", "C: RCPT TO:<bob@recipient.example>",
                         "S: 250 ...", "C: DATA", "S: 354 ..."):  # fmt: skip
                await self._step(step, before)
        else:
            self._expect(line, before)

    async def _shorthand(self, verb: str, value: str = "") -> None:
        if verb == "AUTH":
            await self._auth(value)
        elif verb == "BULK":
            await self._send(bulk.campaign(fields=[each.strip() for each in value.split("|") if each.strip()]))
        elif verb == "consents":
            address, name = value.split()
            await bulk.consents(self._gateway, address, name=name)
        else:
            address, *named = value.split()
            await bulk.withdraws(self._gateway, address, name=named[0] if named else None)

    def _expect(self, line: str, before: int) -> None:
        _, what, value = line.split(" ", 2)
        if what == "next-hop":
            verb = value.split(" ")[0]
            self._match(value, [seen for seen in self._hop.commands if seen.split(" ")[0] == verb][-1])
        elif what == "body":
            body = self._hop.accepted[-1].content.partition(b"\r\n\r\n")[2]
            assert body == octets(value), body
        elif what == "header":
            header = self._hop.accepted[-1].content.partition(b"\r\n\r\n")[0].decode("latin-1")
            assert any(self._matches(value, line) for line in header.split("\r\n")), header
        elif what == "change":
            assert value in decisions(self._gateway)[-1]["modifications"]
        elif what == "code":
            found = decisions(self._gateway)[-1]
            assert (found["findings"][0]["code"] if found["findings"] else "none") == value
        elif what == "grounds":
            grounds = [each or {} for each in decisions(self._gateway)[-1]["grounds"]]
            assert [each.get("ground") or each.get("refused") or "-" for each in grounds] == value.split(), grounds
        elif what == "class":
            found = decisions(self._gateway)[-1]
            assert f"{found['class']} {found['basis']}" == value, found["basis"]
        elif what == "recipients":
            assert self._hop.accepted[-1].recipients == tuple(value.split())
        elif what == "received":
            assert self._hop.accepted[-1].content.split(b"\r\n")[0].decode() == f"Received: {value}"
        elif what == "messages":
            assert len(self._hop.accepted) - before == int(value)
        else:
            raise AssertionError("no such directive")

    async def _hear(self, pattern: str, *, whole: bool) -> None:
        got = await self._read()
        while whole and got[3:4] == "-":
            self._match(f"{pattern}...", got)
            got = await self._read()
        self._match(f"{pattern}..." if whole else pattern, got)

    async def _auth(self, username: str) -> None:
        await self._step("C: EHLO client.example", 0)
        await self._step("S*: 250", 0)
        await self._step(f"C: AUTH PLAIN ${{B64:\\0{username}\\0{PASSWORD}}}", 0)
        await self._step("S: 235 2.7.0 ...", 0)

    async def _send(self, data: bytes) -> None:
        self._writer.write(self._held + data)
        self._held = b""
        await self._writer.drain()

    async def _read(self) -> str:
        line = await asyncio.wait_for(self._reader.readline(), 60)
        assert line.endswith(b"\r\n"), f"connection closed, or no CRLF: {line!r}"
        return line[:-2].decode("ascii")

    @classmethod
    def _match(cls, pattern: str, got: str) -> None:
        assert cls._matches(pattern, got), f"got {got!r}"

    @staticmethod
    def _matches(pattern: str, got: str) -> bool:
        return bool(re.fullmatch(".*".join(re.escape(part) for part in pattern.split("...")), got))
