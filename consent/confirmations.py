"""Confirmations: mails that ask a person to confirm an opt-in, how many there were, and what their links stand for.

One table counts, one holds the mails that Postern sends itself until they have been sent, and what their links stand
for afterwards. No address is in either: a person is there as in the consent registry (`Secrets.subject_octets`).

The caps hold over all customers, processes and restarts (R-092): a subscription bomb of fifty forms comes to two mails.
Every mail that may have reached the person counts, also one of which that is not known.

A link's token is the mail's id, 128 random bits, and 128 bits of a MAC over it: who reads the registry can make none.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, text, update

from consent.address import Address
from consent.database import Database
from consent.decide import MAX_CONFIRMATIONS
from consent.keys import Secrets
from consent.schema import confirmation_counts, confirmations
from consent.unsubscribe import NoToken

PER_ADDRESS = 2
"""Confirmation mails to one address in WINDOW, over all customers (R-092)."""
WINDOW = timedelta(days=7)
PER_HOUR = 500
"""Confirmation mails of one customer in an hour, where the operator has set no other number."""
LIFE = timedelta(days=7)
"""How long a link is good for."""
TRIED_FOR = timedelta(hours=24)
"""How long delivery is tried: later nobody waits for it any more."""
KEPT = timedelta(days=60)
"""How long after a link was made it is known that it has expired, or was used."""
_HOUR = timedelta(hours=1)
_COUNTED = timedelta(days=30)
"""How long a count is kept: a request can be answered for 7 days, and a window is as long."""
_ID = 16
_MAC = 16
_TOKEN = 43
_TEXT = 300
_LOOKED_AT = 50

Cap = Literal["address", "request", "customer"]
"""Which cap: of the address over all customers, of the request, of the customer in an hour."""
Status = Literal["waiting", "sent", "failed"]


class Capped(Exception):
    """No more confirmation mails now."""

    def __init__(self, cap: Cap, again: datetime | None) -> None:
        super().__init__(cap)
        self.cap: Cap = cap
        self.again = again
        """When there is room; None: not for this request."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One mail that Postern sends, or has sent, and its link."""

    id: str
    """32 hexadecimal digits."""
    customer: str
    key: bytes = field(repr=False)
    """The person (`Secrets.subject_octets`)."""
    list: str
    request: int
    """Number of the request's event in the registry."""
    created: datetime
    expires: datetime
    """When its link does."""
    status: Status
    due: datetime
    """Of the next attempt; while one is made, when it counts as lost."""
    attempts: int
    doubtful: bool
    """An attempt was begun of which nobody knows how it ended: it counts, and another has to be counted anew."""
    sent: datetime | None
    message_id: str
    reply: str = field(repr=False)
    """The next hop's own, with its queue id."""
    error: str
    """Why the last attempt failed."""
    confirmed: datetime | None
    """When its link was first used. That the consent stands is what its event says, not this."""


