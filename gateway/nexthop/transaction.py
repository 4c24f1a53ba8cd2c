"""Transaction: one message with the next hop, in step with the client.

What must not happen, and where it is seen to: a message is never sent twice (`dot_sent`: from the instant the final
dot is handed to the connection nothing is repeated) and never taken for accepted without a 25y to that dot. Before
the dot nothing is at stake, so a lost session is replaced once and the client notices nothing.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from filters.model import Reply
from gateway.nexthop.answers import Answer
from gateway.nexthop.bounds import Bounds
from gateway.nexthop.content import write_content
from gateway.nexthop.envelope import DeferredError, Envelope, lost
from gateway.nexthop.health import Health
from gateway.nexthop.link import Answers, Link
from gateway.nexthop.pool import Pool
from gateway.nexthop.reading import Reading, Stage, ours, read
from gateway.rota import Rota


@dataclass(frozen=True, slots=True)
class Delivery:
    """How sending a message ended."""

    outcome: Literal["accepted", "refused", "deferred", "unknown"]
    """`unknown`: the next hop may have accepted it, and did not say so."""
    reply: Reply
    """For the client; an acceptance carries the next hop's own text, for the caller to put a reference before."""
    answer: str
    """The next hop's own reply with its queue id, on one line, for the audit; else what happened instead."""
    address: str
    """Which of the next hop's addresses; empty when none was reached."""
    dot_sent: bool
    """Whether the final dot was handed to the connection."""


