"""What the edge refuses of a whole message before any rule is asked. Pure: the session and `postern check` share it."""

from config.policy import MessageBounds
from filters.message import Message
from filters.model import Finding
from gateway.smtp import replies
from gateway.smtp.body import Body


def of_message(
    body: Body, message: Message, size_limit: int, bounds: MessageBounds, *, seven_bit: bool = False
) -> Finding | None:
    """Why a received message is refused whatever policy says: line ends, NUL, size, header size, loop; or None.

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
    count = len(message.all("received"))
    if count > bounds.max_received:
        return replies.LOOP.finding(f"{count} Received fields, limit {bounds.max_received}")
    return None
