"""The outbox: what customers are told, by webhook or mail, kept until it has been taken, or given up.

Any process adds to it. Those that deliver share it: `claim` lends a dispatch for a time, so that one whose process has
died is taken by another. So each is delivered at least once; its id is the same in every attempt.
"""

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, delete, func, insert, select, update

from consent.database import Database
from consent.schema import dispatch_marks, dispatches

MOST_WAITING = 10_000
"""Dispatches of one customer that may wait."""
MOST_OCTETS = 20_000
"""Of one dispatch's body."""
TRIED_FOR = timedelta(days=3)
"""How long delivery is tried."""
DELIVERED_KEPT, FAILED_KEPT = timedelta(days=7), timedelta(days=30)
"""How long after its end a dispatch is shown."""
_ERROR = 300
_LOOKED_AT = 50

Status = Literal["waiting", "delivered", "failed"]


class OutboxFull(Exception):
    """Too much waits for this customer already: nothing was added."""


class UnknownDispatch(Exception):
    """There is no dispatch of that id."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Something a customer is told."""

    id: str
    customer: str
    type: str
    """What has happened, such as `limit.reached`."""
    body: str
    """JSON: id, type, timestamp and data, as it is sent."""
    created: datetime
    status: Status
    due: datetime
    """Of the next attempt; while one is made, when it counts as lost."""
    attempts: int
    until: datetime
    """When it is given up."""
    ended: datetime | None
    error: str
    """Why the last attempt failed."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How the outbox is."""

    waiting: int
    failed: int
    oldest: datetime | None
    """When the oldest of those that wait was added."""