class ConfirmationStore:
    """The confirmation mails of a registry, on its consent database. Thread-safe; blocks.

    Every method raises `RegistryError` when the registry cannot answer.
    """

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database, self._secrets = database, secrets
        self._token_key = secrets.confirmation_key

    # -- counting: also for the mails that customers send themselves

    def take(
        self,
        address: Address,
        now: datetime,
        *,
        customer: str = "",
        request: int = 0,
        once: str = "",
        per_hour: int = PER_HOUR,
    ) -> bool:
        """Count one confirmation mail to an address, in one step for all nodes; False, and nothing counted, where a
        cap is reached: two to the address in seven days over all customers; with `request`, the number of its event
        (`Decision.ground.event`), two for that; with `customer`, `per_hour` for that.

        Call it once a mail may go, before it goes. `once` names the mail (a digest of it, for instance): the same mail
        that is tried again is not counted again, and is not refused.
        """
        with self._database.writing() as connection:
            try:
                key = self._secrets.subject_octets(address)
                self._count(connection, key, now, customer, request, once or os.urandom(_ID).hex(), per_hour)
            except Capped:
                return False
        return True

    def sent(self, customer: str, request: int) -> int:
        """How many confirmation mails were counted for a customer's request, the number of its event: what
        `Mailing.confirmations_sent` wants."""
        counts = confirmation_counts
        query = select(func.count()).where(counts.c.customer == customer, counts.c.request == request)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def _count(
        self, connection: Connection, key: bytes, now: datetime, customer: str, request: int, once: str, per_hour: int
    ) -> None:
        """Raises Capped."""
        # In this order everywhere, so that no two wait for each other.
        if customer:
            self._alone(connection, b"customer " + customer.encode())
        self._alone(connection, b"address " + key)
        counts = confirmation_counts
        number = hashlib.sha256(f"{customer}\x1f{once}\x1f".encode() + key).hexdigest()
        if connection.execute(select(counts.c.id).where(counts.c.id == number)).first() is not None:
            return
        caps: list[tuple[Cap, ColumnElement[bool], timedelta | None, int]] = [
            ("address", counts.c.key == key, WINDOW, PER_ADDRESS)
        ]
        if customer and request:
            mine = (counts.c.customer == customer) & (counts.c.request == request)
            caps.insert(0, ("request", mine, None, MAX_CONFIRMATIONS))
        if customer:
            caps.append(("customer", counts.c.customer == customer, _HOUR, per_hour))
        for cap, which, window, most in caps:
            # The newest that fill it: there is room once the oldest of these has left the window.
            newest = select(counts.c.at).where(which).order_by(counts.c.at.desc()).limit(most)
            if window is not None:
                newest = newest.where(counts.c.at > now - window)
            found = connection.execute(newest).scalars().all()
            if len(found) >= most:
                raise Capped(cap, None if window is None or not found else found[-1] + window)
        values = {"id": number, "key": key, "at": now, "customer": customer, "request": request}
        connection.execute(insert(counts).values(values))

    def _alone(self, connection: Connection, what: bytes) -> None:
        """Nobody else counts the same until the transaction ends. On SQLite nobody else writes at all."""
        if not self._database.is_sqlite:
            digest = hashlib.sha256(b"postern confirmations " + what).digest()
            lock = {"lock": int.from_bytes(digest[:8], "big", signed=True)}
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), lock)

    # -- the mails that Postern sends

    def add(
        self, customer: str, address: Address, name: str, request: int, now: datetime, *, per_hour: int = PER_HOUR
    ) -> tuple[Confirmation, bool]:
        """Count a mail in answer to a request and have it sent: (the mail, whether it is new). Durable when it returns.

        While one for the request waits to be sent, that is it. Raises Capped; then nothing is counted.
        """
        key = self._secrets.subject_octets(address)
        with self._database.writing() as connection:
            self._alone(connection, b"customer " + customer.encode())
            waiting = (confirmations.c.customer == customer) & (confirmations.c.request == request)
            waiting &= confirmations.c.status == "waiting"
            row = connection.execute(select(confirmations).where(waiting)).first()
            if row is not None:
                return _confirmation(row), False
            number = os.urandom(_ID).hex()
            self._count(connection, key, now, customer, request, number, per_hour)
            values = {
                "id": number, "customer": customer, "key": key, "list": name, "request": request, "created": now,
                "expires": now + LIFE, "status": "waiting", "due": now, "attempts": 0, "doubtful": False,
                "message_id": "", "reply": "", "error": "",
            }  # fmt: skip
            added = connection.execute(insert(confirmations).values(values).returning(confirmations)).one()
            return _confirmation(added), True

    def claim(
        self, now: datetime, lease: timedelta, count: int, without: Collection[str] = ()
    ) -> tuple[Confirmation, ...]:
        """Borrow mails that are due: at most `count`, one of each customer, none of the customers in `without`.

        Nobody else gets them before `lease` is over; `done`, `again` and `failed` give them back. One that comes
        `doubtful` may have been sent by whoever had it before: `recount` it first.
        """
        ready = (confirmations.c.status == "waiting") & (confirmations.c.due <= now)
        if without:
            ready &= confirmations.c.customer.not_in(list(without))
        with self._database.reading() as connection:
            if connection.execute(select(confirmations.c.id).where(ready).limit(1)).first() is None:
                return ()
        query = select(confirmations).where(ready).order_by(confirmations.c.due, confirmations.c.id).limit(_LOOKED_AT)
        chosen: dict[str, Confirmation] = {}
        with self._database.writing() as connection:
            for row in connection.execute(query.with_for_update(skip_locked=True)).all():
                if len(chosen) >= count or row.customer in chosen:
                    continue
                mine = update(confirmations).where(confirmations.c.id == row.id)
                mine = mine.values(due=now + lease, attempts=confirmations.c.attempts + 1, doubtful=True)
                taken = connection.execute(mine.returning(confirmations)).one()
                chosen[row.customer] = _confirmation(taken, doubtful=row.doubtful)
        return tuple(chosen.values())

    def recount(self, mail: Confirmation, now: datetime, *, per_hour: int = PER_HOUR) -> bool:
        """Count another copy of a mail that may have been sent; False where a cap forbids it."""
        once = f"{mail.id} {mail.attempts}"
        with self._database.writing() as connection:
            try:
                self._count(connection, mail.key, now, mail.customer, mail.request, once, per_hour)
            except Capped:
                return False
        return True

    def done(self, mail: Confirmation, now: datetime, message_id: str, reply: str) -> bool:
        """The next hop has taken it. This and the next two: False where another has had the mail meanwhile."""
        more = {"sent": now, "message_id": message_id, "reply": reply[:_TEXT], "error": ""}
        return self._gives_back(mail, status="sent", doubtful=False, **more)

    def again(self, mail: Confirmation, due: datetime, error: str, *, doubtful: bool) -> bool:
        """It is to be tried again; `doubtful`: it may have been sent."""
        return self._gives_back(mail, due=due, error=error[:_TEXT], doubtful=doubtful)

    def failed(self, mail: Confirmation, error: str) -> bool:
        """It is not sent, or not once more. Its link stays good: it may have been sent before."""
        return self._gives_back(mail, status="failed", doubtful=False, error=error[:_TEXT])

    def _gives_back(self, mail: Confirmation, **values: object) -> bool:
        mine = (confirmations.c.id == mail.id) & (confirmations.c.attempts == mail.attempts)
        with self._database.writing() as connection:
            changed = update(confirmations).where(mine, confirmations.c.status == "waiting").values(values)
            return connection.execute(changed).rowcount == 1

    # -- links

    def token(self, mail: Confirmation) -> str:
        """The token of a mail's link: 43 characters of base64url."""
        number = bytes.fromhex(mail.id)
        return base64.urlsafe_b64encode(number + self._mac(number)).rstrip(b"=").decode("ascii")

    def number_of(self, token: str) -> str:
        """The id of a token's mail; raises NoToken. Asks nobody."""
        if len(token) != _TOKEN:
            raise NoToken
        try:
            octets = base64.b64decode(token + "=", altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            raise NoToken from None
        number = octets[:_ID]
        if not hmac.compare_digest(octets[_ID:], self._mac(number)):
            raise NoToken
        if base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii") != token:
            raise NoToken
        return number.hex()

    def _mac(self, number: bytes) -> bytes:
        return hmac.digest(self._token_key, number, "sha256")[:_MAC]

    def get(self, number: str) -> Confirmation | None:
        """A mail by its id."""
        with self._database.reading() as connection:
            row = connection.execute(select(confirmations).where(confirmations.c.id == number)).first()
        return None if row is None else _confirmation(row)

    def confirmed(self, mail: Confirmation, now: datetime) -> datetime:
        """Its link is used: when that was first so. Two that come at once, or after a crash, get one answer."""
        mine = confirmations.c.id == mail.id
        with self._database.writing() as connection:
            first = update(confirmations).where(mine, confirmations.c.confirmed.is_(None)).values(confirmed=now)
            connection.execute(first)
            found: datetime = connection.execute(select(confirmations.c.confirmed).where(mine)).scalar_one()
            return found

    def purge(self, now: datetime) -> None:
        """Forget what is long over."""
        with self._database.writing() as connection:
            connection.execute(delete(confirmation_counts).where(confirmation_counts.c.at <= now - _COUNTED))
            connection.execute(delete(confirmations).where(confirmations.c.created <= now - KEPT))


def _confirmation(row: Row[Any], *, doubtful: bool | None = None) -> Confirmation:
    return Confirmation(
        row.id, row.customer, row.key, row.list, row.request, row.created, row.expires, row.status, row.due,
        row.attempts, row.doubtful if doubtful is None else doubtful, row.sent, row.message_id, row.reply, row.error,
        row.confirmed,
    )  # fmt: skip
