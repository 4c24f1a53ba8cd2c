"""The sink is a witness in other tests: what it says must be so."""

import smtplib
from hashlib import sha256

import pytest

from tests.rig.processes import is_open
from tests.rig.sink import Mood, Sink, split, unstuffed

HEADER = b"Message-ID: <1@x.example>\r\nSubject: x\r\n"


def _send(sink: Sink, body: bytes, recipients: tuple[str, ...] = ("b@y.example",)) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        return client.sendmail("a@x.example", recipients, HEADER + b"\r\n" + body)


@pytest.mark.parametrize("body", [b"hi\r\n", b".\r\n", b"..a\r\n.b\r\n", b"\r\n\r\n", b"\xe9" * 300_000 + b"\r\n"])
def test_an_arrival_holds_envelope_header_and_digest_of_the_body(body: bytes) -> None:
    with Sink() as sink:
        _send(sink, body, ("b@y.example", "c@y.example"))
        (arrival,) = sink.arrivals()
    assert (arrival.reverse_path, arrival.recipients) == ("a@x.example", ("b@y.example", "c@y.example"))
    assert (arrival.header, arrival.message_id) == (HEADER, "<1@x.example>")
    assert (arrival.body_sha256, arrival.body_size) == (sha256(body).hexdigest(), len(body))
    assert arrival.answered


def test_dots_are_unstuffed_and_the_empty_line_splits() -> None:
    assert unstuffed(b"..a\r\n..\r\nb.\r\n") == b".a\r\n.\r\nb.\r\n"
    assert split(b"A: b\r\n\r\nc\r\n\r\nd") == (b"A: b\r\n", b"c\r\n\r\nd")
    assert split(b"\r\nbody") == (b"", b"body")
    assert split(b"A: b\r\n") == (b"A: b\r\n", b"")


def test_denied_relay_is_answered_at_every_recipient() -> None:
    with Sink() as sink:
        sink.mood = Mood.DENY_RELAY
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            _send(sink, b"x\r\n")
        assert refused.value.recipients == {"b@y.example": (554, b"5.7.1 Relay access denied")}
        assert sink.arrivals() == []
        assert sink.replies() == {"554 5.7.1 Relay access denied": 1}


def test_every_tenth_recipient_is_put_off() -> None:
    with Sink() as sink:
        sink.mood = Mood.TENTH_LATER
        refused = _send(sink, b"x\r\n", tuple(f"b{number}@y.example" for number in range(20)))
        assert sorted(refused) == ["b19@y.example", "b9@y.example"]
        assert len(sink.arrivals()[0].recipients) == 18


@pytest.mark.parametrize(("mood", "kept"), [(Mood.CUT_AFTER_DOT, 1), (Mood.LOSE_AFTER_DOT, 0)])
def test_a_cut_after_the_dot_leaves_the_client_without_an_answer(mood: Mood, kept: int) -> None:
    with Sink() as sink:
        sink.mood = mood
        with pytest.raises(smtplib.SMTPServerDisconnected):
            _send(sink, b"x\r\n")
        assert [arrival.answered for arrival in sink.arrivals()] == [False] * kept


def test_a_sink_that_was_shut_comes_back_on_its_port_with_what_it_had() -> None:
    with Sink() as sink:
        _send(sink, b"one\r\n")
        idle = smtplib.SMTP("127.0.0.1", sink.port)
        sink.shut()
        assert not is_open(sink.port)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            idle.noop()
        idle.close()
        sink.listen()
        _send(sink, b"two\r\n")
        assert len(sink.arrivals()) == 2
