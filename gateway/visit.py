"""One mail transaction of somebody who may write to the operator only: a stranger, or a suspended customer.

Rules about customers do not hold for it. Line ends, sizes and the loop stop do; it is decided on and recorded as any
transaction is.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from config.customers import Credential, Customer, Standing
from consent.address import Address
from filters.model import Finding, Outcome, Reply, Verdict
from gateway import desk
from gateway.audit import record
from gateway.audit.errors import JournalFull
from gateway.client import Client
from gateway.directory import Entry, Identity
from gateway.smtp import replies
from gateway.smtp.wire import Path
from gateway.transaction import Transaction

if TYPE_CHECKING:
    from gateway.pipeline import Pipeline

_NOBODY = Identity(
    Entry(Customer.model_construct(id="", name="", domains=()), Standing(), ()),
    Credential.model_construct(username="nobody"),
    "none",
)
"""Who a stranger is to the parts that ask for a customer; the record has none."""


class Visit(Transaction):
    """A transaction that takes recipients at the operator's desk, and no others."""

    def __init__(
        self,
        pipeline: "Pipeline",
        client: Client,
        identity: Identity | None,
        path: Path,
        now: datetime,
        otherwise: Finding | Callable[[], Reply],
    ) -> None:
        """`otherwise` refuses any other recipient: a finding that is recorded once, or what answers (and counts)."""
        super().__init__(pipeline, client, identity or _NOBODY, path, now)
        self._stranger = identity is None
        self._otherwise = otherwise
        self._refused: Reply | None = None
        self._inside = False
        self.hop = next(iter(pipeline.hops.values()))  # the operator's mailbox is behind the default one

    @property
    def size_limit(self) -> int:
        """Octets its message may have."""
        return min(desk.MAX_BYTES, super().size_limit)

    async def rcpt(self, path: Path) -> Reply:
        """RCPT: postmaster or abuse at a domain of the operator's, or the refusal."""
        if path.address is None or not self._pipeline.desk.serves(path.address):
            self.asked += 1
            return await self._turn_away(path.address)
        if not self._inside:
            if not self._pipeline.desk.enter(self._client.address, self._now):
                self.asked += 1
                return replies.DESK_BUSY
            self._inside = True
        return await super().rcpt(path)

    async def abandon(self) -> None:
        """It is over, in whatever way."""
        if self._inside:
            self._inside = False
            self._pipeline.desk.leave()
        await super().abandon()

    async def _turn_away(self, address: Address | None) -> Reply:
        if not isinstance(self._otherwise, Finding):
            return self._otherwise()
        if self._refused is None:
            verdict = Verdict(Outcome.REJECT, (self._otherwise,), self._otherwise)
            reply = self._otherwise.reply.with_reference(self.reference)
            recipients = () if address is None else (address,)
            try:
                await self._pipeline.journal.append(self._decision("rcpt", verdict, reply, recipients=recipients))
            except JournalFull:
                return replies.AUDIT_FULL
            self._pipeline.metrics.decided(verdict)
            self._refused = reply
        return self._refused

    async def _refused_by_next_hop(self, reply: Reply, address: Address) -> Reply:
        """The mailbox is the operator's own: that the next hop does not take it is our fault."""
        if reply.code >= 500:
            self._pipeline.metrics.alarm("operator_mailbox", f"the next hop refuses [operator] mailbox: {reply}")
            return replies.DESK_CLOSED
        return await super()._refused_by_next_hop(reply, address)

    def _decision(self, *args: Any, **kwargs: Any) -> record.Decision:
        decision = super()._decision(*args, **kwargs)
        return replace(decision, customer=None, credential=None, stream=None) if self._stranger else decision
