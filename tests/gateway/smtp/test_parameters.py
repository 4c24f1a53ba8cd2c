"""Parameters of MAIL and RCPT; the dialogues in tests/dialogs/dsn.txt show them on the wire."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp import replies
from gateway.smtp.parameters import wrong_in_mail, wrong_in_rcpt
from gateway.smtp.wire import parse_path

ALL = frozenset(("8BITMIME", "SMTPUTF8", "DSN", "REQUIRETLS"))
NONE: frozenset[str] = frozenset()


def mail(parameters: str, now: frozenset[str] = ALL, told: frozenset[str] = ALL) -> int:
    """The code of the refusal; 0 for none."""
    reply = wrong_in_mail(parse_path("FROM", f"FROM:<a@b.example> {parameters}"), now, told)
    return reply.code if reply else 0


def rcpt(parameters: str, now: frozenset[str] = ALL, *, utf8: bool = False) -> int:
    reply = wrong_in_rcpt(parse_path("TO", f"TO:<a@b.example> {parameters}"), now, now, utf8=utf8)
    return reply.code if reply else 0


@pytest.mark.parametrize("parameter", ["RET=FULL", "ENVID=1", "SMTPUTF8", "BODY=8BITMIME", "REQUIRETLS"])
def test_what_needs_an_extension_is_555_where_it_was_not_offered_and_451_where_it_is_no_more(parameter: str) -> None:
    assert mail(parameter) == 0
    assert mail(parameter, NONE, NONE) == 555
    assert mail(parameter, NONE, ALL) == 451


@pytest.mark.parametrize("parameter", ["SIZE=1", "BODY=7BIT", "AUTH=<>", "AUTH=a+2Bb@c.example", ""])
def test_what_needs_none_passes_without(parameter: str) -> None:
    assert mail(parameter, NONE, NONE) == 0


@pytest.mark.parametrize("parameter", ["XVERP", "NOTIFY=NEVER", "ORCPT=rfc822;a", "BY=120;R", "HOLDFOR=60"])
def test_unknown_parameters_are_555(parameter: str) -> None:
    assert mail(parameter) == 555


@pytest.mark.parametrize("value", ["7", "", "²", "1e3", "-1", "9" * 21])
def test_size_is_a_number(value: str) -> None:
    assert wrong_in_mail(parse_path("FROM", "FROM:<a@b.example>"), ALL, ALL) is None
    if value == "7":
        assert mail(f"SIZE={value}") == 0
    elif value:
        assert mail(f"SIZE={value}") == 501


def xtext(text: str) -> str:
    """As RFC 3461 section 4 encodes it."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)


@given(st.text(string.printable[:95] + "\t", min_size=1, max_size=100))
def test_any_printable_text_in_xtext_is_right(text: str) -> None:
    assert mail(f"ENVID={xtext(text)}") == 0
    assert rcpt(f"ORCPT=rfc822;{xtext(text)}") == 0


@given(st.text(min_size=1, max_size=20).filter(lambda text: not text.isascii() or not text.isprintable()))
def test_what_is_not_printable_is_never_let_into_a_report(text: str) -> None:
    if "\t" not in text:
        assert mail(f"ENVID=a{''.join(f'+{octet:02X}' for octet in text.encode())}") == 501


@pytest.mark.parametrize("value", ["utf-8;jürgen@bücher.example", "UTF-8;ü"])
def test_an_original_recipient_in_utf8_needs_smtputf8(value: str) -> None:
    assert rcpt(f"ORCPT={value}", utf8=True) == 0
    assert rcpt(f"ORCPT={value}") == 501


@pytest.mark.parametrize("value", ["rfc822;ü", "utf-8;a+ü", ";a", "-a;b", "rfc822;a\u2028b"])
def test_other_original_recipients_are_ascii(value: str) -> None:
    if "\u2028" in value:
        with pytest.raises(ValueError, match="malformed parameter"):
            rcpt(f"ORCPT={value}", utf8=True)
    else:
        assert rcpt(f"ORCPT={value}", utf8=True) == 501


def test_rcpt_takes_no_parameter_without_dsn() -> None:
    assert rcpt("NOTIFY=NEVER", NONE) == 555
    assert wrong_in_rcpt(parse_path("TO", "TO:<a@b.example>"), NONE, NONE, utf8=False) is None


def test_the_reply_to_an_offer_that_changed_is_ours() -> None:
    assert replies.OFFER_CHANGED.code == 451
