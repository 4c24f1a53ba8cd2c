"""The ledger of several processes, in Redis.

What is asked and told within one turn of the event loop travels in one round trip, as one call of `counters.lua`, one
of `windows.lua` and one of `activity.lua`; on a cluster, as one for each hash tag, in the order of their names. Whoever
has a script of its own (`clusters_redis`) sends it along. While a round trip is under way the next one gathers. Each is
bounded by TIMEOUT, and after one that failed nobody waits for Redis again until it has answered a probe: this process
then goes by what it has counted itself, times the number of processes. Overshoot meanwhile: of N places, the P
processes together hand out N + P - 1 at most (each always has one to give), beside those that were held before; of
windows see `alone`.

Places are declared as "this process holds n", not as plus and minus one. So a call whose outcome is unknown, or a
Redis that lost its memory, is put right by the next declaration; all are repeated every RENEW seconds, and those of a
process that died expire after LEASE; what it had reserved in windows counts as passed then. Time is that of the server
that holds the key: the nodes' clocks may differ.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gateway.ledger import activity
from gateway.ledger.activity import Answer, Watch
from gateway.ledger.charges import Charge, Reservation, Shortfall, Use
from gateway.ledger.charging import Charging, answers_in, message
from gateway.ledger.charging import Operation as Charged
from gateway.ledger.memory import MemoryLedger
from gateway.ledger.model import Add, Give, Mark, Marked, Operation, Take, key
from gateway.ledger.server import TIMEOUT, Call, Script, Server

LEASE = 60.0
RENEW = 20.0
PROBE = 1.0
"""Seconds between two probes while Redis is away."""
_COMPLAIN = 60.0
"""Seconds between two alarms."""
_MOST = 2000
"""Operations that wait for the next round trip; beyond that the answer is this process's own, and renewing the leases
tells Redis."""
_MOST_RUNS, _RUN_AT_ONCE = 1000, 20
"""Operations of others' scripts that wait, and how many of them go in one round trip: the limits wait for them."""
_RENEWED_AT_ONCE = 100
"""Leases renewed in one round trip, so that what is asked meanwhile waits a few milliseconds."""
_FAILURES = (Exception,)
"""Whatever the library raises: who waits must have an answer."""
_COUNTERS, _WINDOWS, _ACTIVITY = Script.of("counters.lua"), Script.of("windows.lua"), Script.of("activity.lua")


class _Call(NamedTuple):
    """One operation as the script reads it, and who waits for it."""

    key: str
    kind: str
    a: str
    b: str
    instead: float
    """The answer when Redis gives none."""
    answer: asyncio.Future[float] | None


class _Watched(NamedTuple):
    """An operation on the activity of a credential, and who may wait for it."""

    watch: Watch
    answer: asyncio.Future[Answer | None]


class _Run(NamedTuple):
    """An operation of somebody's own script, and who waits for its answer."""

    script: Script
    key: str
    ask: bytes
    until: float
    """It must be on its way by then, in the loop's time."""
    answer: asyncio.Future[bytes | None]


_PROBE = _Call(key("probe", "ledger", ""), "marked", "", "", 0, None)


