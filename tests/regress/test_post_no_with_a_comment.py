"""`List-Post: NO (posting not allowed on this list)`, as RFC 2369 section 3.4 itself writes it, was taken for a list on
which recipients write, so rules on bulk mail let it pass."""

from filters.declared import discussion
from filters.message import Message


def test_a_comment_behind_no_changes_nothing() -> None:
    assert not discussion(Message(b"List-Post: NO (posting not allowed on this list)\r\n\r\n"))
