"""Alerts: what customers are told unasked. Whoever finds something says so here, at no cost to the mail it came with.

A call costs a look into memory. What is new waits there for a moment, until a thread has written it to the outbox, in
which a key says for all processes that it was told (`consent.outbox`). What a `kill -9` takes from memory is found
again with the next message.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from config.customers import Customer
from config.limits import WINDOWS
from consent.database import RegistryError
from consent.outbox import Outbox, OutboxFull
from gateway.audit.errors import JournalClosed
from gateway.audit.record import Act

LEVELS = (100, 90)
"""Per cent of a cap at which a customer is told, the highest first."""
MAIL_PAUSE = timedelta(hours=1)
"""Who is told by mail is told the same at most so often."""
_REMEMBERED = 100_000
_PENDING = 10_000
_ELSEWHERE = timedelta(minutes=1)
"""How long nothing is asked about what another process has told: its time ends before ours."""
_AGAIN_SECONDS = 2.0
_ALARM_EVERY = timedelta(minutes=1)
_LONG = timedelta(days=400)
"""For as long as a cluster is known."""

Limit = tuple[str, str, str, str, str]
"""Customer, credential, scope, measure, window."""


@dataclass(frozen=True, slots=True)
class _News:
    """What one customer is to be told."""

    event: str
    """Its type, such as `limit.reached`."""
    customer: str
    credential: str | None
    data: dict[str, Any]
    marks: tuple[str, ...]
    """By which it is known again: of what is told with it, too."""
    pause: timedelta
    """For how long the same is not told again."""
    now: datetime


class Alerts:
    """For the event loop: `limit` and `observed` by anybody, `run` once, then `close`."""

    def __init__(
        self,
        outbox: Outbox,
        customer: Callable[[str], Customer | None],
        by_mail: Callable[[Customer], bool],
        note: Callable[[Act], None],
        alarm: Callable[[str, str], None],
    ) -> None:
        """`customer` looks one up in memory; `by_mail` says whether it can be written to; `note` is the journal's."""
        self._outbox, self._customer, self._by_mail = outbox, customer, by_mail
        self._note, self._alarm = note, alarm
        self._told: OrderedDict[str, datetime] = OrderedDict()
        self._pending: dict[str, _News] = {}
        self._new = asyncio.Event()
        self._alarmed: datetime | None = None

    def limit(
        self, customer: str, credential: str | None, scope: str, measure: str, window: str, used: int, cap: int,
        now: datetime,
    ) -> None:  # fmt: skip
        """So much of a cap is used: tells the customer at 90 and 100 per cent, once per window.

        `scope` is whose the limit is (`customer`, `credential`, `report`, `stream auto`), `measure` what is counted
        (`messages`, `recipients`, `bytes`), `window` a name of `config.limits.WINDOWS`. A cap of 0 is a switch, and
        nothing to tell. Never blocks, and raises nothing but KeyError for a window that is none.
        """
        level = next((each for each in LEVELS if cap > 0 and used * 100 >= cap * each), 0)
        if not level:
            return
        length, limit = timedelta(seconds=WINDOWS[window]), (customer, credential or "", scope, measure, window)
        data = {
            "customer": customer, "credential": credential, "scope": scope, "measure": measure, "window": window,
            "window_seconds": int(length.total_seconds()), "level": level, "used": used, "cap": cap,
        }  # fmt: skip
        # Who is told of 100 per cent needs not be told of 90.
        marks = tuple(mark(limit, each) for each in LEVELS if each <= level)
        self._add(_News("limit.reached", customer, credential, data, marks, length, now))

    def observed(self, customer: str, cluster: str, over: str, now: datetime) -> None:
        """Near-identical mail of the customer has become bulk mail by its reach: tells it, once for each cluster.

        `over` says over which number it is. Never blocks.
        """
        data = {"customer": customer, "cluster": cluster, "over": over}
        self._add(_News("bulk.observed", customer, None, data, (f"bulk.observed {customer} {cluster}",), _LONG, now))

    def _add(self, news: _News) -> None:
        key = news.marks[0]
        until = self._told.get(key)
        if key in self._pending or (until is not None and until > news.now):
            return
        if len(self._pending) >= _PENDING:
            self._complain(news.now, f"{_PENDING} alerts wait to be written: more are not told")
            return
        self._pending[key] = news
        self._new.set()

    async def run(self) -> None:
        """Write what is new, until cancelled; a registry that is down is asked again."""
        while True:
            await self._new.wait()
            if await self._write_all():
                self._new.clear()
            else:
                await asyncio.sleep(_AGAIN_SECONDS)

    async def close(self) -> None:
        """Write what is left, once; `run` must have been cancelled."""
        await self._write_all()

    async def _write_all(self) -> bool:
        """Whether nothing was left over."""
        while self._pending:
            key, news = next(iter(self._pending.items()))
            way = self._way(self._customer(news.customer))
            pause = news.pause if way == "webhook" else max(news.pause, MAIL_PAUSE)
            try:
                told = await asyncio.to_thread(self._write, news, way, news.now + pause)
            except RegistryError as error:
                self._complain(news.now, f"what customers are told waits for the registry: {error}")
                return False
            except OutboxFull as error:
                self._complain(news.now, str(error))
                told = True
            self._remember(news, news.now + (pause if told else min(pause, _ELSEWHERE)))
            del self._pending[key]
        return True

    def _way(self, customer: Customer | None) -> str:
        if customer is None:
            return "nobody"
        return "webhook" if customer.webhook else "mail" if self._by_mail(customer) else "nobody"

    def _write(self, news: _News, way: str, until: datetime) -> bool:
        """Whether it was not told before, by anybody. Raises RegistryError, OutboxFull."""
        number = self._outbox.add(
            news.customer, news.event, news.data, news.now, once=news.marks, until=until, deliver=way != "nobody"
        )
        if number is None:
            return False
        details = {name: value for name, value in news.data.items() if name not in ("customer", "credential")}
        details |= {"told": way} if way == "nobody" else {"told": way, "dispatch": number}
        with contextlib.suppress(JournalClosed):
            act = news.event.replace(".", " ")
            self._note(Act("gateway", act, news.customer, news.credential or None, details=details))
        return True

    def _remember(self, news: _News, until: datetime) -> None:
        for each in news.marks:
            self._told[each] = until
            self._told.move_to_end(each)
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)

    def _complain(self, now: datetime, text: str) -> None:
        if self._alarmed is None or now - self._alarmed >= _ALARM_EVERY:
            self._alarmed = now
            self._alarm("alerts", text)


def mark(limit: Limit, level: int) -> str:
    """The key of an alert in the outbox: no two have one."""
    return f"limit.reached {(*limit, level)!r}"
