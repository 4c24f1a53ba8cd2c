"""The corpus player changes the senders' domains and nothing else, and sees what is refused."""

from datetime import UTC, datetime
from pathlib import Path

from filters.message import Message
from tests.bench.ham import last_date, lines, ours, played


def test_only_the_domains_of_senders_change() -> None:
    raw = (
        b"From eve@lists.example Thu Aug 22 12:36:23 2002\n"
        b"Return-Path: <eve-bounces@lists.example>\n"
        b'From: "eve@host.example" <eve@host.example>\n'
        b"To: ann@host.example\nsender : x@y.example,\n\tbob (b@c.example)\nSubject: From: z@w.example\n\nFrom: q@r.example\n"
    )
    assert ours(raw) == (
        b"Return-Path: <eve-bounces@acme.example>\r\n"
        b'From: "eve@acme.example" <eve@acme.example>\r\n'
        b"To: ann@host.example\r\nsender : x@acme.example,\r\n\tbob (b@acme.example)\r\nSubject: From: z@w.example\r\n\r\nFrom: q@r.example\r\n"
    )
    assert ours(raw, keep_mbox_line=True).startswith(b"From eve@lists.example Thu Aug 22")


def test_an_address_of_another_domain_in_a_display_name_stays() -> None:
    raw = b'From: "eve@other.example, Eve@host.example" <eve@host.example>\r\n\r\n'
    assert ours(raw) == b'From: "eve@other.example, Eve@acme.example" <eve@acme.example>\r\n\r\n'


def test_refusals_are_listed_by_class_with_their_files(tmp_path: Path) -> None:
    files = []
    for number, head in enumerate((b"From: a@b.example\n", b"From: a\n", b"From: a@x.example\nFrom: b@y.example\n")):
        files.append(tmp_path / f"{number}.txt")
        files[-1].write_bytes(head + b"Date: Thu, 22 Aug 2002 12:36:23 +0100\n\nbody\n")
    tally = played(files)
    assert (tally.messages, tally.refused, tally.failed) == (3, 2, {})
    assert tally.findings["reject", "HDR-FROM", "... From fields"] == [f"{tmp_path.name}/2.txt"]
    report = "\n".join(lines(tally, 1))
    assert report.startswith("3 messages, 2 refused: 666.67 in a thousand")
    assert "HDR-FROM" in report and f"{tmp_path.name}/2.txt" in report


def test_the_clock_stands_behind_the_last_date() -> None:
    raw = ours(
        b"Received: by a.example; Thu, 22 Aug 2002 14:00:00 +0100\nReceived: by b.example; nonsense\n"
        b"Date: Thu, 22 Aug 2002 12:36:23 +0100\nFrom: a@b.example\n\n"
    )
    assert last_date(Message(raw)) == datetime(2002, 8, 22, 13, 1, tzinfo=UTC)
