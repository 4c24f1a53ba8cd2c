"""What the edge refuses whatever the rules say. Pure: the session and `postern check` share it."""

from config.policy import MessageBounds
from config.switch import Lock
from filters.message import Message
from filters.model import Finding, Outcome, Verdict
from gateway.smtp import mime, replies
from gateway.smtp.body import Body


def of_message(
    body: Body, message: Message, size_limit: int, bounds: MessageBounds, *, seven_bit: bool = False
) -> Finding | None:
    """Why a received message is refused whatever policy says: line ends, NUL, size, header size, loop, MIME; or None.

    `message` is the view of the body, or empty where the body has a fault; `size_limit` is what EHLO offered, in
    octets; `seven_bit` says that the next hop takes no octets with the eighth bit set. A fault "room" is ours and no
    refusal: the caller looks for it first.
    """
    if body.fault:
        detail = f"{body.size} octets, limit {size_limit}" if body.fault == "size" else body.fault
        return replies.BODY_FAULTS[body.fault].finding(detail)
    if seven_bit and body.eight_bit:
        return replies.EIGHT_BIT.finding("octets above 127, and the next hop did not offer 8BITMIME")
    if message.header[:1] in (b" ", b"\t"):
        return replies.FOLDED_START.finding("the first line starts with white space")
    if message.body_start > bounds.max_header_bytes:
        return replies.HEADER_SIZE.finding(f"{message.body_start} octets, limit {bounds.max_header_bytes}")
    if len(message.fields) > bounds.max_header_fields:
        return replies.HEADER_SIZE.finding(f"{len(message.fields)} fields, limit {bounds.max_header_fields}")
    count = len(message.all("received"))
    if count > bounds.max_received:
        return replies.LOOP.finding(f"{count} Received fields, limit {bounds.max_received}")
    excess = mime.excess(message, body.hyphens, bounds.max_mime_parts, bounds.max_mime_depth)
    return replies.MIME_BOUNDS.finding(excess) if excess else None


def of_lock(lock: Lock) -> Finding:
    """Why a locked credential is refused. The lock's reason is the operator's words, and stands in the act's record."""
    return replies.LOCKED.finding(f"locked since {lock.since:%Y-%m-%d %H:%M:%S} UTC by {lock.source}")


def verdict(finding: Finding) -> Verdict:
    """The verdict that a refusal is by itself."""
    return Verdict(Outcome.REJECT if finding.reply.code >= 500 else Outcome.DEFER, (finding,), finding)
