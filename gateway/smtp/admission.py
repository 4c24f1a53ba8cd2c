"""Admission: which connections are let in, and which customers' transactions wait because too many are open.

A stranger is turned away at connect, with 421. A customer is not: clients hold that against the host, and stop sending
everybody's mail. Its connection is let in, and while it has more than its share each MAIL is answered 450. Who is a
customer is known at connect by its registered network, or because somebody has authenticated from that address within
30 days.

In this process there are `connections` places, shared as `places` says, a tenth of them for customers' addresses alone;
and room for a tenth more connections that have no place, for customers that are answered at MAIL. Only what is beyond
that is turned away whoever it is. Connections of one address and of one customer are counted over all processes, in the
ledger: one round trip at connect, one when the customer is known, none for a message.
"""

from operator import le

from config.settings import EdgeLimits
from filters.model import Reply
from gateway.ledger.model import Give, Ledger, Mark, Marked, Take, address_group, key
from gateway.metrics import Metrics
from gateway.overload import Overload
from gateway.smtp import replies
from gateway.smtp.places import Places

_HANDSHAKES = 400
"""TLS handshakes under way at once; a quarter for customers' addresses alone, a quarter at most from one address."""
KNOWN_SECONDS = 30 * 86_400.0
"""How long an address from which somebody has authenticated is a customer's."""


class Place:
    """What one session holds."""

    __slots__ = ("address", "customer", "handshaking", "holder", "known", "waiting")

    def __init__(self, address: str) -> None:
        self.address = address
        self.known = False
        """A customer uses this address."""
        self.holder: str | None = None
        """Whose place in this process it is; None: it has none and is counted nowhere."""
        self.waiting: str | None = None
        """Under whom it was let in without a place."""
        self.handshaking = False
        """A TLS handshake is under way."""
        self.customer: str | None = None
        """Under which customer it is counted."""


class Admission:
    """The connections of this process."""

    def __init__(self, limits: EdgeLimits, ledger: Ledger, overload: Overload, metrics: Metrics) -> None:
        self._limits, self._ledger, self._overload, self._metrics = limits, ledger, overload, metrics
        spare = limits.connections // 10
        self._places, self._waiting = Places(limits.connections, reserve=spare), Places(max(1, spare))
        self._handshakes = Places(_HANDSHAKES, reserve=_HANDSHAKES // 4, most=_HANDSHAKES // 4)

    def change(self, limits: EdgeLimits) -> None:
        """Other limits hold from here on; nobody loses what it holds."""
        self._limits, spare = limits, limits.connections // 10
        self._places.total, self._places.reserve, self._waiting.total = limits.connections, spare, max(1, spare)

    async def admit(self, peer: str, customer: str | None) -> Place | Reply:
        """A new connection; `customer` owns the network it comes from, if any. A reply turns it away."""
        place = Place(address_group(peer))
        refusal = await self._enter(place, customer)
        if refusal is None:
            return place
        holder = customer or place.address
        if place.known and self._waiting.take(holder):
            place.waiting = holder
            return place
        self._metrics.shed.labels("connect", _REASONS[refusal.enhanced]).inc()
        return refusal

    def serves(self, place: Place, customer: str) -> bool:
        """Whether a transaction of this customer may begin at once; if not, `serve` finds out and says why."""
        return place.customer == customer and not self._overload.on

    async def serve(self, place: Place, customer: str) -> Reply | None:
        """Count a session under the customer it is found to be, and let its transaction begin, or say why not now."""
        refusal = replies.OVERLOADED if self._overload.on else await self._count(place, customer)
        if refusal is not None:
            self._metrics.shed.labels("mail", _REASONS[refusal.enhanced]).inc()
        return refusal

    async def recognise(self, place: Place, customer: str) -> None:
        """A session has authenticated: counted under its customer, and its address is a customer's from now on."""
        self._ledger.tell(Mark(_mark(place.address), KNOWN_SECONDS))
        place.known = True
        await self._count(place, customer)

    def begin_handshake(self, place: Place) -> bool:
        """Whether there is room for one more TLS handshake; it lasts until `end_handshake` or `release`."""
        place.handshaking = self._handshakes.take(place.address, known=place.known)
        if not place.handshaking:
            self._metrics.shed.labels("handshake", "connections").inc()
        return place.handshaking

    def end_handshake(self, place: Place) -> None:
        """It has succeeded or failed."""
        if place.handshaking:
            place.handshaking = False
            self._handshakes.give(place.address)

    def release(self, place: Place) -> None:
        """The session has ended."""
        self.end_handshake(place)
        if place.waiting is not None:
            self._waiting.give(place.waiting)
        if place.holder is not None:
            self._places.give(place.holder)
            self._ledger.tell(Give(_of_address(place.address)))
        if place.customer is not None:
            self._ledger.tell(Give(_of_customer(place.customer)))
        place.waiting = place.holder = place.customer = None

    async def _enter(self, place: Place, customer: str | None) -> Reply | None:
        """Have it counted and give it a place; or nothing of that, and why."""
        counted = [_of_address(place.address), *([_of_customer(customer)] if customer else [])]
        marked, *totals = await self._ledger.ask(Marked(_mark(place.address)), *map(Take, counted))
        place.known = place.known or customer is not None or bool(marked)
        most = (self._limits.connections_per_address, self._limits.connections_per_customer)
        holder = _holder(place.address, customer)
        refusal = replies.TOO_MANY_CONNECTIONS
        if self._overload.on and not place.known:
            refusal = replies.OVERLOADED_STRANGER
        elif all(map(le, totals, most)) and self._places.take(holder, known=place.known):
            place.holder, place.customer = holder, customer
            return None
        self._ledger.tell(*map(Give, counted))
        return refusal

    async def _count(self, place: Place, customer: str) -> Reply | None:
        if place.holder is None:
            if await self._enter(place, customer) is not None:
                return replies.TOO_MANY_OF_ACCOUNT
            if place.waiting is not None:
                self._waiting.give(place.waiting)
                place.waiting = None
        elif place.customer != customer:
            (total,) = await self._ledger.ask(Take(_of_customer(customer)))
            if total > self._limits.connections_per_customer:
                self._ledger.tell(Give(_of_customer(customer)))
                return replies.TOO_MANY_OF_ACCOUNT
            if place.customer is not None:
                self._ledger.tell(Give(_of_customer(place.customer)))
            holder = _holder(place.address, customer)
            self._places.move(place.holder, holder)
            place.holder, place.customer = holder, customer
        return None


_REASONS = {"4.7.0": "connections", "4.3.2": "overload"}
"""Enhanced status code of a refusal -> label."""


def _holder(address: str, customer: str | None) -> str:
    return f"customer {customer}" if customer else f"address {address}"


def _of_address(address: str) -> str:
    return key("connections", "address", address)


def _of_customer(customer: str) -> str:
    return key("connections", "customer", customer)


def _mark(address: str) -> str:
    return key("known", "address", address)
