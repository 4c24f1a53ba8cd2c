"""What the next hop's answers mean for the client (design decision 2.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.nexthop.answers import Answer, AnswerParser
from gateway.nexthop.reading import MAX_TEXT, TRY_LATER, Reading, Stage, read

IN_TRANSACTION = (Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT)
BEFORE = (Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.TLS, Stage.AUTH)


def reading(stage: Stage, line: str) -> Reading:
    (answer,) = AnswerParser().feed(line.encode() + b"\r\n")
    return read(stage, answer)


@pytest.mark.parametrize(
    ("stage", "line", "told"),
    [
        # its 5xx at RCPT: with x.1.x and x.2.x only
        (Stage.RCPT, "550 5.1.1 No such user", "550 5.1.1 No such user"),
        (Stage.RCPT, "550 5.2.1 Mailbox disabled", "550 5.2.1 Mailbox disabled"),
        (Stage.RCPT, "556 5.1.10 Null MX", "556 5.1.10 Null MX"),
        (Stage.RCPT, "553 5.1.3 Bad syntax", "553 5.1.3 Bad syntax"),
        # at the dot: unless x.3.x or x.5.x
        (Stage.DOT, "554 5.7.1 Spam", "554 5.7.1 Spam"),
        (Stage.DOT, "550 5.6.0 Bad content", "550 5.6.0 Bad content"),
        (Stage.DOT, "552 5.2.3 Too long", "552 5.2.3 Too long"),
        (Stage.DOT, "554 Transaction failed", "554 5.0.0 Transaction failed"),
        (Stage.DOT, "552", "552 5.0.0 Refused by the next hop"),
        (Stage.DOT, "571 5.7.1 Odd code", "554 5.7.1 Odd code"),
        # its 4xx, with its own enhanced code
        (Stage.MAIL, "452 4.3.1 Full", "452 4.3.1 Full"),
        (Stage.RCPT, "450 4.2.0 Greylisted", "450 4.2.0 Greylisted"),
        (Stage.RCPT, "450 Greylisted", "450 4.0.0 Greylisted"),
        (Stage.RCPT, "450 5.2.0 Mixed up", "450 4.0.0 5.2.0 Mixed up"),
        (Stage.DATA, "451 4.3.0 Later", "451 4.3.0 Later"),
        (Stage.DOT, "451 4.7.1 Later", "451 4.7.1 Later"),
        (Stage.RCPT, "471 4.7.1 Odd code", "451 4.7.1 Odd code"),
        (Stage.RCPT, "421 4.3.2 Going down", "451 4.3.2 Going down"),
        (Stage.DOT, "421", f"451 4.0.0 {TRY_LATER}"),
        # acceptance
        (Stage.MAIL, "250 Ok", "250 2.1.0 Ok"),
        (Stage.RCPT, "250 2.1.5 Ok", "250 2.1.5 Ok"),
        (Stage.RCPT, "251 Forwarding", "250 2.1.5 Forwarding"),
        (Stage.DOT, "250 2.0.0 Ok: queued as Q1", "250 2.0.0 Ok: queued as Q1"),
        (Stage.DOT, "250 Ok", "250 2.0.0 Ok"),
    ],
)
def test_what_concerns_the_client_reaches_it(stage: Stage, line: str, told: str) -> None:
    found = reading(stage, line)
    assert str(found.reply) == told
    assert not found.fault


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        (Stage.RCPT, "554 5.7.1 Relay access denied"),
        (Stage.RCPT, "550 No such user"),
        (Stage.RCPT, "551 User not local"),
        (Stage.RCPT, "552 Too many recipients"),
        (Stage.RCPT, "553 Mailbox name not allowed"),
        (Stage.RCPT, "550 5.7.1 Relaying denied"),
        (Stage.RCPT, "550 5.3.0 Odd"),
        (Stage.RCPT, "550 5.0.0 Odd"),
        (Stage.RCPT, "550 2.1.1 Class of another code"),
        (Stage.RCPT, "501 5.1.3 Bad recipient address syntax"),
        (Stage.RCPT, "555 5.1.1 Parameter"),
        (Stage.RCPT, "354 Go on"),
        (Stage.MAIL, "550 5.1.8 Sender unknown"),
        (Stage.MAIL, "550 5.7.1 Sender refused"),
        (Stage.MAIL, "530 5.7.0 Authentication required"),
        (Stage.DATA, "554 5.5.1 No valid recipients"),
        (Stage.DATA, "550 5.1.1 Late"),
        (Stage.DATA, "250 Ok"),
        (Stage.DOT, "554 5.3.0 System trouble"),
        (Stage.DOT, "552 5.3.4 Too big"),
        (Stage.DOT, "554 5.5.0 Protocol"),
        (Stage.DOT, "500 What"),
        (Stage.DOT, "503 5.6.0 Bad sequence"),
        (Stage.DOT, "530 5.7.0 Authentication"),
        (Stage.DOT, "555 Parameter"),
        (Stage.DOT, "220 Hello"),
        (Stage.DOT, "354 Go on"),
        *[(stage, line) for stage in BEFORE for line in ("550 5.1.1 No", "450 4.2.0 Later", "421 Closing")],
    ],
)
def test_what_concerns_us_is_451_and_a_fault(stage: Stage, line: str) -> None:
    found = reading(stage, line)
    assert str(found.reply) == f"451 4.4.0 {TRY_LATER}"
    assert found.fault == line


_answers = st.builds(
    Answer,
    st.integers(200, 599),
    st.lists(st.text(max_size=400), min_size=1, max_size=3).map(tuple),
    st.none(),
) | st.builds(
    lambda code, subject, detail, text: Answer(code, (text,), f"{code // 100}.{subject}.{detail}"),
    st.integers(200, 299) | st.integers(400, 599),
    st.integers(0, 9),
    st.integers(0, 30),
    st.text(max_size=80),
)


@given(st.sampled_from(Stage), _answers)
def test_every_answer_at_every_stage_has_a_reading(stage: Stage, answer: Answer) -> None:
    found = read(stage, answer)
    reply = found.reply
    assert len(reply.text) <= MAX_TEXT
    assert reply.code != 421
    if reply.positive:
        assert answer.positive and not found.fault
    if reply.code >= 500:
        assert stage in (Stage.RCPT, Stage.DOT) and not found.fault
        assert answer.code >= 500 and answer.code not in (500, 501, 502, 503, 504, 530, 555)
        subject = answer.enhanced.split(".")[1] if answer.enhanced else ""
        assert subject in ("1", "2") if stage is Stage.RCPT else subject not in ("3", "5")
    if found.fault:
        assert (reply.code, reply.enhanced) == (451, "4.4.0")


@given(st.sampled_from(IN_TRANSACTION), st.integers(400, 499))
def test_a_temporary_refusal_is_never_a_fault_of_ours(stage: Stage, code: int) -> None:
    found = read(stage, Answer(code, ("Later",)))
    assert 400 <= found.reply.code < 500 and not found.fault
