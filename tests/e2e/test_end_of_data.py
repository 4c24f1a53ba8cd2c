"""SMTP smuggling: whatever a client sends as the end of its message, the next hop gets one message or none.

A customer (the address 127.0.0.2) tries to hide a second transaction, of another sender, inside its first. A strict
next hop and one that takes every wrong line end for one listen; a running gateway stands before them. To be tried in
a new way (another command than DATA), a way is added to WAYS; where EHLO does not offer it, it is left out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from gateway.app import Gateway
from gateway.smtp import body as bodies
from gateway.smtp import inbox as inboxes
from tests.rig.gateway import ReplyLinter, running
from tests.rig.lenient import Lenient
from tests.rig.smtpd import Smtpd
from tests.rig.talk import Talk

END = b"\r\n.\r\n"
HEADER = b"From: nan@nets.example\r\nSubject: one\r\n\r\n"
ENVELOPE = b"MAIL FROM:<nan@nets.example>\r\nRCPT TO:<bob@nets.example>\r\n"
HIDDEN = (b"MAIL FROM:<eve@evil.example>", b"RCPT TO:<victim@recipient.example>", b"DATA", b"From: eve@evil.example")

LINE_ENDS = (b"\n", b"\r", b"\r\n", b"\n\r", b"\r\r", b"\n\n", b"\r\r\n", b"\r\n\r")
OTHER_ENDS = (b"\x0b", b"\x0c", b"\x1c", b"\x85", b"\xc2\x85", b"\xe2\x80\xa8", b"\x8a", b"\x8d", b"\x8d\x8a", b"\0")
"""What a language's own line reading takes for the end of a line, and what is one once the eighth bit is cleared."""
NOT_AN_END = (
    *(before + b"." + after for before, after in product(LINE_ENDS, repeat=2) if END not in before + b"." + after),
    *(each + b"." + each for each in OTHER_ENDS),
    *(b"\r\n." + each + b"\r\n" for each in (*OTHER_ENDS, b" ", b"\t", b".", b"\\r", b"\r\r\r")),
    *(b"\r\n" + each + b".\r\n" for each in (*OTHER_ENDS, b" ", b"\t", b".", b"\x08")),
    *(END[:at] + b"\0" + END[at:] for at in range(1, len(END))),
    b"\r\n.\r\0\r\n", b"\n.\r\0\n", b"\r\n.\r", b"\r\n.\n", b"\r\n.", b"\n..\n", b"\r..\r", b"\r\n..\n", b"\n..\r\n",
)  # fmt: skip
ODD_BUT_AN_END = (b"\0" + END, b"\r" + END, b"\n" + END, b"\n\r" + END, b"\r\r" + END)
"""These end the data, and what comes before them is refused."""


@dataclass(frozen=True)
class Stage:
    """What a test plays on."""

    gateway: Gateway
    hop: Smtpd
    linter: ReplyLinter

    async def client(self) -> Talk:
        """A new connection of the customer, greeted."""
        talk = await Talk.to(self.gateway.smtp_addresses[0], local_addr=("127.0.0.2", 0))
        await talk.ask("EHLO client.example")
        return talk

    def offers(self, keyword: str) -> bool:
        """Whether EHLO told of it."""
        return bool({f"250-{keyword}", f"250 {keyword}"} & self.linter.seen)

    async def feed(self, talk: Talk, parts: Iterable[bytes]) -> None:
        """Send each part once the gateway has taken in the one before: each is a read of its own."""
        (session,) = self.gateway.edge._sessions
        taken = session._octets_in
        for part in parts:
            talk.writer.write(part)
            taken += len(part)
            while session._octets_in < taken:
                assert not talk.writer.is_closing()
                await asyncio.sleep(0)


async def by_dialogue(stage: Stage, talk: Talk, parts: Sequence[bytes]) -> str:
    """MAIL, RCPT and DATA one after another; then the content."""
    for command in ENVELOPE.splitlines():
        assert (await talk.ask(command + b"\r\n")).startswith("250 ")
    assert (await talk.ask("DATA")).startswith("354 ")
    await stage.feed(talk, [*parts[:-1], parts[-1] + END])
    return await talk.reply()


async def by_group(stage: Stage, talk: Talk, parts: Sequence[bytes]) -> str:
    """MAIL, RCPT and DATA in one group (RFC 2920); then the content."""
    await stage.feed(talk, [ENVELOPE + b"DATA\r\n"])
    for expected in ("250 ", "250 ", "354 "):
        assert (await talk.reply()).startswith(expected)
    await stage.feed(talk, [*parts[:-1], parts[-1] + END])
    return await talk.reply()


