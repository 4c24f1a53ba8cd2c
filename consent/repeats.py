"""Repeats: messages the next hop took while the client was not told (design decision 2.4), for all nodes to know."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update

from consent.database import Database
from consent.schema import repeats

DIGEST = 32


@dataclass(frozen=True, slots=True)
class Repeat:
    """One such message."""

    customer: str
    digest: bytes
    """SHA-256 of envelope and message, 32 octets."""
    reference: str
    """Under which it was accepted."""
    since: datetime
    heard: bool
    """The client was told in the meantime: forget it."""


class RepeatStore:
    """Unheard accepted messages. Methods raise `RegistryError`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        build = database.insert(repeats)
        names = ("reference", "since", "heard", "change")
        self._put = build.on_conflict_do_update(
            index_elements=["customer", "digest"], set_={name: build.excluded[name] for name in names}
        )

    def put(self, customer: str, digest: bytes, reference: str, now: datetime) -> None:
        """The next hop took it under this reference and the client does not know. Raises ValueError."""
        if len(digest) != DIGEST:
            raise ValueError(f"a digest has {DIGEST} octets")
        values = {"customer": customer, "digest": digest, "reference": reference, "since": now, "heard": False}
        with self._database.writing() as connection:
            connection.execute(self._put, values | {"change": self._database.next_change(connection)})

    def delete(self, customer: str, digest: bytes) -> bool:
        """The client knows now; False when there was nothing to forget.

        The row stays, marked, until it is purged: a row that is gone would tell other nodes nothing.
        """
        mine = (repeats.c.customer == customer) & (repeats.c.digest == digest) & repeats.c.heard.is_(False)
        with self._database.reading() as connection:
            # Asked first: most messages were heard at once and never put, and a writer's locks are not for them.
            if connection.execute(select(repeats.c.change).where(mine)).first() is None:
                return False
        with self._database.writing() as connection:
            values = {"heard": True, "change": self._database.next_change(connection)}
            return connection.execute(update(repeats).where(mine).values(values)).rowcount == 1

    def changed_since(self, change: int) -> tuple[int, tuple[Repeat, ...]]:
        """The registry's last change number, and what was put or heard after `change`; from 0, all.

        As `CustomerStore.changed_since`: an entry may come twice, never not at all.
        """
        with self._database.reading() as connection:
            last = self._database.last_change(connection)
            if last == change:
                return last, ()
            newer = repeats.c.change > (change if last > change else 0)
            rows = connection.execute(select(repeats).where(newer).order_by(repeats.c.change)).all()
        return last, tuple(Repeat(row.customer, row.digest, row.reference, row.since, row.heard) for row in rows)

    def purge(self, before: datetime) -> int:
        """Remove what was put before this time; how many."""
        with self._database.writing() as connection:
            return connection.execute(delete(repeats).where(repeats.c.since < before)).rowcount
