"""Command lines, paths, line ends and dots, in any cutting into chunks."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp.wire import (
    LineCheck,
    LineRepair,
    Path,
    PathFault,
    SyntaxFault,
    Unstuffer,
    is_ehlo_name,
    parse_parameters,
    parse_path,
    split_command,
    stuff,
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in chunks, cut at places (modulo its length)."""
    at = sorted({place % (len(data) + 1) for place in places})
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


def check(data: bytes, places: list[int] | None = None) -> str:
    checker = LineCheck()
    for chunk in cut(data, places or []):
        checker.feed(chunk)
    checker.end()
    return checker.fault


def unstuffed(data: bytes, places: list[int]) -> bytes:
    unstuffer = Unstuffer()
    return b"".join([unstuffer.feed(chunk) for chunk in cut(data, places)]) + unstuffer.end()


LINES = st.lists(st.sampled_from([b"", b".", b"..", b"a", b".a", b"a.", b"x" * 70]), max_size=8)
NASTY = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\0"]), max_size=12).map(b"".join)
PLACES = st.lists(st.integers(0, 500), max_size=6)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"NOOP", ("NOOP", "")),
        (b"mail FROM:<a@b.example>", ("MAIL", "FROM:<a@b.example>")),
        (b"NOOP   x  ", ("NOOP", "x")),
        (b"", ("", "")),
        (b" NOOP", ("", "NOOP")),
    ],
)
def test_a_command_is_a_verb_and_an_argument(line: bytes, expected: tuple[str, str]) -> None:
    assert split_command(line) == expected


@pytest.mark.parametrize(
    "line", [b"NO\0OP", b"NOOP\r", b"MAIL\nRCPT", b"NOOP \x7f", b"NOOP \xff", "NÖÖP".encode(), b"A\tB"]
)
def test_control_characters_and_broken_utf8_are_no_command(line: bytes) -> None:
    with pytest.raises(SyntaxFault):
        split_command(line)


@pytest.mark.parametrize(
    ("line", "text"),
    [(b"NOOP \xff", "command is not ASCII or UTF-8"), (b"NO\0OP", "control characters in a command"), ("NÖÖP".encode(), "command is not ASCII")],
)  # fmt: skip
def test_a_syntax_fault_says_what_is_wrong(line: bytes, text: str) -> None:
    with pytest.raises(SyntaxFault) as caught:
        split_command(line)
    assert str(caught.value) == text


def test_only_spaces_around_an_argument_are_taken_off() -> None:
    assert split_command("NOOP  X\u00a0 ".encode()) == ("NOOP", "X\u00a0")


@pytest.mark.parametrize(
    ("argument", "text"),
    [("FROM:a", "syntax: FROM:<address> and parameters"), ("FROM:<@a:b@c.example>", "source routes are not accepted"),
     ('FROM:<"a<b"@c.example>', "no space or angle bracket in an address"), ("FROM:<a>", "no @ and domain"),
     ("FROM:<> =", "malformed parameter"), ("FROM:<> " + "x" * 50 + " " + "x" * 50, f"parameter {'X' * 40} given twice")],
)  # fmt: skip
def test_a_path_fault_says_what_is_wrong(argument: str, text: str) -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse_path("FROM", argument)
    assert str(caught.value) == text


@given(st.binary(max_size=80))
def test_any_line_is_a_command_or_a_syntax_fault(line: bytes) -> None:
    try:
        verb, argument = split_command(line)
    except SyntaxFault:
        return
    assert verb.isascii() and verb == verb.upper()
    assert not set(verb + argument) & {"\r", "\n", "\0"}


@pytest.mark.parametrize(
    ("argument", "address", "parameters"),
    [
        ("FROM:<a@b.example>", "a@b.example", {}),
        ("from:<a@b.example>", "a@b.example", {}),
        ("FROM: <a@b.example>", "a@b.example", {}),
        ("FROM:<>", None, {}),
        ("FROM:<> SIZE=10", None, {"SIZE": "10"}),
        (
            "FROM:<a@b.example> size=10 BODY=8BITMIME SMTPUTF8",
            "a@b.example",
            {"SIZE": "10", "BODY": "8BITMIME", "SMTPUTF8": ""},
        ),
        ('FROM:<"a@b"@b.example>', '"a@b"@b.example', {}),
        ("FROM:<ü@b.example> SMTPUTF8", "ü@b.example", {"SMTPUTF8": ""}),
    ],
)
def test_a_path_is_read(argument: str, address: str | None, parameters: dict[str, str]) -> None:
    path = parse_path("FROM", argument)
    assert (path.address.text if path.address else None) == address
    assert dict(path.parameters) == parameters


@pytest.mark.parametrize(
    "argument",
    [
        "", "FROM", "FROM:", "FROM:a@b.example", "TO:<a@b.example>", "FROM:<a@b.example", "FROM:<a@b.example>SIZE=1",
        "FROM:<a b@c.example>", "FROM:<a@b.example>> SIZE=1", "FROM:<<a@b.example>>", "FROM:<a@b.example> =1",
        "FROM:<a@b.example> SIZE=1 size=2", "FROM:<a@b.example> SIZE=", "FROM  :<a@b.example>", "FROM:  <a@b.example>",
        "FROM:<a@b.example> X=a\u2028", "FROM:<a@b.example> X=\u0085",
    ],
)  # fmt: skip
def test_what_is_no_path_is_a_syntax_fault(argument: str) -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse_path("FROM", argument)
    assert not isinstance(caught.value, PathFault)


