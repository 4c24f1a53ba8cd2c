"""The ledger of several processes, in Redis.

What is asked and told within one turn of the event loop travels in one round trip, each hash tag as one call of
`counters.lua`; while a round trip is under way the next one gathers. Each is bounded by TIMEOUT, and after one that
failed nobody waits for Redis again until it has answered a probe: this process then goes by what it has counted
itself, times the number of processes. Overshoot meanwhile: of N places, the P processes together hand out N + P - 1 at
most (each always has one to give), beside those that were held before.

Places are declared as "this process holds n", not as plus and minus one. So a call whose outcome is unknown, or a
Redis that lost its memory, is put right by the next declaration; all are repeated every RENEW seconds, and those of a
process that died expire after LEASE. Nodes' clocks may differ by less than LEASE - RENEW.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha1
from importlib.resources import files
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from gateway.ledger.charges import Charge, Reservation, Shortfall, Use
from gateway.ledger.memory import MemoryLedger
from gateway.ledger.model import Add, Give, Mark, Marked, Operation, Take, key

TIMEOUT = 0.25
"""Seconds that one round trip may take, connecting included."""
LEASE = 60.0
RENEW = 20.0
PROBE = 1.0
"""Seconds between two probes while Redis is away."""
_COMPLAIN = 60.0
"""Seconds between two alarms about one absence."""
_MOST = 2000
"""Operations that wait for the next round trip; beyond that the answer is this process's own, and renewing the leases
tells Redis."""
_RENEWED_AT_ONCE = 100
"""Leases renewed in one round trip, so that what is asked meanwhile waits a few milliseconds."""
_FAILURES = (Exception,)
"""Whatever the library raises: who waits must have an answer."""
_SCRIPT = files("gateway.ledger").joinpath("counters.lua").read_text()
_SHA = sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()


class _Call(NamedTuple):
    """One operation as the script reads it, and who waits for it."""

    key: str
    kind: str
    a: str
    b: str
    instead: float
    """The answer when Redis gives none."""
    answer: asyncio.Future[float] | None


_PROBE = _Call(key("probe", "ledger", ""), "marked", "", "", 0, None)


class RedisLedger:
    """Places, meters and marks of all processes that share a Redis."""

    def __init__(
        self, url: str, *, processes: int, clock: Callable[[], float], alarm: Callable[[str, str], None]
    ) -> None:
        """`processes` share it, on all nodes; `clock` gives seconds since 1970; `alarm` is `Metrics.alarm`."""
        self._client = Redis.from_url(
            url,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            decode_responses=True,
        )
        self._processes, self._clock, self._alarm = processes, clock, alarm
        self._process = secrets.token_hex(8)
        self._own = MemoryLedger(clock)
        """What this process has counted itself: the truth about its own places, and what it goes by alone."""
        self._calls: list[_Call] = []
        self._sending: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._up = True
        self._complained: float | None = None

    @property
    def healthy(self) -> bool:
        """Whether Redis answered last time."""
        return self._up

    async def open(self) -> None:
        """Look whether Redis is there, and keep looking."""
        await self.keep()
        self._keeping = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """Give all places back, where Redis can be told; else they expire."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        held = list(self._own.held)
        self._own.held.clear()
        await self._declare(held)
        if self._sending is not None:
            await asyncio.wait((self._sending,))
        await self._client.aclose()

    async def ask(self, *operations: Operation) -> list[float]:
        """The answers of all processes together; within 2 * TIMEOUT those of this one, scaled."""
        loop = asyncio.get_running_loop()
        answers = []
        for operation in operations:
            instead = self._alone(operation)
            answer: asyncio.Future[float] = loop.create_future()
            self._queue(self._as_call(operation, instead, answer))
            answers.append(answer)
        return [await answer for answer in answers]

    def tell(self, *operations: Operation) -> None:
        """Without answers."""
        for operation in operations:
            instead = self._alone(operation)
            self._queue(self._as_call(operation, instead, None))

    async def reserve(self, *charges: Charge) -> Reservation | Shortfall:
        """Room in this process's share of each cap."""
        return await self._own.reserve(*(self._share(charge) for charge in charges))

    def settle(self, reservation: Reservation, kept: Sequence[int] | None = None) -> None:
        """Count what passed, give back the rest."""
        self._own.settle(reservation, kept)

    def release(self, reservation: Reservation) -> None:
        """Give it all back."""
        self._own.release(reservation)

    async def usage(self, *charges: Charge) -> list[list[Use]]:
        """How this process's share stands."""
        return await self._own.usage(*(self._share(charge) for charge in charges))

    def _share(self, charge: Charge) -> Charge:
        return replace(charge, caps=tuple((length, cap // self._processes) for length, cap in charge.caps))

    async def keep(self) -> None:
        """Renew the leases; when Redis was away, find out whether it is back."""
        if not self._up:
            try:
                await self._send([_PROBE])
            except _FAILURES as error:
                self._down(error)
                return
            self._up, self._complained = True, None
        await self._declare(list(self._own.held))

    async def _declare(self, held: list[str]) -> None:
        """Tell how many places this process holds at these keys; returns when Redis has heard it."""
        heard: asyncio.Future[float]
        for start in range(0, len(held) or 1, _RENEWED_AT_ONCE):
            for each in held[start : start + _RENEWED_AT_ONCE]:
                self._queue(self._hold(each))
            # Answered behind them; where nothing is held it shows that Redis went, too.
            heard = asyncio.get_running_loop().create_future()
            self._queue(_PROBE._replace(answer=heard))
            await heard

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(RENEW if self._up else PROBE)
            await self.keep()

    def _alone(self, operation: Operation) -> float:
        """Count it here too; what it comes to if all processes count as much as this one."""
        own = self._own.do(operation)
        if isinstance(operation, Take):
            return 1 + (own - 1) * self._processes
        return own * self._processes if isinstance(operation, Add | Give) else own

    def _as_call(self, operation: Operation, instead: float, answer: asyncio.Future[float] | None) -> _Call:
        match operation:
            case Take(name) | Give(name):
                return self._hold(name)._replace(instead=instead, answer=answer)
            case Add(name, amount, drain, most):
                return _Call(name, "add", repr(amount), f"{drain * 1000!r} {most!r}", instead, answer)
            case Mark(name, seconds):
                return _Call(name, "mark", f"{max(1, seconds * 1000):.0f}", "", instead, answer)
            case Marked(name):
                return _Call(name, "marked", "", "", instead, answer)

    def _hold(self, held: str) -> _Call:
        return _Call(held, "hold", str(self._own.held.get(held, 0)), "", 0, None)

    def _queue(self, call: _Call) -> None:
        if not self._up or len(self._calls) >= _MOST:
            if call.answer is not None:
                call.answer.set_result(call.instead)
            return
        self._calls.append(call)
        if self._sending is None:
            # It begins when this turn of the loop is over, and finds all that was asked in it.
            self._sending = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        try:
            while self._calls:
                batch, self._calls = self._calls, []
                answers = [call.instead for call in batch]
                if self._up:
                    try:
                        answers = await self._send(batch)
                    except _FAILURES as error:
                        self._down(error)
                for call, answer in zip(batch, answers, strict=True):
                    if call.answer is not None and not call.answer.done():
                        call.answer.set_result(answer)
        finally:
            self._sending = None

    def _down(self, error: Exception) -> None:
        self._up = False
        why = str(error) or type(error).__name__
        now = asyncio.get_running_loop().time()
        if self._complained is None or now - self._complained >= _COMPLAIN:
            self._complained = now
            self._alarm("ledger", f"Redis: {why}; counting alone, each of {self._processes} processes its share")

    async def _send(self, calls: list[_Call]) -> list[float]:
        """One round trip, two where Redis does not know the script yet; raises RedisError, OSError, TimeoutError."""
        tags: dict[str, list[int]] = {}
        for at, call in enumerate(calls):
            tags.setdefault(call.key[: call.key.index("}:")], []).append(at)
        groups = list(tags.values())
        answers = [0.0] * len(calls)
        async with asyncio.timeout(TIMEOUT):
            replies = await self._run(("EVALSHA", _SHA), calls, groups)
            unknown = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if unknown:
                again = await self._run(("EVAL", _SCRIPT), calls, [groups[at] for at in unknown])
                for at, reply in zip(unknown, again, strict=True):
                    replies[at] = reply
        for group, reply in zip(groups, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            for at, answer in zip(group, cast(list[str], reply), strict=True):
                answers[at] = float(answer)
        return answers

    async def _run(self, script: tuple[str, str], calls: list[_Call], groups: list[list[int]]) -> list[Any]:
        head = (f"{self._clock() * 1000:.0f}", self._process, f"{LEASE * 1000:.0f}")
        async with self._client.pipeline(transaction=False) as pipe:
            for group in groups:
                arguments = [part for at in group for part in calls[at][1:4]]
                pipe.execute_command(*script, len(group), *(calls[at].key for at in group), *head, *arguments)
            return await pipe.execute(raise_on_error=False)