async def by_rush(stage: Stage, talk: Talk, parts: Sequence[bytes]) -> str:
    """The envelope, DATA and the content without waiting for any reply, cut only where the content is cut."""
    await stage.feed(talk, [ENVELOPE + b"DATA\r\n" + parts[0], *parts[1:], END])
    for expected in ("250 ", "250 ", "354 "):
        assert (await talk.reply()).startswith(expected)
    return await talk.reply()


async def by_bdat(stage: Stage, talk: Talk, parts: Sequence[bytes]) -> str:
    """A BDAT for each part (RFC 3030), the last one with LAST; the reply to that."""
    for command in ENVELOPE.splitlines():
        assert (await talk.ask(command + b"\r\n")).startswith("250 ")
    for part in parts[:-1]:
        await talk.ask(b"BDAT %d\r\n" % len(part) + part)
    return await talk.ask(b"BDAT %d LAST\r\n" % (len(parts[-1]) + 2) + parts[-1] + b"\r\n")


async def by_bdat_cut(stage: Stage, talk: Talk, parts: Sequence[bytes]) -> str:
    """One BDAT with its envelope in a group; its chunk comes in parts."""
    size = sum(map(len, parts)) + 2
    await stage.feed(talk, [ENVELOPE + b"BDAT %d LAST\r\n" % size + parts[0], *parts[1:], b"\r\n"])
    for _ in range(2):
        assert (await talk.reply()).startswith("250 ")
    return await talk.reply()


Send = Callable[[Stage, Talk, Sequence[bytes]], Awaitable[str]]
WAYS: dict[str, tuple[str, Send]] = {
    "dialogue": ("PIPELINING", by_dialogue),
    "group": ("PIPELINING", by_group),
    "rush": ("PIPELINING", by_rush),
    "BDAT": ("CHUNKING", by_bdat),
    "BDAT cut": ("CHUNKING", by_bdat_cut),
}
"""Name -> the keyword that EHLO must offer for it, and how it sends."""


def cuts(content: bytes, start: int, size: int) -> Iterator[list[bytes]]:
    """The content whole, cut once at each place from before `start` to behind `start + size`, and cut at all of
    them."""
    places = [at for at in range(start - 1, start + size + 2) if 0 < at < len(content)]
    yield [content]
    for at in places:
        yield [content[:at], content[at:]]
    yield [content[a:b] for a, b in zip([0, *places], [*places, len(content)], strict=True)]


async def play(stage: Stage, send: Send, parts: Sequence[bytes]) -> str:
    """One message in a session of its own; the reply to it. Whatever it was, it is one message or none."""
    hop, before = stage.hop, len(stage.hop.messages)
    talk = await stage.client()
    reply = await send(stage, talk, parts)
    assert (await talk.ask("NOOP")) == "250 2.0.0 Ok", "each command had its reply"
    talk.writer.close()
    assert await stage.gateway.edge.ended(60)
    arrived = hop.messages[before:]
    assert len(arrived) == (1 if reply.startswith("250 ") else 0), (reply, parts)
    for message in arrived:
        assert message.reverse_path.startswith("<nan@nets.example>")
        assert message.recipients == ("bob@nets.example",)
    return reply


def check_hop(hop: Smtpd) -> None:
    """What the next hop was told over the whole test: nothing of the hidden transaction as commands, no line end but
    CRLF."""
    for command in hop.commands:
        assert command.partition(" ")[0] in ("EHLO", "MAIL", "RCPT", "DATA", "RSET", "QUIT"), command
        assert "evil" not in command
        assert "victim" not in command
    if isinstance(hop, Lenient):
        assert hop.raw.count(b"\r\n") == hop.raw.count(b"\r") == hop.raw.count(b"\n")
        assert b"\0" not in hop.raw


HOPS: dict[str, Callable[[], Smtpd]] = {
    "strict": Smtpd,
    "lenient": Lenient,
    "seven bits": lambda: Lenient(seven_bit=True),
}


@pytest.mark.parametrize(
    ("kind", "way"), [("strict", "dialogue"), ("seven bits", "dialogue"), *(("lenient", way) for way in WAYS)]
)
async def test_no_end_but_the_right_one_lets_a_second_message_through(tmp_path: Path, kind: str, way: str) -> None:
    keyword, send = WAYS[way]
    async with HOPS[kind]() as hop, running(tmp_path, hop=hop) as (gateway, _, linter):
        stage = Stage(gateway, hop, linter)
        (await stage.client()).writer.close()
        if not stage.offers(keyword):
            pytest.skip(f"{keyword} is not offered")
        replies = set()
        ends = NOT_AN_END if keyword == "PIPELINING" else (*NOT_AN_END, END, *ODD_BUT_AN_END)
        for end in ends:
            start = HEADER + b"one"
            hidden = (b"\r\n" if b"\r\n" in end else end.strip(b".")[:1]).join(HIDDEN)
            content = start + end + hidden + b"\r\n\r\ntwo"
            for parts in cuts(content, len(start), len(end)):
                replies.add((await play(stage, send, parts))[:10])
        assert replies <= {"250 2.0.0 ", "554 5.6.0 ", "554 5.6.3 "}
        check_hop(hop)


