"""The next hop: an SMTP client that passes one message at a time through, in step with the customer's own session.

`NextHop` is what the rest of the gateway holds: one for each [[next_hops]] entry. It hands out a `Transaction` for
each message; a `Transaction` answers each RCPT as the client shall be told, and ends in a `Delivery`.

Theory of operation. `answers` makes values of bytes; `reading` says what such a value means for the client: both are
pure. `link` is one connection; it never raises: a connection that is gone answers with fewer answers than were asked
for, and says why in `gone`. `dial` makes links ready (TCP, TLS, EHLO, AUTH; the next address when one fails). `pool`
keeps them, grows with demand and shares them among customers. `envelope` asks about sender and recipients and says it
all again on a fresh session where one was lost or given back; `transaction` sends the message and holds the rules that
decide whether one is lost or doubled; `content` writes it out. `health` remembers what is our own fault, for readyz.
"""

from gateway.nexthop.answers import Answer
from gateway.nexthop.bounds import Bounds
from gateway.nexthop.dial import Offer
from gateway.nexthop.hop import NextHop
from gateway.nexthop.transaction import Delivery, Transaction

__all__ = ["Answer", "Bounds", "Delivery", "NextHop", "Offer", "Transaction"]
