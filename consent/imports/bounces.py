"""Bounces: whether a delivery status says that a mailbox does not exist.

Only that may suppress an address. Everything else is about the sender, the message or the moment: a full mailbox, a
greylisting, a refusal by policy (5.7.x, RFC 7372 section 4), and RFC 3464 appendix C warns that one failure proves
little. Among x.1.x, 5.1.7 and 5.1.8 are about the sender's address (RFC 3463 section 3.2).
"""

import re

_ENHANCED = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?!\.?\d)")
_OF_THE_SENDER = frozenset({"5.1.7", "5.1.8"})


def enhanced(text: str) -> str:
    """The first enhanced status code in `text`, or ""."""
    found = _ENHANCED.search(text)
    return found[0] if found else ""


def no_such_mailbox(status: str, reason: str = "") -> bool:
    """Whether the enhanced status code (RFC 3463) in `status` is 5.1.x about the recipient. Where `status` has none, or
    5.0.0 ("other"), the one in `reason` decides."""
    code = enhanced(status)
    if not code or code.endswith(".0.0"):
        code = enhanced(reason) or code
    return code.startswith("5.1.") and code not in _OF_THE_SENDER
