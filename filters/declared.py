"""Declared: what a message says of itself about being bulk mail. Pure, linear in its length."""

import re

from filters.message import Field, Message

_TOKEN = re.compile(rb"[a-z0-9-]++")
_PIECE = re.compile(rb"\\[\x00-\xff]|[\"()<>\\]|[^\"()<>\\]++")
"""What makes a difference in a structured field, and what lies between."""
_LISTED = ("list-id", "list-unsubscribe")
_COMPANY = ("list-unsubscribe-post", "list-subscribe", "list-help", "list-owner", "list-archive", "list-post")
"""Further fields that only lists write (RFC 2369 section 3, RFC 8058 section 3.1)."""
_SHOWN = {"list-id": "List-Id", "list-unsubscribe": "List-Unsubscribe"}


def declared(message: Message) -> str | None:
    """Why a message declares itself bulk mail (design section 5, R-076), fit for the record; None: it does not.

    List-Id or List-Unsubscribe with anything in it declares, whatever Auto-Submitted says: newsletters are sent by
    machines, and a field that one writes at will frees from nothing. What such a field holds is for other rules.

    `Precedence: bulk` or `list` never declares alone: RFC 3834 section 3.1.8 lets auto-responders write it, and
    vacation programs, help desks and monitors do, many of them without Auto-Submitted. It declares where no
    Auto-Submitted says that a machine answers or reports (any value but `no`, RFC 3834 section 5), and something else
    bears it out: another field that only lists write, or an explicit `Auto-Submitted: no`. So a responder's mail is
    never refused for want of consent, and a campaign that hides behind Precedence alone is found by its reach like any
    other. Any other Precedence (`junk`, `first-class`, ...) says nothing.

    A field of nothing but white space, comments and `<>` says nothing: templates leave such behind. Of a field that
    stands several times each counts. Letter case, folds and comments (RFC 5322 section 3.2.2) make no difference.

    What is forwarded bears the fields of the list it came from: whether this message is the customer's own is not
    asked here.
    """
    for name in _LISTED:
        if _stands(message, name):
            return _SHOWN[name]
    precedence = next((word for field in message.all("precedence") if (word := said(field)) in (b"bulk", b"list")), b"")
    if not precedence:
        return None
    submitted = [found[0] for field in message.all("auto-submitted") if (found := _TOKEN.match(said(field)))]
    if any(word != b"no" for word in submitted):
        return None
    company = next((name for name in _COMPANY if _stands(message, name)), "")
    if not company and not submitted:
        return None
    return f"Precedence: {precedence.decode()}, beside {company or 'Auto-Submitted: no'}"


def discussion(message: Message) -> bool:
    """Whether its recipients may write to the list it came by (R-077): List-Post that is not `NO` (RFC 2369 section
    3.4)."""
    posts = [post for field in message.all("list-post") if (post := said(field))]
    return bool(posts) and posts[0] != b"no"


def _stands(message: Message, name: str) -> bool:
    return any(said(field).strip(b" \t<>,") for field in message.all(name))


def said(field: Field) -> bytes:
    """What a structured field says: on one line, without comments and the white space around, in lower case.

    A comment that is not closed ends with the field; parentheses in quotation marks or angle brackets are text.
    """
    value = field.unfolded
    if b"(" in value:
        kept, depth, quoted, bracketed = list[bytes](), 0, False, False
        for piece in _PIECE.findall(value):
            if depth:
                depth += (piece == b"(") - (piece == b")")
                continue
            if piece == b'"':
                quoted = not quoted
            elif piece in (b"<", b">") and not quoted:
                bracketed = piece == b"<"
            elif piece == b"(" and not quoted and not bracketed:
                depth = 1
                continue
            kept.append(piece)
        value = b"".join(kept)
    return value.strip(b" \t\r\n").lower()