class Transaction:
    """One message. Its methods are called one at a time, `rcpt` as often as needed, then `send` or `abandon`.

    Raises ValueError, here and in `rcpt`, for an address or parameter that cannot be sent. A task cancelled in one of
    its methods closes the session; the transaction is over then, and `dot_sent` says whether its message may have
    been accepted.
    """

    def __init__(
        self,
        pool: Pool,
        health: Health,
        bounds: Bounds,
        rota: Rota,
        *,
        customer: str,
        reverse_path: str,
        mail_parameters: Sequence[str] = (),
    ) -> None:
        self.dot_sent = False
        """Whether the final dot was handed to the connection."""
        self._envelope = Envelope(
            pool, health, bounds, customer=customer, reverse_path=reverse_path, mail_parameters=mail_parameters
        )
        self._pool = pool
        self._health = health
        self._bounds, self._turn = bounds, partial(rota.turn, customer)

    @property
    def accepted(self) -> list[str]:
        """The recipients the next hop accepted, in order."""
        return self._envelope.accepted

    async def rcpt(self, address: str, parameters: Sequence[str] = ()) -> Reply:
        """Ask the next hop about a recipient; what the client shall be told. The first call opens the transaction."""
        if self._envelope.over:
            raise RuntimeError("the transaction is over")
        try:
            return await self._envelope.rcpt(address, parameters)
        except DeferredError as deferred:
            return deferred.reply

    def leave_out(self, positions: Collection[int]) -> None:
        """Not to these of the accepted recipients, by their position: the transaction is opened again with the rest."""
        self._envelope.leave_out(positions)

    async def send_before(self, deadline: float, head: bytes, body: Iterable[bytes], *, dot_timeout: float) -> Delivery:
        """The same, given up with TimeoutError at `deadline`, a time of the loop's, unless the dot was sent by then:
        from then on only the next hop's time counts."""
        task, late = asyncio.current_task(), False
        assert task is not None

        def give_up() -> None:
            nonlocal late
            if not self.dot_sent:
                late = True
                task.cancel()

        timer = asyncio.get_running_loop().call_at(deadline, give_up)
        try:
            return await self.send(head, body, dot_timeout=dot_timeout)
        except asyncio.CancelledError:
            if late and not task.uncancel():
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()

    async def send(self, head: bytes, body: Iterable[bytes], *, dot_timeout: float) -> Delivery:
        """Send the message to the accepted recipients; the next hop has `dot_timeout` seconds to answer the dot.

        `head` and `body` are the message as it goes over the wire: dot-stuffed, each line ended by CRLF. `body` must
        give the same octets each time it is iterated. Being cancelled after the dot leaves the outcome unknown, so a
        caller who wants to know shields this call.
        """
        if self._envelope.over or not self.accepted:
            raise RuntimeError("the transaction is over" if self._envelope.over else "no recipient was accepted")
        try:
            while True:
                delivery = await self._attempt(head, body, dot_timeout)
                if delivery is not None:
                    return delivery
        except DeferredError as deferred:
            return self._delivery("deferred", deferred.reply, deferred.answer)
        finally:
            self._envelope.over = True
            self._envelope.let_go("the transaction ended")

    async def abandon(self) -> None:
        """End it without a message: RSET, and the session goes back. Never raises; once is enough."""
        self._envelope.over = True
        self._envelope.reset()

    # DATA

    async def _attempt(self, head: bytes, body: Iterable[bytes], dot_timeout: float) -> Delivery | None:
        """Send once; None when the session was lost before the dot and a replay is left."""
        link = await self._envelope.ready()
        answers = await self._envelope.ask(link, b"DATA\r\n", 1, self._bounds.data)
        if lost(answers):
            self._envelope.spend_replay(answers)
            return None
        answer = answers[0]
        if answer.code != 354:
            return self._no_data(link, answer)
        self._health.good(Stage.DATA)
        try:
            final = link.expect()
            # The dot is written last, and nothing is awaited between that and this assignment.
            self.dot_sent = await write_content(link, head, body, final, self._bounds, self._turn)
            if self.dot_sent:
                link.within(dot_timeout)
            elif not final.done():
                link.drop("the connection is closing")
            answers = await final
        except BaseException:
            link.drop("the transaction was cancelled")
            raise
        if self.dot_sent:
            return self._ended(link, answers)
        return self._early(link, answers)

    def _no_data(self, link: Link, answer: Answer) -> Delivery:
        reading = read(Stage.DATA, answer)
        self._envelope.note(Stage.DATA, reading)
        if answer.code < 400:
            link.drop("DATA was answered neither by 354 nor by a refusal")
        self._envelope.reset()
        return self._delivery("deferred", reading.reply, answer.line)

    def _early(self, link: Link, answers: Answers) -> Delivery | None:
        """The next hop answered, or went away, before the final dot: nothing was accepted."""
        if not answers:
            self._envelope.check_garbled(link)
            self._envelope.spend_replay([])
            return None
        link.drop("it answered before the final dot")
        reading = read(Stage.DOT, answers[0])
        if reading.reply.positive:
            reading = Reading(ours(), f"answered before the final dot: {answers[0].line}")
        self._envelope.note(Stage.DOT, reading)
        return self._delivery("refused" if reading.reply.code >= 500 else "deferred", reading.reply, answers[0].line)

    def _ended(self, link: Link, answers: Answers) -> Delivery:
        """The final dot was sent: read the answer, if there is one."""
        if not answers:
            if link.garbled:
                self._health.fault(Stage.DOT, link.gone)
            return self._unknown(f"no answer after the final dot: {link.gone}")
        answer = answers[0]
        reading = read(Stage.DOT, answer)
        self._envelope.note(Stage.DOT, reading)
        if answer.code < 400 and not reading.reply.positive:
            link.drop("the final dot got an answer that does not belong to it")
            return self._unknown(answer.line)
        link.messages += 1
        if reading.reply.positive:
            link.resets = 0
        self._envelope.link = None
        self._pool.give_back(link)
        outcome: Literal["accepted", "refused", "deferred"] = (
            "accepted" if reading.reply.positive else "refused" if reading.reply.code >= 500 else "deferred"
        )
        return self._delivery(outcome, reading.reply, answer.line)

    def _unknown(self, answer: str) -> Delivery:
        text = "The next hop did not say whether it took the message, please try again later"
        return self._delivery("unknown", ours("4.4.2", text), answer)

    def _delivery(
        self, outcome: Literal["accepted", "refused", "deferred", "unknown"], reply: Reply, answer: str
    ) -> Delivery:
        return Delivery(outcome, reply, answer, self._envelope.address, self.dot_sent)