async def test_nor_astride_the_edge_of_what_is_gathered(tmp_path: Path) -> None:
    async with Lenient() as hop, running(tmp_path, hop=hop) as (gateway, _, linter):
        stage = Stage(gateway, hop, linter)
        for end in NOT_AN_END:
            for cut in range(len(end) + 1):
                # What came in so far is one octet more than is gathered: all but four octets are handed on.
                pad = lines_of(inboxes._CHUNK + 1 - cut - len(HEADER))
                content = HEADER + pad + end + b"\r\n".join(HIDDEN)
                at = len(HEADER) + len(pad) + cut
                await play(stage, by_dialogue, [content[:at], content[at:]])
        check_hop(hop)


@pytest.mark.parametrize("end", ODD_BUT_AN_END)
async def test_an_end_behind_something_wrong_ends_the_message_that_is_refused(tmp_path: Path, end: bytes) -> None:
    async with Lenient() as hop, running(tmp_path, hop=hop) as (gateway, _, linter):
        stage = Stage(gateway, hop, linter)
        for parts in cuts(HEADER + b"one" + end + b"NOOP\r\n", len(HEADER) + 3, len(end)):
            talk = await stage.client()
            await stage.feed(talk, [ENVELOPE + b"DATA\r\n", *parts])
            said = [(await talk.reply())[:10] for _ in range(5)]
            assert said == ["250 2.1.0 ", "250 2.1.5 ", said[2], "554 5.6.0 ", "250 2.0.0 "]
            talk.writer.close()
            assert await gateway.edge.ended(60)
        assert hop.messages == []
        check_hop(hop)


def lines_of(size: int) -> bytes:
    """So many octets of text, one at least; all lines end in CRLF, but for the last one, which ends in nothing."""
    line = b"y" * 898 + b"\r\n"
    text = (line * (size // len(line) + 1))[: max(1, size)]
    return (text[:-2] + b"yy" if text.endswith((b"\r", b"\n")) else text) or b"y"


TRICKY = (
    b"\r\n..\r\n", b"\r\n..\r\n..\r\n", b"\r\n. \r\n", b"\r\n.a\r\n", b"\r\n...\r\n", b".\r\n", b"..\r\n..", b"\r\n\r\n..\r\n",
    b"\r\n..\r\nMAIL FROM:<eve@evil.example>\r\nRCPT TO:<victim@recipient.example>\r\nDATA\r\n\r\n..\r\n",
)  # fmt: skip
"""As a client sends it in DATA: dots doubled where they must be. A well-formed client may send all of it."""


@pytest.mark.parametrize(
    ("kind", "edge"),
    [("strict", 0), *(("lenient", edge) for edge in (0, inboxes._CHUNK, bodies.IN_MEMORY, bodies._PIECE * 2))],
)
async def test_dots_arrive_as_they_were_meant_wherever_they_stand(tmp_path: Path, kind: str, edge: int) -> None:
    async with HOPS[kind]() as hop, running(tmp_path, hop=hop) as (gateway, _, linter):
        stage = Stage(gateway, hop, linter)
        for tricky in TRICKY:
            for shift in range(-2, len(tricky) + 2):
                pad = lines_of(edge - shift - len(HEADER))
                wire = HEADER + pad + tricky + b"end"
                at = len(HEADER) + len(pad) + min(max(shift, 0), len(tricky))
                reply = await play(stage, by_group, [wire[:at], wire[at:]])
                assert reply.startswith("250 ")
                meant = b"\r\n".join(line.removeprefix(b".") for line in (wire + b"\r\n").split(b"\r\n"))
                assert hop.messages[-1].content.endswith(meant)
        check_hop(hop)


@pytest.mark.parametrize("kind", ["strict", "lenient"])
async def test_two_messages_in_one_group_are_two_and_no_more(tmp_path: Path, kind: str) -> None:
    async with HOPS[kind]() as hop, running(tmp_path, hop=hop) as (gateway, _, linter):
        stage = Stage(gateway, hop, linter)
        one = ENVELOPE + b"DATA\r\n" + HEADER + b"one" + END
        for at in range(1, len(one) + 1):
            talk = await stage.client()
            await stage.feed(talk, [one + one[:at], one[at:] + b"NOOP\r\n"])
            said = [(await talk.reply())[:4] for _ in range(9)]
            assert said == ["250 ", "250 ", "354 ", "250 ", "250 ", "250 ", "354 ", "250 ", "250 "]
            talk.writer.close()
            assert await gateway.edge.ended(60)
            assert len(hop.messages) == 2 * at
        check_hop(hop)
