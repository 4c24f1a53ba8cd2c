"""Command lines: no command can hide in an address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.nexthop.wire import MAX_COMMAND, mail_line, rcpt_line


def test_mail_and_rcpt_lines_carry_path_and_parameters() -> None:
    assert (
        mail_line("a@b.example", ("SIZE=10", "BODY=8BITMIME")) == b"MAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME\r\n"
    )
    assert mail_line("") == b"MAIL FROM:<>\r\n"
    assert rcpt_line("jos\u00e9@b.example", ("NOTIFY=NEVER",)) == b"RCPT TO:<jos\xc3\xa9@b.example> NOTIFY=NEVER\r\n"


@pytest.mark.parametrize(
    "bad", ["a\r\nDATA", "a\nb", "a\rb", "a\0b", "a b", "a>b", "a<b", "a\tb", "a\x7fb", "\udcff@b"]
)
def test_an_address_with_what_could_end_it_is_refused(bad: str) -> None:
    with pytest.raises(ValueError):
        mail_line(bad)
    with pytest.raises(ValueError):
        rcpt_line(bad)


@pytest.mark.parametrize("bad", ["", "SIZE=1\r\nDATA", "A B", "A=\u2028", "A=\u0085", "A\0"])
def test_a_parameter_with_what_could_end_it_is_refused(bad: str) -> None:
    with pytest.raises(ValueError):
        rcpt_line("a@b.example", (bad,))


def test_an_empty_recipient_and_an_endless_line_are_refused() -> None:
    with pytest.raises(ValueError):
        rcpt_line("")
    with pytest.raises(ValueError):
        mail_line("a" * MAX_COMMAND)


@given(st.text(max_size=40), st.lists(st.text(max_size=10), max_size=3))
def test_whatever_is_accepted_is_one_line(address: str, parameters: list[str]) -> None:
    try:
        line = rcpt_line(address, parameters)
    except ValueError:
        return
    assert line.startswith(b"RCPT TO:<") and line.endswith(b"\r\n")
    assert not set(b"\r\n\0") & set(line[:-2])
    assert line.count(b" ") == 1 + len(parameters)
