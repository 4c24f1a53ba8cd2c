"""What a message says of itself about being bulk mail: each row is the header block it says it with."""

from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filters.declared import declared, discussion
from filters.message import Message


def of(*fields: str) -> Message:
    return Message("".join(f"{field}\r\n" for field in ("From: ann@acme.example", *fields)).encode() + b"\r\nbody\r\n")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (["List-Id: <spring.acme.example>"], "List-Id"),
        (["LIST-ID:Spring <spring.acme.example>"], "List-Id"),
        (["List-Id:\r\n Spring\r\n\t<spring.acme.example>"], "List-Id"),
        (["List-Id: (ours) <spring.acme.example>"], "List-Id"),
        (["List-Id: =?utf-8?q?Fr=C3=BChling?= <spring.acme.example>"], "List-Id"),
        (["List-Id: spring"], "List-Id"),
        (["List-Id:", "List-Id: <spring.acme.example>"], "List-Id"),
        (["List-Unsubscribe: <https://www.acme.example/u/1>"], "List-Unsubscribe"),
        (["List-Unsubscribe: <mailto:leave@acme.example> (by mail)"], "List-Unsubscribe"),
        (["List-Unsubscribe: no angle brackets"], "List-Unsubscribe"),
        (['List-Unsubscribe: "("'], "List-Unsubscribe"),
        (["List-Unsubscribe: <https://www.acme.example/(1)>"], "List-Unsubscribe"),
        (["List-Unsubscribe:", "List-Id: <a>", "List-Unsubscribe: <https://www.acme.example/u>"], "List-Id"),
        # A machine sends every newsletter: that it says so frees it from nothing.
        (["List-Id: <spring.acme.example>", "Auto-Submitted: auto-generated"], "List-Id"),
        (["Auto-Submitted: auto-replied", "List-Unsubscribe: <https://www.acme.example/u>"], "List-Unsubscribe"),
        # Precedence, and something that bears it out
        (["Precedence: bulk", "Auto-Submitted: no"], "Precedence: bulk, beside Auto-Submitted: no"),
        (["Precedence: BULK (news)", "Auto-Submitted: No (a human)"], "Precedence: bulk, beside Auto-Submitted: no"),
        (["Precedence: junk", "Precedence: list", "List-Help: <mailto:h@a.example>"], "Precedence: list, beside list-help"),
        (["Precedence:\r\n list", "List-Post: NO"], "Precedence: list, beside list-post"),
        (["Precedence: bulk", "List-Unsubscribe: ", "List-Subscribe: <https://a.example/>"], "Precedence: bulk, beside list-subscribe"),
        (["Precedence: bulk", "List-Unsubscribe-Post: List-Unsubscribe=One-Click", "Auto-Submitted:"], "Precedence: bulk, beside list-unsubscribe-post"),
    ],
)  # fmt: skip
def test_what_declares(fields: list[str], why: str) -> None:
    assert declared(of(*fields)) == why


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["List-Id:"],
        ["List-Id: <>", "List-Unsubscribe: <>, < >"],
        ["List-Id: \r\n \t"],
        ["List-Unsubscribe: (none (at (all)))"],
        ["List-Id: (never closed <spring.acme.example>"],
        ["List-Id: (escaped \\) <spring.acme.example>)"],
        ["List-Id:", "List-Unsubscribe:", "List-Id: ()"],
        ["X-List-Id: <spring.acme.example>", "List: <spring.acme.example>"],
        # Subscribing, help and an archive are also found under the mail of ticket systems.
        ["List-Help: <mailto:help@acme.example>", "List-Archive: <https://acme.example/>"],
        ["List-Unsubscribe-Post: List-Unsubscribe=One-Click"],
        # Precedence alone
        ["Precedence: bulk"],
        ["Precedence: list"],
        ["Precedence: bulk", "Precedence: list"],
        ["Precedence: bulk", "Auto-Submitted: "],
        ["Precedence: bulk", "Auto-Submitted: (no)"],
        ["Precedence: bulk", "List-Help: (none)"],
        # what a machine answers or reports
        ["Precedence: bulk", "Auto-Submitted: auto-replied"],
        ["Precedence: bulk", "Auto-Submitted: auto-generated; owner-email=root@acme.example", "List-Help: <mailto:a@b>"],
        ["Precedence: list", "Auto-Submitted: no", "Auto-Submitted: auto-notified"],
        ["Precedence: list", "Auto-Submitted: (we say no) auto-generated", "List-Owner: <mailto:root@acme.example>"],
        ["Precedence: bulk", "Auto-Submitted: no-reply", "List-Help: <mailto:a@b>"],
        # other values, which mean other things to others
        *([f"Precedence: {word}", "Auto-Submitted: no"] for word in ("junk", "first-class", "auto_reply", "bulk list", '"bulk"', "")),
        ["X-Precedence: bulk", "Auto-Submitted: no"],
    ],
)  # fmt: skip
def test_what_declares_nothing(fields: list[str]) -> None:
    assert declared(of(*fields)) is None


