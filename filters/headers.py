"""Rules about the header block: what RFC 5322 section 3.6 counts and how its fields are written. Pure."""

import re
from collections.abc import Iterable
from datetime import timedelta, timezone
from email.utils import parsedate_tz

from config.policy import Policy
from filters import readings, words
from filters.message import MBOX_LINE, Field, Message
from filters.model import Action, Facts, Reply, rule

ONCE = (
    "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references", "subject",
    "mime-version", "content-type", "content-transfer-encoding",
)  # fmt: skip
"""Fields that may stand once, besides From and Date (RFC 5322 section 3.6, RFC 2045 section 3)."""

AUTHORS = ("from", "sender", "resent-from", "resent-sender")
ADDRESSES = (*AUTHORS, "reply-to", "to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc", "return-path")
PARSED = frozenset(
    (*ADDRESSES, "date", "message-id", "in-reply-to", "references", "mime-version", "content-type",
     "content-transfer-encoding", "content-disposition", "received", "dkim-signature", "auto-submitted", "precedence",
     "list-id", "list-unsubscribe", "list-unsubscribe-post")
)  # fmt: skip
"""Fields that programs act on, so that what one of them cuts off or skips makes a difference."""
SHOWN = (*ADDRESSES, "subject", "comments", "keywords")
"""Fields in which encoded words may stand (RFC 2047 section 5)."""

LONGEST_LINE = 998
"""Octets of a line without CRLF (RFC 5322 section 2.1.1)."""
LONGEST_FIELD = 100 * 1024
"""Octets of a field: more is cut off by Postfix (header_size_limit)."""
LONGEST_BLOCK = 64 * 1024
"""Octets of the header block: filters behind us cut it off or refuse it (sendmail at 32 KiB, milters at 64)."""
LOOKED_AT = 16 * 1024
"""Octets of a field in which encoded words are looked at."""

_CONTROL = bytes([*range(9), 11, 12, *range(14, 32), 127])
_PLAIN = bytes(set(range(256)) - set(_CONTROL))
_ENDING = frozenset(b"\0\x0b\x0c\x1c\x1d\x1e")
"""Control octets at which some readers end a line or the text; Python's `str.splitlines` knows all but the first."""
_BLANK_FOLD = re.compile(rb"\r\n[ \t]++\r\n")
_ROUTE = re.compile(rb"<[ \t]*+@")
_FOLDED_FROM = re.compile(rb"\r\n[ \t]++(?i:from)[ \t]*+:[^\r\n@]*+@")
_MESSAGE_ID = re.compile(rb"<[^<>@\s\x00-\x1f\x7f-\xff]++@[^<>@\s\x00-\x1f\x7f-\xff]++>\Z")
_WORD_IN_ADDRESS = re.compile(rb"<[^<>]*=\?|\?=[ \t]*@|@[ \t]*=\?")
_USUAL_DATE = re.compile(
    rb"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(?:0?[1-9]|[12][0-9]|3[01]) "
    rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (?:19|2[0-9])[0-9]{2} "
    rb"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9] [+-](?:0[0-9]|1[0-4])[0-5][0-9](?: \([A-Z]{1,5}\))?\Z"
)
"""A date-time as nearly all software writes it."""
_INJECTED = re.compile(rb"[\r\n](?i:" + "|".join(sorted({*PARSED, "subject"})).encode() + rb")[ \t]*+:")
_FORMED = ("date", "message-id")
"""Fields whose own rules say all about them."""
_NAMEABLE = re.compile(r"[a-z0-9-]{1,40}\Z")


