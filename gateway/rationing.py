"""Rationing: room in the limits that one transaction holds, from its first RCPT until it is known what passed.

What is reserved is settled when the next hop has the message (or may have it: an unknown outcome counts as passed), and
given back in every other case: an RCPT that the next hop refuses, RSET, a client that is gone, a refusal, an exception,
a next hop that puts off. Nothing here waits for anything but the ledger, which always answers within its time.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from math import ceil, isfinite

from config.limits import WINDOWS, Cap
from consent.address import Address
from filters.model import Finding, Reply
from gateway.ledger.charges import Reservation, Shortfall
from gateway.ledger.model import Ledger
from gateway.limits import Charges, Due, Limit
from gateway.metrics import Metrics
from gateway.smtp import replies

_WINDOW = {seconds: name for name, seconds in WINDOWS.items()}
_REFUSALS = {
    "recipient_by_customer": replies.FLOOD_RECIPIENT,
    "recipient_by_all": replies.FLOOD_RECIPIENT,
    "recipient_domain": replies.FLOOD_DOMAIN,
    "operator": replies.QUOTA_GATEWAY,
    "report": replies.QUOTA_REPORTS,
}
"""Scope -> what refuses; QUOTA and QUOTA-HARD for the others."""
_TOLD = frozenset({"customer", "credential", "stream", "report"})
"""Scopes of which the customer is told how they stand: those that are its own."""

Tell = Callable[[Limit, Cap, int], None]
"""Told which of a limit's caps stands how, with what is reserved."""


