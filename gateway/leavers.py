"""Leavers: who leaves by one of our links, or comes back, is told of to the customer's webhook (R-125).

A call costs whoever clicked nothing: what is new waits in memory until a thread has written it to the outbox, under a
key that says for all processes and for ever after that it was told. A withdrawal stands in the audit before anybody is
answered; so what a `kill -9` took from memory is found there at the next start, and told without the address, which
only the link held. A customer without a webhook is told nothing: `consent export` and the API have it all.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from config.customers import Customer
from consent.database import RegistryError
from consent.documents import DocumentError
from consent.keys import key_text
from consent.lists import ListStore
from consent.model import ALL, Event, State, micros, moment
from consent.outbox import Outbox, OutboxFull
from consent.unsubscribe import Token
from gateway.audit.record import stamp
from gateway.audit.withdrawals import Group, withdrawals

LEFT, BACK = "unsubscribe", "unsubscribe.undone"
"""Types of what is told."""
SOUGHT = timedelta(hours=24)
"""How far back a start looks in the audit for what was not told."""
REMEMBERED = timedelta(days=7)
_ORIGIN = "unsubscribe:"
_AT_ONCE = 500
_PENDING = 100_000
_AGAIN_SECONDS = 2.0
_MESSAGE = "message "


@dataclass(frozen=True, slots=True)
class _Told:
    """Something that a customer is to be told."""

    customer: str
    kind: str
    once: str
    list: str | None
    """Whose party is to be named; None: everything."""
    data: dict[str, Any]


class Leavers:
    """For one process. `left` and `undone` may be called in any thread; `run` once, then `close`."""

    def __init__(
        self,
        outbox: Outbox,
        lists: ListStore,
        customer: Callable[[str], Customer | None],
        clock: Callable[[], datetime],
        alarm: Callable[[str, str], None],
    ) -> None:
        """`customer` looks one up in memory."""
        self._outbox, self._lists, self._customer, self._clock, self._alarm = outbox, lists, customer, clock, alarm
        self._pending: deque[_Told] = deque()
        self._new, self._loop = asyncio.Event(), asyncio.get_running_loop()
        self._writing = threading.Lock()
        self._since = micros(clock())

    def left(self, token: Token, event: Event) -> None:
        """Somebody has withdrawn; it is durable."""
        self._add(_departure(token.customer, token.key, event, token.address))

    def undone(self, token: Token, events: Sequence[Event]) -> None:
        """Somebody has undone it: these are the consents that were given back."""
        lists = [None if event.list == ALL else event.list for event in events]
        data = {
            "lists": lists,
            "at": _time(events[0].at),
            "address": token.address or None,
            "key": key_text(token.key),
            "reference": token.reference or None,
        }
        once = f"{BACK} {data['key']} {events[0].origin} {events[0].recorded}"
        self._add(_Told(token.customer, BACK, once, lists[0], data))

    def _add(self, told: _Told) -> None:
        customer = self._customer(told.customer)
        if customer is None or customer.webhook is None:
            return
        if len(self._pending) >= _PENDING:
            self._alarm("unsubscribe", f"{_PENDING} who left wait to be told of: more are not told")
            return
        self._pending.append(told)
        with contextlib.suppress(RuntimeError):  # the loop has ended: `close` was the last to write
            self._loop.call_soon_threadsafe(self._new.set)

    async def run(self, audit_dir: Path | None = None) -> None:
        """Write what is new, until cancelled; a registry that is down is asked again.

        With `audit_dir`, in the one process of a node that does it, what stands there and was not told goes first.
        """
        sought = audit_dir is None
        while True:
            self._new.clear()
            try:
                if not sought:
                    assert audit_dir is not None
                    await asyncio.to_thread(self._seek, audit_dir)
                    sought = True
                await asyncio.to_thread(self._write_all)
            except (RegistryError, OSError) as error:
                self._alarm("unsubscribe", f"telling of who left waits: {error}")
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            await self._new.wait()

    async def close(self) -> None:
        """Write what is left, once; `run` must have been cancelled."""
        try:
            await asyncio.to_thread(self._write_all)
        except RegistryError as error:
            self._alarm("unsubscribe", f"{len(self._pending)} who left are told of at the next start: {error}")

    def _write_all(self) -> None:
        # A thread goes on when the task that waited for it is cancelled; then `close` comes beside it.
        with self._writing:
            while self._pending:
                self._write(self._pending[0])
                self._pending.popleft()

    def _write(self, told: _Told) -> None:
        customer = self._customer(told.customer)
        if customer is None or customer.webhook is None:
            return
        now = self._clock()
        data = {"customer": told.customer, **told.data, "party": self._party(customer, told.list)}
        try:
            self._outbox.add(told.customer, told.kind, data, now, once=[told.once], until=now + REMEMBERED)
        except (OutboxFull, ValueError) as error:
            self._alarm("unsubscribe", f"who left is not told: {error}")

    def _party(self, customer: Customer, name: str | None) -> str:
        if name is None:
            return customer.id
        try:
            return self._lists.get(customer, name).party
        except DocumentError:
            return customer.id

    def _seek(self, audit_dir: Path) -> None:
        """Have written what the audit knows and the outbox does not."""
        found = self._in_audit(audit_dir)
        while some := list(islice(found, _AT_ONCE)):
            for customer in {each.customer for each in some}:
                mine = [each for each in some if each.customer == customer]
                known = self._outbox.told(customer, [each.once for each in mine])
                for each in mine:
                    if each.once not in known:
                        self._write(each)

    def _in_audit(self, audit_dir: Path) -> Iterator[_Told]:
        for group in withdrawals(audit_dir, stamp(self._clock() - SOUGHT)):
            customer = self._customer(group.customer) if isinstance(group, Group) else None
            if not isinstance(group, Group) or customer is None or customer.webhook is None:
                continue
            for key, event in group.items:
                # What has come since the start is told by whoever took it, who knows the address.
                if event.origin.startswith(_ORIGIN) and event.state is State.WITHDRAWN and event.recorded < self._since:
                    yield _departure(group.customer, key, event, "")


def _departure(customer: str, key: bytes, event: Event, address: str) -> _Told:
    name = None if event.list == ALL else event.list
    source = event.source
    data = {
        "list": name,
        "method": str(event.reason),
        "at": _time(event.at),
        "address": address or None,
        "key": key_text(key),
        "reference": source.removeprefix(_MESSAGE) if source.startswith(_MESSAGE) else None,
    }
    return _Told(customer, LEFT, f"{LEFT} {data['key']} {event.origin} {event.list} {event.recorded}", name, data)


def _time(at: int | None) -> str | None:
    return None if at is None else moment(at).isoformat(timespec="milliseconds")
