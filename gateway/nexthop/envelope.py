"""Envelope: sender and recipients as the next hop knows them, on whatever session stands.

Before DATA nothing is at stake: a session that is lost is replaced once, one that waits for the client is given back,
and MAIL and the accepted RCPTs are said again when they are needed (design decision 2.2).
"""

from collections.abc import Collection, Sequence

from filters.model import Reply
from gateway.nexthop.answers import MAX_SHOWN, Answer
from gateway.nexthop.bounds import Bounds
from gateway.nexthop.dial import UnreachableError
from gateway.nexthop.health import Health
from gateway.nexthop.link import Answers, Link
from gateway.nexthop.pool import BusyError, Pool
from gateway.nexthop.reading import Reading, Stage, ours, read
from gateway.nexthop.wire import mail_line, rcpt_line


class DeferredError(Exception):
    """The transaction cannot go on: what the client is told, and what happened."""

    def __init__(self, reply: Reply, answer: str) -> None:
        super().__init__(answer)
        self.reply = reply
        self.answer = answer


class Envelope:
    """One message's envelope. Raises ValueError, here and in `rcpt`, for what cannot be sent.

    A task cancelled in one of its methods closes the session; the envelope is `over` then.
    """

    def __init__(
        self,
        pool: Pool,
        health: Health,
        bounds: Bounds,
        *,
        customer: str,
        reverse_path: str,
        mail_parameters: Sequence[str] = (),
    ) -> None:
        self.accepted: list[str] = []
        """The recipients the next hop accepted, in order."""
        self.link: Link | None = None
        """The session on which all of it stands; None while there is none."""
        self.address = ""
        """Of the session used last."""
        self.over = False
        self._pool = pool
        self._health = health
        self._bounds = bounds
        self._customer = customer
        self._mail = mail_line(reverse_path, mail_parameters)
        # A next hop without SIZE refuses the parameter, and nothing is lost by leaving it out.
        self._sizeless = mail_line(reverse_path, [p for p in mail_parameters if not p.upper().startswith("SIZE=")])
        self._require_tls = "REQUIRETLS" in mail_parameters
        self._lines: list[bytes] = []
        self._replayed = False

    async def rcpt(self, address: str, parameters: Sequence[str]) -> Reply:
        """Ask about a recipient; what the client shall be told. Raises DeferredError."""
        line = rcpt_line(address, parameters)
        reading = read(Stage.RCPT, await self._ask_rcpt(line))
        self.note(Stage.RCPT, reading)
        if reading.reply.positive:
            self.accepted.append(address)
            self._lines.append(line)
        if self.link is not None and not self.link.gone:
            # The client takes long: then the session is of more use to others.
            self.link.within(self._bounds.hold, self.reset)
        return reading.reply

    async def _ask_rcpt(self, line: bytes) -> Answer:
        fresh = False
        if self.link is not None:
            answers = await self.ask(self.link, line, 1, self._bounds.envelope)
            if not lost(answers):
                return answers[0]
            self.spend_replay(answers)
            fresh = True
        while True:
            answers = await self._open([line], fresh=fresh)
            if not lost(answers):
                return answers[-1]
            self.spend_replay(answers)
            fresh = True

    def leave_out(self, positions: Collection[int]) -> None:
        """Forget accepted recipients, by their position; the others are asked for again when the link is needed."""
        kept = [at for at in range(len(self.accepted)) if at not in positions]
        self.accepted = [self.accepted[at] for at in kept]
        self._lines = [self._lines[at] for at in kept]
        self.reset()

    async def ready(self) -> Link:
        """The link on which MAIL and all accepted RCPTs stand."""
        fresh = False
        if self.link is not None and self.link.gone:
            self.check_garbled(self.link)
            self.spend_replay([])
            fresh = True
        while self.link is None:
            if lost(answers := await self._open([], fresh=fresh)):
                self.spend_replay(answers)
                fresh = True
        return self.link

    async def _open(self, more: list[bytes], *, fresh: bool) -> Answers:
        """MAIL, the accepted RCPTs and `more` on a session; all answers, or fewer when it was lost.

        Raises DeferredError when MAIL is refused, or a recipient that was accepted before is not.
        """
        link = self.link = await self._session(fresh=fresh)
        self.address = link.address
        if self._require_tls and "REQUIRETLS" not in link.keywords:
            # Another address of the next hop than the one whose offer we passed on. The message goes in no case
            # without (RFC 8689 section 4.2.1), and it is not the client's fault.
            self.link = None
            self._pool.give_back(link)
            self._health.alarm("next_hop_requiretls", f"{link.address}: REQUIRETLS is not offered here", link.address)
            raise DeferredError(ours(), f"{link.address} does not offer REQUIRETLS")
        mail = self._mail if "SIZE" in link.keywords else self._sizeless
        answers = await self._group(link, [mail, *self._lines, *more])
        if lost(answers):
            return answers
        reading = read(Stage.MAIL, answers[0])
        self.note(Stage.MAIL, reading)
        if not reading.reply.positive:
            self.reset()
            raise DeferredError(reading.reply if not self.accepted else _changed(), answers[0].line)
        for answer in answers[1 : 1 + len(self._lines)]:
            reading = read(Stage.RCPT, answer)
            if not reading.reply.positive:
                self.note(Stage.RCPT, reading)
                self.reset()
                raise DeferredError(_changed(), answer.line)
        return answers

    async def _session(self, *, fresh: bool) -> Link:
        link = None if fresh else self._pool.take(self._customer)
        if link is not None:
            return link
        try:
            return await self._pool.acquire(self._customer, fresh=fresh)
        except BusyError:
            raise DeferredError(ours("4.4.5", "The next hop is busy, please try again later"), "no session") from None
        except UnreachableError as error:
            enhanced = "4.4.1" if error.stage is Stage.CONNECT else "4.4.0"
            raise DeferredError(ours(enhanced), f"no session: {error}"[:MAX_SHOWN]) from None

    async def _group(self, link: Link, lines: list[bytes]) -> Answers:
        """Several commands: in one write with PIPELINING (RFC 2920), else each after the answer to the last."""
        if "PIPELINING" in link.keywords:
            return await self.ask(link, b"".join(lines), len(lines), self._bounds.envelope)
        answers: Answers = []
        for line in lines:
            answers += await self.ask(link, line, 1, self._bounds.envelope)
            if link.gone or not answers[0].positive:
                break
        return answers if len(answers) == len(lines) or not link.gone or lost(answers) else []

    async def ask(self, link: Link, data: bytes, count: int, timeout: float) -> Answers:
        """The answers, all or (the link being lost) those of the last command before; raises DeferredError."""
        try:
            answers = await link.ask(data, count, timeout)
        except BaseException:
            self.over = True
            self.let_go("the transaction was cancelled")
            raise
        if len(answers) < count and not (answers and answers[-1].code == 421):
            self.check_garbled(link)
            return []
        return answers

    def check_garbled(self, link: Link) -> None:
        """Raise DeferredError if the link ended because the next hop sent what is not SMTP."""
        if link.garbled:
            self._health.fault(Stage.MAIL, link.gone)
            self.let_go("it is garbled")
            raise DeferredError(ours(), link.gone)

    def spend_replay(self, answers: Answers) -> None:
        """The session was lost before DATA was taken: once, the transaction is tried again on a fresh one."""
        why = self.link.gone if self.link is not None else "the session was lost"
        self.let_go("it was lost")
        if not self._replayed:
            self._replayed = True
            return
        if answers:
            raise DeferredError(read(Stage.MAIL, answers[-1]).reply, answers[-1].line)
        self._health.fault(Stage.MAIL, f"two sessions were lost in one transaction: {why}")
        raise DeferredError(ours("4.4.2", "The connection to the next hop was lost, please try again later"), why)

    def reset(self) -> None:
        """Give the session back, after a RSET."""
        link, self.link = self.link, None
        if link is not None:
            link.reset(self._pool.give_back)

    def let_go(self, reason: str) -> None:
        """Close the session, if there is one."""
        link, self.link = self.link, None
        if link is not None:
            link.drop(reason)
            self._pool.give_back(link)

    def note(self, stage: Stage, reading: Reading) -> None:
        """Let the health know."""
        if reading.fault:
            self._health.fault(stage, reading.fault)
        elif reading.reply.positive:
            self._health.good(stage)


def lost(answers: Answers) -> bool:
    """Whether the session is over: no answer, or 421 as the last one."""
    return not answers or answers[-1].code == 421


def _changed() -> Reply:
    return ours("4.4.0", "The next hop answers differently from before, please try again later")
