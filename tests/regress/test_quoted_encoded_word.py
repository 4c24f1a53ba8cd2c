"""An encoded word within a quoted string is text to some readers, and an address to those that decode it."""

import pytest

from filters.message import Message
from filters.readings import alike, disagreement


@pytest.mark.parametrize(
    "value",
    [
        b'"=?utf-8?b?PGV2ZUBldmls?=" <ann@acme.example>',
        b'"=?utf-8?b?PGV2ZUBiYW5rLmV4YW1wbGU+?=" <ann@acme.example>',
    ],
)
def test_a_quoted_encoded_word_that_holds_an_address_is_ambiguous(value: bytes) -> None:
    assert not alike(value)
    assert disagreement(value, Message(b"From: " + value + b"\r\n\r\n").mailboxes("from") or ()) is not None
