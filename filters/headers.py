"""Rules about the header block: what RFC 5322 section 3.6 counts and how its fields are written. Pure."""

from datetime import timedelta, timezone
from email.utils import parsedate_tz

from config.policy import Policy
from filters.message import Message
from filters.model import Action, Facts, Reply, rule

ONCE = (
    "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references", "subject",
    "mime-version", "content-type", "content-transfer-encoding",
)  # fmt: skip
"""Fields that may stand once, besides From and Date (RFC 5322 section 3.6, RFC 2045 section 3)."""


@rule(
    "HDR-SYNTAX", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(554, "5.6.0", "Header block cannot be parsed"),
    fix="Write each header line as 'Name: value' or as a continuation that starts with a space.",
)  # fmt: skip
def parseable(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Each line of the header block is a field or the continuation of one (RFC 5322 section 2.2)."""
    for number, field in enumerate(message.fields, 1):
        if field.defect:
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


def _is_date(value: bytes) -> bool:
    """Whether it is a date-time, obsolete forms included (RFC 5322 sections 3.3 and 4.3)."""
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