@rule(
    "HDR-SYNTAX", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(554, "5.6.0", "Header block cannot be parsed"),
    fix="Write each header line as 'Name: value' or as a continuation that starts with a space.",
)  # fmt: skip
def parseable(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Each line of the header block is a field or the continuation of one (RFC 5322 section 2.2): with a colon, no
    space before it, a printable name, and not folded where it starts. Where a line is none, some readers go on behind
    it; others take the blank line for missing and the rest for the body. A line that an mbox file left on top is taken
    out on the way and passes.
    """
    for number, field in enumerate(message.fields, 1):
        if field.defect and field.defect != MBOX_LINE:
            return f"field {number}: {field.defect}"
    return None


@rule(
    "HDR-FROM", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(554, "5.6.0", "Message needs exactly one From header field"),
    fix="Send one From field.",
)  # fmt: skip
def one_from(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Exactly one From header field (RFC 5322 section 3.6)."""
    count = len(message.all("from"))
    return None if count == 1 else f"{count} From fields"


@rule(
    "HDR-DATE", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(554, "5.6.0", "Message needs at most one Date header field, holding an RFC 5322 date"),
    fix="Send one Date field such as 'Fri, 20 Nov 2026 10:00:00 +0000', or none: it is then put in.",
)  # fmt: skip
def one_date(message: Message, facts: Facts, policy: Policy) -> str | None:
    """At most one Date, and one that can be parsed; a missing one is put in, a past one is never refused."""
    dates = message.all("date")
    if len(dates) > 1:
        return f"{len(dates)} Date fields"
    if dates and not _is_date(dates[0].unfolded):
        return "Date is not a date-time (RFC 5322 section 3.3)"
    return None


@rule(
    "HDR-ONCE", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(554, "5.6.0", "A header field that may stand once stands more than once"),
    fix="Send each of Sender, Reply-To, To, Cc, Bcc, Message-ID, In-Reply-To, References, Subject, MIME-Version and"
    " Content-* once.",
)  # fmt: skip
def single_instance(message: Message, facts: Facts, policy: Policy) -> str | None:
    """No doubled single-instance field: readers differ on which of two counts (RFC 5322 section 3.6)."""
    for name in ONCE:
        count = len(message.all(name))
        if count > 1:
            return f"{count} {name} fields"
    return None


@rule(
    "HDR-FROM-AMBIGUOUS", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(554, "5.6.0", "Header From, Sender or Resent-From is read differently by different mail software"),
    fix="Write From (likewise Sender, Resent-From and Resent-Sender) as 'Name <address>', with no other address in the"
    " name, no comment, no group and no route.",
)  # fmt: skip
def one_reading(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Ours, Python's, a strict and a lenient reading of From find the same mailboxes, whether or not they know
    comments, quoted strings and encoded words; no group syntax and no source route (R-140, RFC 5322 section 3.4). So
    with Sender, Resent-From and Resent-Sender, which some readers show. Where we can read no mailbox at all, ID-FROM
    and its like refuse.
    """
    for name in AUTHORS:
        fields = message.all(name)
        ours = message.mailboxes(name) if fields else None
        if not ours or (name == "from" and len(fields) > 1):
            continue
        for field in fields:
            found = readings.disagreement(field.value, ours)
            if found:
                return found if name == "from" else f"{name}: {found}"
    return None


@rule(
    "HDR-SENDER", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(554, "5.6.0", "Message of several authors needs one Sender, and Sender holds one mailbox"),
    fix="Add a Sender field with the one mailbox that sends the message, or name one author in From.",
)  # fmt: skip
def one_sender(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Several mailboxes in From need a Sender field, which holds exactly one (R-006, RFC 5322 section 3.6.2)."""
    senders = message.mailboxes("sender") or ()
    if len(senders) > len(message.all("sender")) == 1:
        return f"{len(senders)} mailboxes in sender"
    authors = message.mailboxes("from") or ()
    if len(authors) > len(message.all("from")) == 1 and not message.all("sender"):
        return f"{len(authors)} mailboxes in from, no sender"
    return None


@rule(
    "HDR-CONTROL", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(554, "5.6.0", "Header field holds a control character"),
    fix="Take control characters out of header fields; most often one comes from a form whose input is not checked.",
)  # fmt: skip
def no_control(message: Message, facts: Facts, policy: Policy) -> str | None:
    """No control character in a field that names an author, raw or hidden in an encoded word; none at which some
    readers end the line or the text in a field that programs act on; no NUL, and no bare CR or LF, which the edge
    refuses too (RFC 5322 sections 2.2 and 4, RFC 2047 section 5, Mailsploit). Nor an encoded word that holds a line end
    and a field behind it, which becomes one where a gateway decodes it and writes it again."""
    ends = message.header.count(b"\r\n")
    if message.header.count(b"\r") != ends or message.header.count(b"\n") != ends:
        return "bare CR or LF"
    if message.unusual.translate(None, _PLAIN):
        for field in message.fields:
            wrong = _forbidden_in(field)
            if wrong:
                return f"{_named(field)}: {words.octet(wrong[0])}"
    for name in ("from", "sender"):
        for field in message.all(name):
            hidden = words.control(field.unfolded[:LOOKED_AT]) if b"=?" in field.value else None
            if hidden:
                return f"{name}: {hidden} in an encoded word"
    return _injected(message) if b"=?" in message.header else None


@rule(
    "HDR-8BIT-ADDRESS", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(550, "5.6.7", "Non-ASCII address in header From or Sender needs SMTPUTF8"),
    fix="Send it with the SMTPUTF8 parameter, or write the domain as xn-- labels and the rest in ASCII.",
)  # fmt: skip
def ascii_authors(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Non-ASCII addresses of authors only under SMTPUTF8: else each reader guesses their character set (R-059, RFC 6531
    section 3.2, RFC 6532)."""
    if facts.smtputf8 or message.unusual.isascii():
        return None
    for name in AUTHORS:
        if any(not mailbox.ascii_only for mailbox in message.mailboxes(name) or ()):
            return f"{name} holds a non-ASCII address"
    return None


@rule(
    "HDR-8BIT", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(554, "5.6.0", "Header field holds 8-bit text that is not declared"),
    fix="Encode it by RFC 2047 (=?utf-8?...?=), or send valid UTF-8 with the SMTPUTF8 parameter.",
)  # fmt: skip
def declared_8bit(message: Message, facts: Facts, policy: Policy) -> str | None:
    """8-bit text in header fields only as UTF-8 under SMTPUTF8 (R-059, RFC 6532 section 3). Observed: much honest
    software sends it raw."""
    if message.unusual.isascii():
        return None
    raw = [field for field in message.fields if not field.value.isascii() and field.name not in _FORMED]
    if facts.smtputf8:
        raw = [field for field in raw if not _is_utf8(field.value)]
    return f"{'not UTF-8' if facts.smtputf8 else 'without SMTPUTF8'}: {_names(raw)}" if raw else None


@rule(
    "HDR-LONG", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(554, "5.6.0", "Header line, field or block is too long"),
    fix="Fold header lines at 78 characters, 998 at most; send a long list of recipients as single messages.",
)  # fmt: skip
def not_too_long(message: Message, facts: Facts, policy: Policy) -> str | None:
    """No line of over 998 octets (R-058, RFC 5322 section 2.1.1), no field of over 100 KiB, no block of over 64 KiB:
    readers cut them off. Observed: old programs do not fold References and To."""
    header = message.header
    if len(header) <= LONGEST_LINE:
        return None
    if len(header) > LONGEST_BLOCK:
        return f"header block of {len(header)} octets"
    if max(map(len, header.split(b"\r\n"))) <= LONGEST_LINE:
        return None
    for field in message.fields:
        longest = max(map(len, header[field.start : field.end].split(b"\r\n")))
        if longest > LONGEST_LINE:
            return f"{_named(field)}: line of {longest} octets"
    return None


@rule(
    "HDR-OBSOLETE", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(554, "5.6.0", "Header block uses a form that must no longer be generated"),
    fix="Leave out header lines of white space only, source routes and control characters.",
)  # fmt: skip
def no_obsolete_form(message: Message, facts: Facts, policy: Policy) -> str | None:
    """No continuation line of white space only, which some readers take for the end of the header block; no source
    route in an address; no control character in text (RFC 5322 section 4). Observed."""
    if _BLANK_FOLD.search(message.header):
        return "header line of white space only"
    if _ROUTE.search(message.header):
        for name in ADDRESSES:
            if any(_ROUTE.search(field.value) for field in message.all(name)):
                return f"{name}: source route"
    if message.unusual.translate(None, _PLAIN):
        for field in message.fields:
            held = field.value.translate(None, _PLAIN)
            if held and not _forbidden_in(field):
                return f"{_named(field)}: {words.octet(held[0])}"
    return None


@rule(
    "HDR-WORD", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(554, "5.6.0", "Header field holds an encoded word that readers decode differently"),
    fix="Encode only the text around addresses, once, in words that start with =?charset?q? or =?charset?b? and end"
    " with ?=.",
)  # fmt: skip
def sound_words(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Encoded words are whole, hold no further ones and no control characters, and do not stand inside an address (RFC
    2047 sections 2 and 5). Observed: list software and old programs break them; From and Sender are refused by ID-FROM,
    ID-SENDER and HDR-FROM-AMBIGUOUS where it makes a difference."""
    if b"=?" not in message.header:
        return None
    for name in SHOWN:
        for field in message.all(name):
            if b"=?" not in field.value:
                continue
            value = field.unfolded[:LOOKED_AT]
            if name in ADDRESSES and (_WORD_IN_ADDRESS.search(value) or _hides_all(value)):
                return f"{name}: encoded word inside an address"
            found = words.fault(value)
            if found:
                return f"{name}: {found}"
    return None


@rule(
    "HDR-MESSAGE-ID", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(554, "5.6.0", "Message-ID is not of the form <left@right>"),
    fix="Send a Message-ID such as <unique@your.domain.example>, or none: it is then put in.",
)  # fmt: skip
def sound_message_id(message: Message, facts: Facts, policy: Policy) -> str | None:
    """A Message-ID, where there is one, is one `<left@right>` (R-052, RFC 5322 section 3.6.4). Observed."""
    for field in message.all("message-id"):
        if not _MESSAGE_ID.match(field.unfolded):
            return "Message-ID is not <left@right>"
    return None


@rule(
    "HDR-FOLDED-FROM", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(554, "5.6.0", "A continuation line reads like a From field"),
    fix="Fold the field elsewhere.",
)  # fmt: skip
def no_folded_from(message: Message, facts: Facts, policy: Policy) -> str | None:
    """No continuation line that reads like a From field with an address: readers that do not unfold take it for one.
    Observed: quoted text in a field of some filter's may look the same."""
    return "continuation line like a From field" if _FOLDED_FROM.search(message.header) else None


def _injected(message: Message) -> str | None:
    """Which field has an encoded word with a line end and another field in it."""
    for name in SHOWN:
        for field in message.all(name):
            if b"=?" in field.value and _INJECTED.search(words.decoded(field.unfolded[:LOOKED_AT])):
                return f"{name}: a further field in an encoded word"
    return None


def _named(field: Field) -> str:
    """A field's name for evidence; one that may be anything is not repeated."""
    return field.name if not field.defect and _NAMEABLE.match(field.name) else "a field"


def _forbidden_in(field: Field) -> bytes:
    """The control octets of a field that are refused."""
    held = field.value.translate(None, _PLAIN)
    if field.name in AUTHORS:
        return held
    return bytes(octet for octet in held if octet == 0 or (octet in _ENDING and field.name in PARSED))


def _names(fields: Iterable[Field]) -> str:
    return ", ".join(sorted({_named(field) for field in fields}))[:200]


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _hides_all(value: bytes) -> bool:
    """Whether it has an address only once its encoded words are decoded."""
    return b"@" not in value and b"@" in words.decoded(value)


def _is_date(value: bytes) -> bool:
    """Whether it is a date-time, obsolete forms included (RFC 5322 sections 3.3 and 4.3)."""
    if _USUAL_DATE.match(value):
        return True
    try:
        parsed = parsedate_tz(value.decode("ascii"))
        if parsed is None:
            return False
        year, month, day, hour, minute, second = parsed[:6]
        if parsed[9] is not None:
            timezone(timedelta(seconds=parsed[9]))
    except (ValueError, IndexError, TypeError, OverflowError):
        return False
    return 1900 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= 31 and hour <= 23 and minute <= 59 and second <= 60
