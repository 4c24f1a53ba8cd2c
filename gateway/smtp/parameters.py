"""Parameters of MAIL and RCPT: which are known, which need an extension, what each may hold. Pure.

What is valid is passed on as it was written, and nothing is added (RFC 3461 sections 5.1 and 5.2.1). So what is
malformed is refused here, where the client learns of it: the next hop would blame us for it.
"""

import re
from collections.abc import Callable, Collection, Mapping

from filters.model import Reply
from gateway.smtp import replies
from gateway.smtp.wire import Path

PASSED_THROUGH = ("8BITMIME", "SMTPUTF8", "DSN")
"""EHLO keywords that are offered when the next hop offers them: what comes with them is passed on."""
_DISPENSABLE = {"SIZE": "SIZE", "BODY": "8BITMIME"}
"""MAIL parameters that are left out where the next hop does not offer their extension: nothing is lost with them."""

_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+\Z")
_ENCODED = re.compile(r"\+([0-9A-F]{2})")
_CONTROL = re.compile(r"\+(?:0[0-8A-F]|1[0-9A-F]|7F)")
_NOTIFY = re.compile(r"(?:NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*)\Z", re.IGNORECASE)
_ORCPT = re.compile(r"(?P<type>[A-Za-z0-9][A-Za-z0-9-]*);(?P<address>.+)\Z")
_UTF8_ADDRESS = re.compile(r"[^\x00-\x20+=\x7f-\x9f\s]+\Z")
"""RFC 6533 section 3, the form for SMTPUTF8; the others are spelt in xtext."""


def _xtext(value: str) -> bool:
    """RFC 3461 section 4, of printable characters: what is decoded from it ends up in header fields of reports."""
    if not _XTEXT.match(value):
        return False
    decoded = _ENCODED.sub(lambda found: chr(int(found[1], 16)), value)
    return decoded.isascii() and decoded.replace("\t", " ").isprintable()


def _original_recipient(value: str) -> bool:
    found = _ORCPT.match(value)
    if found is None:
        return False
    if found["type"].lower() == "utf-8" and not value.isascii():
        return bool(_UTF8_ADDRESS.match(found["address"]))
    # Postfix spells the octets of UTF-8 in it, too, though RFC 3461 section 4.2 has ASCII only.
    return bool(_XTEXT.match(found["address"])) and not _CONTROL.search(found["address"])


def _size(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 20


_Check = Callable[[str], bool]

_MAIL: Mapping[str, tuple[str, _Check, str]] = {
    "SIZE": ("", _size, "SIZE needs a number"),
    "BODY": ("", lambda value: value.upper() in ("7BIT", "8BITMIME"), "BODY is 7BIT or 8BITMIME"),
    "SMTPUTF8": ("SMTPUTF8", lambda value: not value, "SMTPUTF8 takes no value"),
    "AUTH": ("", lambda value: value == "<>" or _xtext(value), "AUTH is an address in xtext, or <>"),
    "PRDR": ("", lambda value: not value, "PRDR takes no value"),
    "RET": ("DSN", lambda value: value.upper() in ("FULL", "HDRS"), "RET is FULL or HDRS"),
    "ENVID": ("DSN", _xtext, "ENVID is printable xtext"),
    "REQUIRETLS": ("REQUIRETLS", lambda value: not value, "REQUIRETLS takes no value"),
}
"""Keyword -> the extension it needs offered ("" none), whether a value is right, what to say where it is not."""
_RCPT: Mapping[str, tuple[str, _Check, str]] = {
    "NOTIFY": ("DSN", lambda value: bool(_NOTIFY.match(value)), "NOTIFY is NEVER, or of SUCCESS, FAILURE, DELAY"),
    "ORCPT": ("DSN", _original_recipient, "ORCPT is an address type and an address in xtext"),
}


def wrong_in_mail(path: Path, now: frozenset[str], told: frozenset[str]) -> Reply | None:
    """The reply to a MAIL parameter that is unknown, not offered or malformed; None when all are right.

    `now` are the extensions that can be had at present, `told` those that EHLO offered to this client.
    """
    if not path.parameters:
        return None
    return _wrong(_MAIL, path, now, told)


def wrong_in_rcpt(path: Path, now: frozenset[str], told: frozenset[str], *, utf8: bool) -> Reply | None:
    """The same for RCPT; `utf8` says whether MAIL had SMTPUTF8."""
    if not path.parameters:
        return None
    wrong = _wrong(_RCPT, path, now, told)
    if wrong is None and not utf8 and not path.parameters.get("ORCPT", "").isascii():
        return replies.syntax("ORCPT that is not ASCII needs SMTPUTF8")
    return wrong


def _wrong(
    known: Mapping[str, tuple[str, _Check, str]], path: Path, now: frozenset[str], told: frozenset[str]
) -> Reply | None:
    for keyword, value in path.parameters.items():
        if keyword not in known:
            return replies.PARAMETER_UNKNOWN
        needed, right, text = known[keyword]
        if keyword == "BODY" and value.upper() == "8BITMIME":
            needed = "8BITMIME"
        if needed and needed not in now:
            # Another next hop answers than at EHLO: the client did nothing wrong, and may not bounce for it.
            return replies.OFFER_CHANGED if needed in told else replies.PARAMETER_UNKNOWN
        if not right(value):
            return replies.syntax(text)
    return None


def written(keyword: str, value: str) -> str:
    """A parameter as a command has it."""
    return f"{keyword}={value}" if value else keyword


def passed_on(path: Path, offered: Collection[str], *, authenticates: bool) -> list[str]:
    """The parameters of MAIL as the next hop gets them, which offers these extensions.

    Whom the client names as the author it has authenticated is its word alone (RFC 4954 section 5).
    """
    passed = [
        written(key, value)
        for key, value in path.parameters.items()
        if key not in ("AUTH", "PRDR") and (key not in _DISPENSABLE or _DISPENSABLE[key] in offered)
    ]
    return [*passed, "AUTH=<>"] if "AUTH" in path.parameters and authenticates else passed