@pytest.mark.parametrize(
    "text", ["@x.example:a@b.example", "@x.example,@y.example:a@b.example", "a", "a@b", "a..b@c.example", "a@[127.0.0.1]",
             "a@-b.example", "x" * 255 + "@b.example", '"a b"@c.example', '"a>b"@c.example', "a@" + "b" * 250 + ".example"]
)  # fmt: skip
def test_a_source_route_or_a_bad_address_is_a_path_fault(text: str) -> None:
    with pytest.raises(PathFault):
        parse_path("TO", f"TO:<{text}>")


@given(st.text(max_size=60))
def test_any_argument_is_a_path_or_a_fault(text: str) -> None:
    try:
        path = parse_path("FROM", f"FROM:<{text}>")
    except SyntaxFault:
        return
    assert isinstance(path, Path)
    assert path.address is None or not set(path.address.text) & set("\r\n\0<")


def test_parameters_keep_their_order_and_their_values_as_written() -> None:
    assert list(parse_parameters("b=Xy a C=1").items()) == [("B", "Xy"), ("A", ""), ("C", "1")]


@pytest.mark.parametrize(
    "name", ["client.example", "localhost", "[192.0.2.1]", "[IPv6:2001:db8::1]", "my_host", "x.example."]
)
def test_ehlo_names(name: str) -> None:
    assert is_ehlo_name(name)


@pytest.mark.parametrize("name", ["", "a b", "a(b)", "x\r", "[]", "ä.example", "-a", "a" * 300, "<x>"])
def test_what_is_no_ehlo_name(name: str) -> None:
    assert not is_ehlo_name(name)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", ""), (b"a\r\n", ""), (b"\r\n\r\n", ""), (b"a\nb\r\n", "bare LF"), (b"\n", "bare LF"), (b"\r", "bare CR"),
        (b"a\rb\r\n", "bare CR"), (b"a\r\r\n", "bare CR"), (b"\n\r\n", "bare LF"), (b"a\r\n\n", "bare LF"),
        (b"\n\r", "bare LF"), (b"a\0b\r\n", "NUL"), (b"a\r", "bare CR"), (b"\r\n.\n.\r\n", "bare LF"), (b"\r\n.\r.\r\n", "bare CR"),
    ],
)  # fmt: skip
def test_line_check_names_what_is_wrong(data: bytes, fault: str) -> None:
    assert check(data) == fault


def test_line_check_over_every_short_text_in_every_two_cuts() -> None:
    for length in range(1, 6):
        for letters in itertools.product(b"\r\na", repeat=length):
            data = bytes(letters)
            bad = bool(set(data.replace(b"\r\n", b"")) & {10, 13})
            for places in itertools.combinations_with_replacement(range(length + 1), 2):
                assert bool(check(data, list(places))) == bad, (data, places)


def test_a_bare_return_astride_two_chunks_is_named() -> None:
    assert check(b"a\rb\r\n", [2]) == "bare CR"


def test_nothing_is_held_back_twice() -> None:
    unstuffer = Unstuffer()
    assert unstuffer.feed(b"a\r\n") + unstuffer.end() + unstuffer.end() == b"a\r\n"


@given(NASTY, PLACES)
def test_line_check_finds_the_same_in_any_cutting(data: bytes, places: list[int]) -> None:
    stripped = data.replace(b"\r\n", b"")
    bad = b"\r" in stripped or b"\n" in stripped or b"\0" in data
    assert bool(check(data)) == bad
    assert bool(check(data, places)) == bad
    assert bool(check(data, list(range(len(data))))) == bad


@given(LINES, PLACES)
def test_dots_put_on_come_off_in_any_cutting(lines: list[bytes], places: list[int]) -> None:
    message = b"".join(line + b"\r\n" for line in lines)
    wire = stuff(message, line_start=True)
    assert b"\r\n.\r\n" not in b"\r\n" + wire
    assert unstuffed(wire, places) == message
    assert unstuffed(wire, list(range(len(wire)))) == message


def test_a_dot_that_was_not_put_on_is_taken_off_all_the_same() -> None:
    assert unstuffed(b".hidden\r\n..two\r\n", []) == b"hidden\r\n.two\r\n"


def test_a_first_dot_that_starts_no_line_stays() -> None:
    assert stuff(b".a\r\n.b", line_start=False) == b".a\r\n..b"


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b".", b""]), max_size=12), st.integers(1, 5))
def test_line_repair_is_the_same_over_any_cutting(parts: list[bytes], step: int) -> None:
    data, repair = b"".join(parts), LineRepair()
    found = b"".join(repair.feed(data[at : at + step]) for at in range(0, len(data), step)) + repair.end()
    assert found == b"\r\n".join(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    check = LineCheck()
    check.feed(found)
    check.end()
    assert check.fault == ""
    assert (repair.mended > 0) == (found != data)
