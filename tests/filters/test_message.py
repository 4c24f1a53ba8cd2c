"""The view of a message loses nothing and raises nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import message
from filters.message import Message

FIELDS = st.lists(
    st.tuples(st.from_regex(rb"[!-9;-~]{1,12}", fullmatch=True), st.lists(st.from_regex(rb"[ -~]{0,20}", fullmatch=True), min_size=1, max_size=3)),
    max_size=8,
)  # fmt: skip


@given(FIELDS, st.binary(max_size=40))
def test_fields_are_read_in_order_with_their_exact_ranges(fields: list[tuple[bytes, list[bytes]]], body: bytes) -> None:
    lines = [name + b":" + b"\r\n ".join(values) + b"\r\n" for name, values in fields]
    raw = b"".join(lines) + b"\r\n" + body
    message = Message(raw)
    assert [raw[field.start : field.end] for field in message.fields] == lines
    assert [field.name.encode() for field in message.fields] == [name.lower() for name, _ in fields]
    assert [field.value for field in message.fields] == [b"\r\n ".join(values) for _, values in fields]
    assert not any(field.defect for field in message.fields)
    assert raw[message.body_start :] == body
    assert message.header == b"".join(lines)


@given(
    st.lists(
        st.sampled_from(
            [
                b"From:",
                b"From :",
                b" ",
                b"\t",
                b"\r\n",
                b"a@b.example",
                b"<",
                b">",
                b'"',
                b"(",
                b",",
                b"\0",
                b"\xff",
                b":",
                b";",
            ]
        )
    ).map(b"".join)
)
def test_nothing_raises_and_no_octet_is_lost(raw: bytes) -> None:
    message = Message(raw)
    assert b"".join(raw[field.start : field.end] for field in message.fields) == message.header
    assert message.header in raw
    assert message.body_start <= len(raw)
    for field in message.fields:
        message.mailboxes(field.name)
    assert isinstance(message.message_id, str)


@given(st.text(alphabet='abc@.<>"(),;:\\ \t=?_ü[]', max_size=60))
def test_any_from_is_mailboxes_or_none(text: str) -> None:
    mailboxes = Message(b"From: " + text.encode() + b"\r\n\r\n").mailboxes("from")
    assert mailboxes is None or all("@" in mailbox.canonical for mailbox in mailboxes)


def test_a_message_without_blank_line_is_all_header() -> None:
    message = Message(b"From: a@b.example\r\nSubject: x\r\n")
    assert message.body_start == len(message.raw)
    assert len(message.fields) == 2


def test_a_message_that_starts_with_a_blank_line_has_no_header() -> None:
    message = Message(b"\r\nFrom: a@b.example\r\n\r\nbody\r\n")
    assert (message.header, message.fields, message.body_start) == (b"", (), 2)


@pytest.mark.parametrize(
    ("raw", "defect"),
    [(b"no colon\r\n", "no colon"), (b"a b: c\r\n", "name is not printable ASCII"), (b"a : c\r\n", "space before the colon"),
     (b" a: c\r\n", "folded first line"), (b"\xfc: c\r\n", "name is not printable ASCII"), (b": c\r\n", "name is not printable ASCII")],
)  # fmt: skip
def test_defects_are_data(raw: bytes, defect: str) -> None:
    assert Message(raw + b"\r\n").fields[0].defect == defect


MBOX = b"From ann@acme.example Fri Nov 20 10:00:00 2026\r\n"


@pytest.mark.parametrize(
    "line",
    [MBOX, b">" + MBOX, b"From - Fri Nov  6 10:00 2026\r\n", b"From a@b.example  Thu Aug 22 12:36:23 CEST 2002\r\n",
     b"From a Thu Aug 22 12:36:23 2002 +0200\r\n"],
)  # fmt: skip
def test_a_line_that_an_mbox_file_left_on_top_is_known(line: bytes) -> None:
    first, second = Message(line + b"From: a@b.example\r\n\r\n").fields
    assert (first.name, first.defect, first.start, first.end) == ("mbox line", "mbox line", 0, len(line))
    assert (second.name, second.defect, second.start) == ("from", "", len(line))


@pytest.mark.parametrize(
    "raw",
    [b"X: a\r\n" + MBOX, MBOX + b" folded\r\n", b"From :a\r\n", b"From a@b.example\r\n", b" " + MBOX,
     b"From a@b.example Fri Nov 20 10:00:00 2026: x\r\n", b"From a b Fri Nov 20 10:00:00 2026\r\n"],
)  # fmt: skip
def test_what_only_looks_like_it_is_not(raw: bytes) -> None:
    assert not any(field.defect == "mbox line" for field in Message(raw + b"\r\n").fields)


def test_unusual_is_what_is_neither_printable_ascii_nor_white_space() -> None:
    assert Message(b"A:\tb \x07\xfc\r\nB:\x7f~\0\r\n\r\n\xff").unusual == b"\x07\xfc\x7f\0"


def test_all_finds_a_name_in_any_case_from_top_to_bottom() -> None:
    message = Message(b"To: a\r\nX: b\r\ntO:c\r\n\r\n")
    assert [field.unfolded for field in message.all("to")] == [b"a", b"c"]


def test_unfolded_joins_lines_and_trims() -> None:
    assert Message(b"A:  b\r\n\tc \r\n\r\n").fields[0].unfolded == b"b\tc"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b"", ""), (b"Message-ID: <a@b>\r\n", "<a@b>"), (b"Message-ID:\r\n", ""), (b"message-id: \xff<a>\x01\r\n", "<a>"),
     (b"Message-ID: " + b"x" * 300 + b"\r\n", "x" * 250), (b"Message-ID: <1>\r\nMessage-ID: <2>\r\n", "<1>")],
)  # fmt: skip
def test_message_id_is_safe_to_record(raw: bytes, expected: str) -> None:
    assert Message(raw + b"\r\n").message_id == expected


def test_a_very_long_from_is_not_parsed() -> None:
    assert Message(b"From: (" + b"(" * 100_000 + b"\r\n\r\n").mailboxes("from") is None


def test_two_fields_of_a_name_give_all_mailboxes_or_none() -> None:
    both = Message(b"From: a@b.example\r\nFrom: c@d.example\r\n\r\n").mailboxes("from")
    assert both is not None
    assert [mailbox.text for mailbox in both] == ["a@b.example", "c@d.example"]
    assert Message(b"From: a@b.example\r\nFrom: broken\r\n\r\n").mailboxes("from") is None
    assert Message(b"\r\n").mailboxes("from") == ()


@given(
    st.lists(
        st.sampled_from(
            [b"From: a@b.example", b"X:", b" fold", b"\tfold", b"\r\n", b"\r", b"\n", b":", b"no colon", b"Y : z"]
        ),
        max_size=10,
    ).map(b"".join)
)
def test_the_quick_way_reads_what_the_careful_way_reads(header: bytes) -> None:
    quick = message._split_plain(header)
    assert quick == () or list(quick) == list(message._split(header))