class Ration:
    """What one transaction has reserved. Its methods are called one at a time."""

    def __init__(
        self, ledger: Ledger, charges: Charges, metrics: Metrics, tell: Tell, *, observe: bool, count_refused: bool
    ) -> None:
        """`observe`: what is short is found and nothing is refused, nor told; `count_refused` is the policy's."""
        self._ledger, self._charges, self._metrics, self._tell = ledger, charges, metrics, tell
        self._observe, self._count_refused = observe, count_refused
        self._of_recipients: list[tuple[Address, Reservation | None]] = []
        self._of_message: list[tuple[Collection[Address], Reservation]] = []
        """With the recipients that it is about; all, where there are none."""
        self._message_charged = False
        self._observed: dict[tuple[str, str], Finding] = {}

    @property
    def observed(self) -> tuple[Finding, ...]:
        """What would have been refused, where all is only observed: one finding for each limit."""
        return tuple(self._observed.values())

    async def recipient(self, address: Address) -> Finding | None:
        """Reserve for one RCPT; what refuses it where there is no room."""
        taken = await self._reserve(self._charges.of_recipient(address))
        if isinstance(taken, Finding):
            return taken
        self._of_recipients.append((address, taken))
        return None

    def withdraw(self) -> None:
        """The next hop has refused the recipient that was reserved for last."""
        _, taken = self._of_recipients.pop()
        if taken is not None:
            self._ledger.release(taken)

    async def message(self, recipients: Sequence[Address], size: int) -> Finding | None:
        """Reserve for the message to these recipients, of `size` octets; what refuses it where there is no room."""
        if self._message_charged:
            return None
        taken = await self._reserve(self._charges.of_message(recipients, size))
        if isinstance(taken, Reservation):
            self._of_message.append(((), taken))
        self._message_charged = not isinstance(taken, Finding)
        return taken if isinstance(taken, Finding) else None

    async def deliveries(self, recipients: Sequence[Address], size: int) -> Mapping[Address, Finding]:
        """Reserve for the message as each recipient and recipient domain gets it; those for which there is no room."""
        refused: dict[Address, Finding] = {}
        for addresses, due in self._charges.of_deliveries(recipients, size):
            if refused.keys() >= addresses:
                continue
            taken = await self._reserve(due)
            if isinstance(taken, Reservation):
                self._of_message.append((addresses, taken))
            elif taken is not None:
                refused.update(dict.fromkeys(addresses, taken))
        return refused

    def leave_out(self, addresses: Collection[Address]) -> None:
        """The message does not go to these recipients."""
        for address, taken in self._of_recipients:
            if taken is not None and address in addresses:
                self._ledger.release(taken)
        self._of_recipients = [each for each in self._of_recipients if each[0] not in addresses]
        gone = [each for each in self._of_message if each[0] and set(each[0]) <= set(addresses)]
        for _, reservation in gone:
            self._ledger.release(reservation)
        self._of_message = [each for each in self._of_message if each not in gone]

    async def refused(self, recipients: Sequence[Address], size: int) -> None:
        """The message was refused for good after its final dot: it costs nothing, but where policy counts it."""
        if self._count_refused and recipients:
            await self.message(recipients, size)
            self.settle()

    def ended(self, outcome: str) -> None:
        """What became of the message at the next hop, in the words of `gateway.nexthop.Delivery`."""
        if outcome in ("accepted", "unknown") or (outcome == "refused" and self._count_refused):
            self.settle()
        else:
            self.release()

    def settle(self) -> None:
        """All of it has passed."""
        self._end(self._ledger.settle)

    def release(self) -> None:
        """Nothing of it passes. Harmless when repeated, and when all has passed."""
        self._end(self._ledger.release)

    def _end(self, how: Callable[[Reservation], None]) -> None:
        taken = [each for _, each in (*self._of_recipients, *self._of_message)]
        self._of_recipients, self._of_message = [], []
        for each in taken:
            if each is not None:
                how(each)

    async def _reserve(self, due: Sequence[Due]) -> Reservation | Finding | None:
        """Room for all of it; else what refuses, or None where that is only observed, or nothing is limited."""
        if not due:
            return None
        answer = await self._ledger.reserve(*(each.charge for each in due))
        if isinstance(answer, Reservation):
            self._tell_of(due, answer.used)
            return answer
        limit, charge = due[answer.charge]
        self._metrics.limited(limit.scope, limit.measure, _WINDOW[answer.window])
        if charge.amount == 1:
            self._tell_of([due[answer.charge]], [[cap.most * (cap.seconds == answer.window) for cap in limit.caps]])
        found = _finding(limit, answer, alone=charge.amount > answer.cap > 0)
        if not self._observe:
            return found
        self._observed.setdefault((limit.key, found.code), found)
        return None

    def _tell_of(self, due: Sequence[Due], used: Sequence[Sequence[int]]) -> None:
        if self._observe:
            return
        for (limit, _), held in zip(due, used, strict=True):
            if limit.scope in _TOLD:
                for cap, amount in zip(limit.caps, held, strict=True):
                    self._tell(limit, cap, amount)


def _finding(limit: Limit, short: Shortfall, *, alone: bool) -> Finding:
    """`alone`: this message would not fit if there were no other."""
    hard = any(cap.hard for cap in limit.caps if cap.seconds == short.window)
    refusal = _REFUSALS.get(limit.scope) or (replies.QUOTA_HARD if hard else replies.QUOTA)
    cap = f"{short.cap} {limit.measure} per {_WINDOW[short.window].replace('_', ' ')}"
    # A credential's name may be an address, and stands in the record anyway.
    name = "" if limit.scope == "credential" else f" ({limit.name})"
    evidence = f"{limit.scope}{name}: {cap}" + ("; larger than that alone" if alone else f"; {_until(short.seconds)}")
    text = refusal.reply.text
    if refusal in (replies.QUOTA, replies.QUOTA_HARD, replies.QUOTA_REPORTS):
        text += f": {cap}"
    text += "; the message alone is larger" if alone else f"; {_until(short.seconds)}"
    return refusal.finding(evidence, Reply(refusal.reply.code, refusal.reply.enhanced, text))


def _until(seconds: float) -> str:
    """When something may pass, for people."""
    if not isfinite(seconds):
        return "not as long as the limit stands so"
    whole = max(1, ceil(seconds))
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if whole >= 2 * length:
            return f"may pass in {-(-whole // length)} {unit}s"
    return f"may pass in {whole} second{'s' * (whole > 1)}"
