"""One mail transaction of somebody who may write to the operator only: a stranger, or a suspended customer.

Of the operator's addresses those that unsubscribe (`gateway.leaving`) stand apart: a transaction is for one kind.

Rules about customers do not hold for it. Line ends, sizes and the loop stop do; it is decided on and recorded as any
transaction is.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import structs

from config.customers import Credential, Customer, Standing
from consent.address import Address
from filters.message import Message
from filters.model import Finding, Outcome, Reply, Verdict
from gateway import desk
from gateway.audit import record
from gateway.audit.errors import JournalError
from gateway.client import Client, Closing
from gateway.directory import Entry, Identity
from gateway.leaving import Leaving
from gateway.smtp import parameters, refusals, replies
from gateway.smtp.body import Body
from gateway.smtp.wire import Path
from gateway.transaction import EMPTY, Transaction

if TYPE_CHECKING:
    from gateway.pipeline import Pipeline

log = logging.getLogger("postern.pipeline")

LEAVING_OK = Reply(250, "2.1.5", "Recipient ok")
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
        self._leaving = Leaving(pipeline.unsubscribes, pipeline.desk)
        self.hop = next(iter(pipeline.hops.values()))  # the operator's mailbox is behind the default one

    @property
    def size_limit(self) -> int:
        """Octets its message may have."""
        return min(desk.MAX_BYTES, super().size_limit)

    async def rcpt(self, path: Path) -> Reply:
        """RCPT: postmaster or abuse at a domain of the operator's, or the refusal."""
        if path.address is None or not self._pipeline.desk.serves(path.address):
            self.asked += 1
            return self._leave(path, path.address) or await self._turn_away(path.address)
        if self._leaving:
            self.asked += 1
            return replies.TOO_MANY_RECIPIENTS
        if not self._inside:
            if not self._pipeline.desk.enter(self._client.address, self._now):
                self.asked += 1
                return replies.DESK_BUSY
            self._inside = True
        return await super().rcpt(path)

    def _leave(self, path: Path, address: Address | None) -> Reply | None:
        """The reply to an unsubscribe address; None for any other."""
        short = None if address is None else self._leaving.read(address)
        if address is None or short is None:
            return None
        if self._inside or self._leaving.full:
            return replies.TOO_MANY_RECIPIENTS
        offered = self._pipeline.offered(encrypted=self._client.tls is not None)
        utf8 = "SMTPUTF8" in self._path.parameters
        wrong = parameters.wrong_in_rcpt(path, offered, self._client.offered, utf8=utf8)
        if wrong is None:
            self._leaving.add(short)
            self.recipients.append(address)
        return wrong or LEAVING_OK

    async def _finish(self, body: Body) -> tuple[Closing, Mapping[Address, Reply]]:
        """The end of a message to unsubscribe addresses is here, and of any other at the next hop."""
        if not self._leaving:
            return await super()._finish(body)
        try:
            async with asyncio.timeout(self._pipeline.limits.decision_timeout):
                return await self._left(body), {}
        except TimeoutError:
            return Closing(replies.TOO_SLOW), {}
        except JournalError as error:
            self._pipeline.metrics.alarm("audit", str(error))
            return Closing(replies.AUDIT_FULL), {}
        except Exception:
            log.exception("unsubscribing by mail failed, ref %s", self.reference)
            return Closing(replies.INTERNAL), {}

    async def _left(self, body: Body) -> Closing:
        if body.fault == "room":
            return Closing(replies.NO_ROOM)
        message = EMPTY if body.fault else Message(body.view())
        refused = refusals.of_message(body, message, self.size_limit, self._pipeline.policy.message)
        if refused is None:
            verdict, reply = await self._leaving.conclude(message, self._path.address)
        else:
            verdict, reply = Verdict(Outcome.REJECT, (refused,), refused), refused.reply
        reply = reply.with_reference(self.reference)
        await self._pipeline.journal.append(self._decision("data", verdict, reply, body, message))
        self._pipeline.metrics.decided(verdict)
        if verdict.outcome is not Outcome.ACCEPT:
            return Closing(reply)
        return Closing(reply, lambda told: self._note("accepted", told=told))

    async def abandon(self) -> None:
        """It is over, in whatever way."""
        if self._inside:
            self._inside = False
            self._pipeline.desk.leave()
        await super().abandon()

    async def _turn_away(self, address: Address | None) -> Reply:
        if not isinstance(self._otherwise, Finding):
            return self._otherwise()
        if self._refused is not None:
            await self._turn()
            return self._refused
        reply = await self._limited("rcpt", self._otherwise, address)
        if reply is not replies.AUDIT_FULL:
            self._refused = reply
        return reply

    async def _refused_by_next_hop(self, reply: Reply, address: Address) -> Reply:
        """The mailbox is the operator's own: that the next hop does not take it is our fault."""
        if reply.code >= 500:
            self._pipeline.metrics.alarm("operator_mailbox", f"the next hop refuses [operator] mailbox: {reply}")
            return replies.DESK_CLOSED
        return await super()._refused_by_next_hop(reply, address)

    def _decision(self, *args: Any, **kwargs: Any) -> record.Decision:
        decision = super()._decision(*args, **kwargs)
        return structs.replace(decision, customer=None, credential=None, stream=None) if self._stranger else decision