class Outbox:
    """The outbox of a registry. Every method raises `RegistryError` when the registry cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        customer: str,
        kind: str,
        data: Mapping[str, Any],
        now: datetime,
        *,
        once: Sequence[str] = (),
        until: datetime | None = None,
        deliver: bool = True,
    ) -> str | None:
        """Add what a customer is to be told; its id. Durable when it returns.

        With `once`, keys of what it is about, None where the first of them was added before and its time is not over;
        else all of them are taken until `until`. Without `deliver` only the keys are. Raises OutboxFull, and
        ValueError for data of more than MOST_OCTETS.
        """
        number = f"evt_{secrets.token_hex(12)}"
        event = {"id": number, "type": kind, "timestamp": now.isoformat(timespec="milliseconds"), "data": dict(data)}
        body = json.dumps(event, separators=(",", ":"))
        if len(body) > MOST_OCTETS:
            raise ValueError(f"{kind}: more than {MOST_OCTETS} octets")
        with self._database.writing() as connection:
            if once and not self._mark(connection, customer, once, now, until or now):
                return None
            if deliver:
                mine = (dispatches.c.customer == customer) & (dispatches.c.status == "waiting")
                if connection.execute(select(func.count()).where(mine)).scalar_one() >= MOST_WAITING:
                    raise OutboxFull(f"customer {customer!r}: {MOST_WAITING} dispatches wait already")
                values = {"id": number, "customer": customer, "type": kind, "body": body, "created": now}
                state = {"status": "waiting", "due": now, "attempts": 0, "until": now + TRIED_FOR, "error": ""}
                connection.execute(insert(dispatches).values(values | state))
        return number

    def told(self, customer: str, keys: Sequence[str]) -> set[str]:
        """Of these keys those that `add` was given with, as far as they are remembered."""
        named = {hashlib.sha256(key.encode()).hexdigest(): key for key in keys}
        mine = (dispatch_marks.c.customer == customer) & dispatch_marks.c.key.in_(list(named))
        with self._database.reading() as connection:
            return {named[row.key] for row in connection.execute(select(dispatch_marks.c.key).where(mine))}

    def _mark(self, connection: Connection, customer: str, keys: Sequence[str], now: datetime, until: datetime) -> bool:
        new = self._database.insert(dispatch_marks)
        over = dispatch_marks.c.until <= now
        for position, key in enumerate(keys):
            hashed = hashlib.sha256(key.encode()).hexdigest()
            statement = new.values(customer=customer, key=hashed, until=until).on_conflict_do_update(
                index_elements=["customer", "key"], set_={"until": until}, where=over if position == 0 else None
            )
            if connection.execute(statement.returning(dispatch_marks.c.until)).first() is None:
                return False
        return True

    def claim(self, now: datetime, lease: timedelta, count: int, without: Collection[str] = ()) -> tuple[Dispatch, ...]:
        """Borrow dispatches that are due: at most `count`, one of each customer, none of the customers in `without`.

        Nobody else gets them before `lease` is over; `delivered`, `again` and `failed` give them back.
        """
        ready = (dispatches.c.status == "waiting") & (dispatches.c.due <= now)
        if without:
            ready &= dispatches.c.customer.not_in(list(without))
        with self._database.reading() as connection:
            if connection.execute(select(dispatches.c.id).where(ready).limit(1)).first() is None:
                return ()
        query = select(dispatches).where(ready).order_by(dispatches.c.due, dispatches.c.id).limit(_LOOKED_AT)
        with self._database.writing() as connection:
            chosen: dict[str, Dispatch] = {}
            for row in connection.execute(query.with_for_update(skip_locked=True)):
                if len(chosen) < count:
                    chosen.setdefault(row.customer, _dispatch(row))
            ids = [each.id for each in chosen.values()]
            taken = update(dispatches).where(dispatches.c.id.in_(ids))
            taken = taken.values(due=now + lease, attempts=dispatches.c.attempts + 1)
            rows = connection.execute(taken.returning(dispatches)).all()
        return tuple(_dispatch(row) for row in rows)

    def delivered(self, dispatch: Dispatch, now: datetime) -> bool:
        """It was taken. This and the next two: False where another has had the dispatch meanwhile."""
        return self._gives_back(dispatch, status="delivered", ended=now, error="")

    def again(self, dispatch: Dispatch, due: datetime, error: str) -> bool:
        """It is to be tried again."""
        return self._gives_back(dispatch, due=due, error=error[:_ERROR])

    def failed(self, dispatch: Dispatch, now: datetime, error: str) -> bool:
        """It is given up."""
        return self._gives_back(dispatch, status="failed", ended=now, error=error[:_ERROR])

    def _gives_back(self, dispatch: Dispatch, **values: object) -> bool:
        mine = (dispatches.c.id == dispatch.id) & (dispatches.c.attempts == dispatch.attempts)
        with self._database.writing() as connection:
            changed = update(dispatches).where(mine, dispatches.c.status == "waiting").values(values)
            return connection.execute(changed).rowcount == 1

    def retry(self, now: datetime, *, number: str | None = None, customer: str | None = None) -> tuple[Dispatch, ...]:
        """Try again, for another three days, what was given up: one dispatch, or those of a customer; which.

        Raises UnknownDispatch for an id that there is not, or not of the customer where both are named; one that waits
        or was delivered is left as it is.
        """
        named = {dispatches.c.id: number, dispatches.c.customer: customer}
        wanted = and_(*(column == value for column, value in named.items() if value is not None))
        with self._database.writing() as connection:
            if number is not None and connection.execute(select(dispatches.c.id).where(wanted)).first() is None:
                raise UnknownDispatch(f"no dispatch {number!r}")
            again = update(dispatches).where(wanted, dispatches.c.status == "failed")
            again = again.values(status="waiting", due=now, attempts=0, until=now + TRIED_FOR, ended=None)
            return tuple(_dispatch(row) for row in connection.execute(again.returning(dispatches)))

    def list(
        self, *, customer: str | None = None, status: Status | None = None, most: int = 1000
    ) -> tuple[Dispatch, ...]:
        """Dispatches, the newest first."""
        query = select(dispatches).order_by(dispatches.c.created.desc(), dispatches.c.id).limit(most)
        if customer is not None:
            query = query.where(dispatches.c.customer == customer)
        if status is not None:
            query = query.where(dispatches.c.status == status)
        with self._database.reading() as connection:
            return tuple(_dispatch(row) for row in connection.execute(query))

    def waiting(self) -> Waiting:
        """How much waits, and what was given up."""
        query = select(dispatches.c.status, func.count(), func.min(dispatches.c.created)).group_by(dispatches.c.status)
        with self._database.reading() as connection:
            found = {row[0]: (row[1], row[2]) for row in connection.execute(query.where(_not_delivered))}
        waiting, oldest = found.get("waiting", (0, None))
        return Waiting(waiting, found.get("failed", (0, None))[0], oldest)

    def purge(self, now: datetime) -> None:
        """Forget what ended long ago, and keys whose time is over."""
        done, lost = dispatches.c.status == "delivered", dispatches.c.status == "failed"
        with self._database.writing() as connection:
            connection.execute(delete(dispatches).where(done, dispatches.c.ended < now - DELIVERED_KEPT))
            connection.execute(delete(dispatches).where(lost, dispatches.c.ended < now - FAILED_KEPT))
            connection.execute(delete(dispatch_marks).where(dispatch_marks.c.until <= now))


_not_delivered = dispatches.c.status.in_(["waiting", "failed"])


def _dispatch(row: Row[Any]) -> Dispatch:
    return Dispatch(
        row.id, row.customer, row.type, row.body, row.created, row.status, row.due, row.attempts, row.until, row.ended,
        row.error,
    )  # fmt: skip
