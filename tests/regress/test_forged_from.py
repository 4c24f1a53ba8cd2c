"""A From that another reader takes for a foreign address never passes ID-FROM."""

import pytest

from filters.message import Message

OWN = "acme.example"


@pytest.mark.parametrize(
    "value",
    [
        # The library decodes the encoded word to a quote and parses the result again; everybody else reads
        # `...@bank.example` (RFC 2047 section 5: no encoded word within an addr-spec).
        b'=?utf-8?q?=22ceo?=@bank.example,"@acme.example',
        b'=?utf-8?q?=22?=victim@bank.example,"@acme.example',
        # Readers that decode encoded words before they parse see ceo@bank.example.
        b"=?utf-8?q?ceo=40bank.example=3E?=@acme.example",
        b"Ann <=?utf-8?q?ceo=40bank.example=3E?=@acme.example>",
        # The same by encoded words that are none (no charset, a long one, a space): the library decodes them all the same,
        # here to a parenthesis, and what follows becomes a comment.
        b"=??q?=28?=victim@bank.example,)ann@acme.example",
        b"=?" + b"x" * 61 + b"?q?=28?=victim@bank.example,)ann@acme.example",
        b"=?us-ascii?q?=28 ?=victim@bank.example,)ann@acme.example",
        b"=?us ascii?q?=28?=victim@bank.example,)ann@acme.example",
        # A source route: readers that take the first domain see bank.example (obsolete, must not be generated).
        b"<@bank.example:ann@acme.example>",
    ],
)
def test_a_from_that_others_read_as_foreign_is_not_own(value: bytes) -> None:
    mailboxes = Message(b"From: " + value + b"\r\n\r\nbody\r\n").mailboxes("from")
    assert mailboxes is None or any(mailbox.domain != OWN for mailbox in mailboxes), mailboxes


@pytest.mark.parametrize(
    "value",
    [
        b"ann@acme.example <ann@acme.example>",
        b"J\xf6rg <ann@acme.example>",
        b"Ann [Sales] <ann@acme.example>",
        b"=?utf-8?q?J=C3=B6rg, GmbH?= <ann@acme.example>",
    ],
)
def test_a_sloppy_display_name_that_all_readers_read_alike_is_readable(value: bytes) -> None:
    mailboxes = Message(b"From: " + value + b"\r\n\r\nbody\r\n").mailboxes("from")
    assert mailboxes is not None and {mailbox.domain for mailbox in mailboxes} == {OWN}
