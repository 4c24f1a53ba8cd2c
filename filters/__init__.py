"""What is wrong with a message: pure rules and the engine that asks them."""

from filters import forwarding, headers, identity, signatures
from filters.model import Rule

RULES: tuple[Rule, ...] = (
    headers.parseable,
    headers.one_from,
    headers.one_date,
    headers.single_instance,
    forwarding.rewritten_path,
    forwarding.vouched_from,
    forwarding.key_is_away,
    forwarding.permitted,
    forwarding.calendar,
    identity.own_reverse_path,
    identity.own_from,
    identity.own_sender,
    signatures.broken,
    signatures.leaves_room,
    signatures.doubled,
    signatures.out_of_time,
)
"""Every rule there is, in the order in which they are asked and recorded.

Of several that refuse the first one's reply is given: that on forwarded mail, which names what to set, stands before
that on any foreign From.
"""