class RedisLedger:
    """Places, meters, marks and windows of all processes that share a Redis."""

    def __init__(
        self,
        url: str,
        *,
        processes: int,
        clock: Callable[[], float],
        alarm: Callable[[str, str], None],
        tell_time: bool = False,
    ) -> None:
        """`processes` share it, on all nodes; `clock` gives seconds since 1970; `alarm` is `Metrics.alarm`.

        With `tell_time` the scripts go by `clock` and not by the server's own: for tests that move it.
        """
        self._server = Server(url)
        self._processes, self._clock, self._alarm, self._tell_time = processes, clock, alarm, tell_time
        self._process = secrets.token_hex(8)
        self._own = MemoryLedger(clock)
        """What this process has counted itself: the truth about its own places, and what it goes by alone."""
        self._calls: list[_Call] = []
        self._charged: list[Charged] = []
        self._watched: list[_Watched] = []
        self._runs: list[_Run] = []
        self._charging = Charging(processes, self._now, self._charge, self._server.spread)
        self._identity: frozenset[str] = frozenset()
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
        """Give all places back and tell what passed, where Redis can be told; else places expire.

        What is reserved in windows and has not ended counts as passed when its lease is over.
        """
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        held = list(self._own.held)
        self._own.held.clear()
        if self._up:
            self._charging.recover(forgotten=False)
        await self._declare(held)
        if self._sending is not None:
            await asyncio.wait((self._sending,))
        await self._server.close()

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
        """Room for all, or for none; within 2 * TIMEOUT, of this process's share while Redis is away."""
        return await self._charging.reserve(charges)

    def settle(self, reservation: Reservation, kept: Sequence[int] | None = None) -> None:
        """Count what passed, give back the rest."""
        self._charging.settle(reservation, kept)

    def release(self, reservation: Reservation) -> None:
        """Give it all back."""
        self._charging.settle(reservation, [0] * len(reservation.charges))

    async def usage(self, *charges: Charge) -> list[list[Use]]:
        """How the windows stand, as far as this process knows while Redis is away."""
        return await self._charging.usage(charges)

    def watch(self, watch: Watch) -> asyncio.Future[Answer | None]:
        """An operation on the activity of a credential; within 2 * TIMEOUT None while Redis is away."""
        answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        if self._room():
            self._watched.append(_Watched(watch, answer))
        else:
            answer.set_result(None)
        return answer

    def run(self, script: Script, key: str, ask: bytes) -> asyncio.Future[bytes | None]:
        """An operation of somebody's own script; within 2 * TIMEOUT what it answers, or None: it is not known whether
        it was done.

        The script does those of one turn together: in KEYS are their keys, which are on one server, in ARGV what is
        asked, and it answers a list. Other keys that it uses have the hash tag of the operation's.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes | None] = loop.create_future()
        if len(self._runs) < _MOST_RUNS and self._room():
            self._runs.append(_Run(script, key, ask, loop.time() + TIMEOUT, answer))
        else:
            answer.set_result(None)
        return answer

    async def keep(self) -> None:
        """Renew the leases; when Redis was away, find out whether it is back, and tell it what was done meanwhile."""
        forgotten = False
        if not self._up or not self._identity:
            try:
                identity = await self._server.identity()
            except _FAILURES as error:
                self._down(error)
                return
            forgotten = bool(self._identity - identity)
            self._identity, self._up = identity, True
        self._charging.recover(forgotten)
        self._charging.renew()
        await self._declare(list(self._own.held))
        while self._up and self._charging.waiting:
            await self._declare([])

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
        if not self._room():
            if call.answer is not None:
                call.answer.set_result(call.instead)
            return
        self._calls.append(call)

    def _charge(self, operation: Charged) -> bool:
        if not self._room():
            return False
        self._charged.append(operation)
        return True

    def _room(self) -> bool:
        """Whether one more operation may wait for the next round trip, which then is made."""
        if not self._up or len(self._calls) + len(self._charged) + len(self._watched) >= _MOST:
            return False
        if self._sending is None:
            # It begins when this turn of the loop is over, and finds all that was asked in it.
            self._sending = asyncio.get_running_loop().create_task(self._send_all())
        return True

    async def _send_all(self) -> None:
        try:
            while self._calls or self._charged or self._watched or self._runs:
                batch, self._calls = self._calls, []
                watched, self._watched = self._watched, []
                runs = self._take_runs()
                charged, self._charged = [*(self._charging.first() if self._up else ()), *self._charged], []
                await self._send(batch, charged, watched, runs)
        finally:
            self._sending = None

    def _take_runs(self) -> list[_Run]:
        """Those that go with the next round trip; who has waited too long is told so."""
        runs, now = self._runs, asyncio.get_running_loop().time()
        late = 0
        while late < len(runs) and runs[late].until < now:
            if not runs[late].answer.done():
                runs[late].answer.set_result(None)
            late += 1
        self._runs = runs[late + _RUN_AT_ONCE :]
        return runs[late : late + _RUN_AT_ONCE]

    def _down(self, error: Exception) -> None:
        self._up = False
        self._complain(error)

    def _complain(self, error: Exception) -> None:
        """Raise the alarm, once a minute."""
        why = str(error) or type(error).__name__
        now = asyncio.get_running_loop().time()
        if self._complained is None or now - self._complained >= _COMPLAIN:
            self._complained = now
            self._alarm("ledger", f"Redis: {why}; counting alone, each of {self._processes} processes its share")

    async def _send(
        self, batch: list[_Call], charged: list[Charged], watched: list[_Watched], runs: list[_Run]
    ) -> None:
        """One round trip; everybody has an answer after it."""
        places = self._server.bundles(batch, lambda call: call.key)
        windows = self._server.bundles(charged, lambda operation: operation.charges[0].key)
        activities = self._server.bundles(watched, lambda each: each.watch.key)
        now = f"{self._now():.0f}" if self._tell_time else "0"
        calls = [Call(_COUNTERS, [call.key for call in group], self._arguments(now, group)) for group in places]
        for operations in windows:
            keys, argument = message(int(now), self._process, int(LEASE * 1000), operations)
            calls.append(Call(_WINDOWS, keys, [argument]))
        for asked in activities:
            keys, argument = activity.message(int(now), [each.watch for each in asked])
            calls.append(Call(_ACTIVITY, keys, [argument]))
        others = [
            list(group)
            for script in dict.fromkeys(each.script for each in runs)
            for group in self._server.bundles([each for each in runs if each.script is script], lambda each: each.key)
        ]
        calls += [Call(group[0].script, [each.key for each in group], [each.ask for each in group]) for group in others]
        read: list[Callable[[Any], Any]] = [lambda raw: list(map(float, raw))] * len(places)
        read += [answers_in] * len(windows) + [activity.answers_in] * len(activities) + [_as_it_is] * len(others)
        replies = await self._run(calls, read)
        for group, reply in zip(places, replies, strict=False):
            for at, call in enumerate(group):
                if call.answer is not None and not call.answer.done():
                    call.answer.set_result(call.instead if reply is None else reply[at])
        rest = iter(replies[len(places) :])
        for operations in windows:
            self._charging.answered(operations, next(rest))
        for asked in activities:
            answers = next(rest) or [None] * len(asked)
            for each, said in zip(asked, answers, strict=True):
                if not each.answer.done():
                    each.answer.set_result(said)
        for bundle in others:
            self._answer(bundle, next(rest))

    def _answer(self, runs: list[_Run], said: Any) -> None:
        each = said if isinstance(said, list) and len(said) == len(runs) else [said] * len(runs)
        for run, answer in zip(runs, each, strict=True):
            if isinstance(answer, Exception):
                # Only this script, or what was asked of it, is at fault: the limits are still counted together.
                self._complain(answer)
            if not run.answer.done():
                run.answer.set_result(answer if isinstance(answer, bytes) else None)

    async def _run(self, calls: Sequence[Call], read: Sequence[Callable[[Any], Any]]) -> list[Any]:
        """What the scripts answered, each as it is to be read; None for each that gave no answer."""
        replies: list[Any] = [None] * len(calls)
        if self._up:
            try:
                found = await self._server.run(calls)
            except _FAILURES as error:
                self._down(error)
                found = []
            for at, raw in enumerate(found):
                try:
                    replies[at] = read[at](raw)
                except _FAILURES as error:
                    self._down(raw if isinstance(raw, Exception) else error)
        return replies

    def _arguments(self, now: str, calls: Sequence[_Call]) -> list[str]:
        return [now, self._process, f"{LEASE * 1000:.0f}", *(part for call in calls for part in call[1:4])]

    def _now(self) -> int:
        return round(self._clock() * 1000)


def _as_it_is(raw: Any) -> Any:
    """What a script of somebody's own answered, or the error it ended with."""
    return raw