def test_the_body_declares_nothing() -> None:
    assert declared(Message(b"From: ann@acme.example\r\n\r\nList-Id: <spring.acme.example>\r\n")) is None


@pytest.mark.parametrize(
    ("fields", "may_write"),
    [
        ([], False),
        (["List-Post: <mailto:list@acme.example>"], True),
        (["List-Post: NO"], False),
        (["List-Post: no (posting not allowed on this list)"], False),
        (["List-Post:"], False),
        (["List-Post:", "List-Post: <mailto:list@acme.example>"], True),
        (["List-Post: <mailto:list@acme.example> (moderated)"], True),
    ],
)
def test_whether_recipients_write_on_the_list(fields: list[str], *, may_write: bool) -> None:
    assert discussion(of(*fields)) is may_write


NAMES = st.sampled_from(
    ["List-Id", "list-unsubscribe", "Precedence", "Auto-Submitted", "List-Post", "List-Help", "X", "List-Id "]
)
VALUES = st.sampled_from(
    [
        "",
        " ",
        " bulk",
        " list",
        " no",
        " auto-replied",
        "(",
        ")",
        '"',
        "\\",
        "<",
        ">",
        " (a)",
        "\r\n x",
        "\r\n ",
        "\0",
        "é",
    ]
)


@given(st.lists(st.tuples(NAMES, st.lists(VALUES, max_size=5).map("".join)), max_size=6))
@example([("List-Id", "\\")])
def test_it_ends_and_says_nothing_of_what_the_fields_hold(fields: list[tuple[str, str]]) -> None:
    message = of(*(f"{name}:{value}" for name, value in fields))
    why = declared(message)
    assert why is None or why.startswith(
        ("List-Id", "List-Unsubscribe", "Precedence: bulk, beside ", "Precedence: list")
    )
    assert discussion(message) in (True, False)


@given(st.binary(max_size=300))
def test_whatever_stands_there_it_names_a_field_or_nothing(raw: bytes) -> None:
    for message in (Message(raw), Message(b"List-Id:" + raw)):
        found = declared(message)
        assert found is None or found.startswith(("List-", "Precedence: "))
    assert discussion(Message(b"List-Post:" + raw + b"\r\n\r\n")) in (True, False)


@pytest.mark.parametrize("piece", [b"(", b"()", b'"', b"\\", b"<(>", b"(\\)", b"a "])
def test_its_time_grows_with_the_length_alone(piece: bytes) -> None:
    def spent(octets: int) -> float:
        message = Message(b"List-Id: (" + piece * (octets // len(piece)) + b"\r\n\r\n")
        _ = message.fields
        times = []
        for _ in range(3):
            start = process_time()
            declared(message)
            times.append(process_time() - start)
        return min(times)

    assert spent(200_000) < 30 * max(spent(20_000), 0.002)
