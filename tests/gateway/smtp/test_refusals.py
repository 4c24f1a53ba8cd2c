"""What the edge refuses of a message whatever its rules would say."""

from datetime import UTC, datetime

import pytest

from config.policy import MessageBounds
from config.switch import Lock
from filters.message import Message
from filters.model import Outcome
from gateway.smtp import replies
from gateway.smtp.body import Body, Budget
from gateway.smtp.refusals import of_lock, of_message, verdict

BOUNDS = MessageBounds(max_header_bytes=16 * 1024, max_received=10)
FROM = b"From: ann@acme.example\r\n"


def refusal(data: bytes, limit: int = 1 << 20, *, seven_bit: bool = False) -> tuple[str, str] | None:
    """Code and evidence, or None."""
    body = Body(Budget(1 << 30, 1 << 30), limit, None)
    body.add(data)
    body.end()
    try:
        message = Message(b"" if body.fault else body.view())
        found = of_message(body, message, limit, BOUNDS, seven_bit=seven_bit)
        return (found.code, found.evidence) if found else None
    finally:
        body.close()


def received(count: int) -> bytes:
    return b"Received: from a by b; Fri, 20 Nov 2026 10:00:00 +0000\r\n" * count


@pytest.mark.parametrize(
    ("data", "code", "evidence"),
    [
        (FROM + b"\r\na\nb\r\n", "BARE-LF", "bare LF"),
        (FROM + b"\r\na\rb\r\n", "BARE-LF", "bare CR"),
        (FROM + b"\r\na\0b\r\n", "NUL", "NUL"),
        (FROM + b"\r\n" + b"x" * 2000, "SIZE", "2026 octets, limit 1000"),
        (FROM + b"X: " + b"x" * 17_000 + b"\r\n\r\n", "HEADER-SIZE", "17031 octets, limit 16384"),
        (received(11) + FROM + b"\r\n", "LOOP", "11 Received fields, limit 10"),
        (FROM + b"X: y\r\n" * 2000 + b"\r\n", "HEADER-SIZE", "2001 fields, limit 2000"),
        (
            FROM + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 1001,
            "MIME-BOUNDS",
            "more than 1000 parts",
        ),
    ],
)
def test_what_is_refused_says_why(data: bytes, code: str, evidence: str) -> None:
    assert refusal(data, 1000 if code == "SIZE" else 1 << 20) == (code, evidence)


def test_what_is_within_its_bounds_is_not_refused() -> None:
    assert refusal(received(10) + FROM + b"X: " + b"x" * 15_000 + b"\r\n\r\nbody\r\n") is None
    assert refusal(b"") is None
    assert refusal(b"x" * 1000, limit=1000) is None


def test_eight_bits_are_refused_where_the_next_hop_takes_seven() -> None:
    assert refusal(FROM + b"\r\nGr\xc3\xbc\xc3\x9fe\r\n") is None
    assert refusal(FROM + b"\r\nGr\xc3\xbc\xc3\x9fe\r\n", seven_bit=True) == (
        "EIGHT-BIT", "octets above 127, and the next hop did not offer 8BITMIME",
    )  # fmt: skip
    assert refusal(FROM + b"\r\nGreetings\r\n", seven_bit=True) is None


def test_a_lock_defers_and_keeps_its_reason_to_itself() -> None:
    lock = Lock("bob@recipient.example complained", "THEFT-A, THEFT-B", datetime(2026, 11, 20, 10, tzinfo=UTC))
    found = of_lock(lock)
    assert (str(found.reply)[:9], found.evidence) == (
        "450 4.7.1", "locked since 2026-11-20 10:00:00 UTC by THEFT-A, THEFT-B",
    )  # fmt: skip
    assert (verdict(found).outcome, verdict(found).decisive) == (Outcome.DEFER, found)
    assert verdict(replies.SIZE.finding("x")).outcome is Outcome.REJECT
