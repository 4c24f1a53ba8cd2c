"""AUTH exchanges up to a username and a password; whole dialogues are in tests/dialogs/identity.txt."""

import asyncio
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.model import Reply
from gateway.smtp import replies
from gateway.smtp.sasl import credentials


def exchange(
    mechanism: str, initial: str, *lines: bytes | Reply, prompts: list[str] | None = None
) -> tuple[str, str] | Reply:
    """The exchange with a client that answers challenges with these lines; their prompts go into `prompts`."""
    answers = list(lines)

    async def challenge(prompt: str) -> bytes | Reply:
        if prompts is not None:
            prompts.append(prompt)
        return answers.pop(0)

    found = asyncio.run(credentials(mechanism, initial, challenge))
    assert not answers
    return found


def encoded(text: bytes) -> bytes:
    return b64encode(text)


@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
)
def test_plain_and_login_carry_any_username_and_password(username: str, password: str) -> None:
    blob = encoded(f"\0{username}\0{password}".encode())
    assert exchange("PLAIN", blob.decode()) == (username, password)
    assert exchange("PLAIN", "", blob) == (username, password)
    assert exchange("LOGIN", "", encoded(username.encode()), encoded(password.encode())) == (username, password)


@given(st.binary(max_size=40))
def test_any_line_is_credentials_or_a_reply(line: bytes) -> None:
    for mechanism in ("PLAIN", "LOGIN"):
        found = exchange(mechanism, "", *([line] if mechanism == "PLAIN" else [encoded(b"a"), line]))
        assert isinstance(found, tuple | Reply)


@pytest.mark.parametrize(
    ("mechanism", "initial", "lines", "reply"),
    [
        ("PLAIN", "", (b"*",), replies.AUTH_CANCELLED),
        ("LOGIN", "", (b"*",), replies.AUTH_CANCELLED),
        ("LOGIN", "", (b"YQ==", b"*"), replies.AUTH_CANCELLED),
        ("LOGIN", "YQ==", (b"*",), replies.AUTH_CANCELLED),
        ("PLAIN", "=", (), replies.AUTH_BASE64),
        ("PLAIN", "!", (), replies.AUTH_BASE64),
        ("PLAIN", "YQ==", (), replies.AUTH_BASE64),
        ("LOGIN", "", (b"!",), replies.AUTH_BASE64),
        ("LOGIN", "", (b"YQ==", b"!"), replies.AUTH_BASE64),
        ("PLAIN", b64encode(b"b\0a\0p").decode(), (), replies.AUTH_BAD),
        ("PLAIN", "", (replies.LINE_TOO_LONG,), replies.LINE_TOO_LONG),
        ("LOGIN", "", (replies.LINE_NOT_CRLF,), replies.LINE_NOT_CRLF),
    ],
)
def test_what_ends_an_exchange(mechanism: str, initial: str, lines: tuple[bytes | Reply, ...], reply: Reply) -> None:
    assert exchange(mechanism, initial, *lines) is reply


def test_acting_for_oneself_is_allowed() -> None:
    assert exchange("PLAIN", b64encode(b"a\0a\0p").decode()) == ("a", "p")


@pytest.mark.parametrize(
    ("mechanism", "initial", "lines", "expected"),
    [
        ("PLAIN", "", (b"AGEAcA==",), [""]),
        ("LOGIN", "", (b"YQ==", b"cA=="), ["VXNlcm5hbWU6", "UGFzc3dvcmQ6"]),
        ("LOGIN", "YQ==", (b"cA==",), ["UGFzc3dvcmQ6"]),
    ],
)
def test_what_a_client_is_asked(mechanism: str, initial: str, lines: tuple[bytes, ...], expected: list[str]) -> None:
    prompts = list[str]()
    assert exchange(mechanism, initial, *lines, prompts=prompts) == ("a", "p")
    assert prompts == expected


def test_an_equals_sign_is_the_empty_response() -> None:
    assert exchange("LOGIN", "=", b"cA==") == ("", "p")


def test_what_is_no_utf8_is_replaced_and_matches_nobody() -> None:
    assert exchange("PLAIN", "", encoded(b"\0\xff\0\xfe")) == ("\ufffd", "\ufffd")
    assert exchange("LOGIN", "", encoded(b"\xff"), encoded(b"\xfe")) == ("\ufffd", "\ufffd")
