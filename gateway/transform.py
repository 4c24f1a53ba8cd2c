"""What is changed on the way through: lines put on top, ranges taken out, nothing else.

The bytes are sacred (design decision 7): nothing is parsed and written again, the body is never touched, and each
change stands in the audit record by the text that is returned here.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from filters.message import MBOX_LINE, Field, Message
from filters.trace import authserv_id, own_id
from gateway.smtp.body import Body
from gateway.smtp.wire import LineRepair, Path

REMOVED = ("bcc", "return-path")
"""Fields that never leave: Bcc names hidden recipients, Return-Path is the last MTA's (RFC 5321 section 4.4). Nor does
a line that an mbox file left on top (RFC 4155): behind our lines it would end the header block for many readers."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What our Received line says (RFC 5321 section 4.4); never a recipient, which would leak Bcc."""

    ehlo: str
    address: str
    hostname: str
    protocol: str
    """The `with` protocol type, such as ESMTPSA (RFC 3848, RFC 6531 section 4.3)."""
    reference: str
    time: datetime
    key: bytes = dataclasses.field(default=b"", repr=False)
    """For the check in the id: by it we know our own line again (`filters.trace`)."""


@dataclass(frozen=True, slots=True)
class Change:
    """How a message is sent on: `head`, then the received octets from `keep_from` on."""

    head: bytes
    keep_from: int
    modifications: tuple[str, ...]
    """One text per change, for the record."""
    message_id: str = ""
    """The Message-ID that was put on top, "" where the message had its own."""


@lru_cache(maxsize=4)
def date_time(seconds: int) -> str:
    """An RFC 5322 date-time in UTC. Many messages come in one second."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC))


def received(trace: Trace) -> bytes:
    """Our Received field, with CRLF."""
    literal = f"IPv6:{trace.address}" if ":" in trace.address else trace.address
    return (
        f"Received: from {trace.ehlo} ([{literal}])\r\n"
        f"\tby {trace.hostname} with {trace.protocol} id {own_id(trace.key, trace.hostname, trace.reference)};\r\n"
        f"\t{date_time(int(trace.time.timestamp()))}\r\n"
    ).encode("ascii", "backslashreplace")


def change(message: Message, trace: Trace, own_names: Iterable[str], pair: bytes = b"") -> Change:
    """Put on top Received, a missing Message-ID and Date, and `pair`; take out Bcc, Return-Path, results in our name,
    and a line that an mbox file left above the first field.

    `pair` is List-Unsubscribe and List-Unsubscribe-Post with CRLF (`gateway.links`), where they are to be put in.

    `own_names` are the authserv-ids (RFC 8601 section 5) that only we may use, in lower case.
    """
    top, made, message_id = [received(trace)], [], ""
    names = {field.name for field in message.fields}
    if "message-id" not in names:
        message_id = f"<{trace.reference}@{trace.hostname}>"
        top.append(f"Message-ID: {message_id}\r\n".encode())
        made.append("added Message-ID")
    if "date" not in names:
        top.append(f"Date: {date_time(int(trace.time.timestamp()))}\r\n".encode())
        made.append("added Date")
    if pair:
        top.append(pair)
        made.append("added List-Unsubscribe and List-Unsubscribe-Post")
    out: list[Field] = []
    if not names.isdisjoint(("bcc", "return-path", "authentication-results", MBOX_LINE)):
        own = frozenset(own_names)
        out = [
            field
            for field in message.fields
            if field.name in REMOVED or field.defect == MBOX_LINE or _claims(field, own)
        ]
    if not out:
        return Change(b"".join(top), 0, tuple(made), message_id)
    kept, at = [], 0
    for field in out:
        kept.append(bytes(message.raw[at : field.start]))
        at = field.end
    for name, count in Counter(field.name for field in out).items():
        made.append(f"removed {name}" if count == 1 else f"removed {count} {name}")
    return Change(b"".join([*top, *kept]), at, tuple(made), message_id)


def _claims(field: Field, own_names: frozenset[str]) -> bool:
    """Whether it is an Authentication-Results field in our name."""
    if field.name != "authentication-results":
        return False
    return authserv_id(field.unfolded) in own_names


def beside(body: Body, path: Path, repair: LineRepair | None, *, readdressed: bool) -> Iterator[str]:
    """What is changed beside the header block, for the record; `readdressed`: to the operator's mailbox."""
    if readdressed:
        yield "readdressed to the operator's mailbox"
    if repair is not None and repair.mended:
        yield f"made CRLF of {repair.mended} bare CR or LF"
    if body.completed:
        yield "added CRLF at the end"
    if path.parameters.get("AUTH", "<>") != "<>":
        # Whom the client names as the author it has authenticated is its word alone: to the next hop nobody is
        # named (RFC 4954 section 5, R-038).
        yield "left out the identity in AUTH= of MAIL"
