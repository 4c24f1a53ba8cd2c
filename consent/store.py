"""The registry of consents: events recorded for ever, and what they come to, at hand for every decision.

Each event is appended, numbered and chained (`consent.chain`); beside it the standing of its subject is kept, which the
event was applied to in the same transaction. So a decision costs one look-up, and the standing can be proved at any
time by building it again from the events (`verify`).

Names of the values are in `consent.records`; they can be imported from here too.
"""

import hashlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Literal

import msgspec

from consent.address import Address
from consent.chain import Head, Link
from consent.database import BUSY_SECONDS, Database, RegistryDown, RegistryError
from consent.histories import Histories
from consent.imports.row import DomainName, Hashed, Subject
from consent.keys import Secrets, key_text
from consent.lookup import Found, Lookup
from consent.merging import HASHED, Damaged, Merge
from consent.model import ALL, NOTHING, Event, Known, Reason, Standing, State
from consent.records import (
    Appended,
    Batch,
    BeforeCommit,
    Entry,
    ImportProgress,
    Prepared,
    Recorded,
    Verification,
)
from consent.sealing import Sealer, decode_standing
from consent.sqlite_writer import SqliteWriter
from consent.verification import OnProgress, Verifier
from consent.writer import Rows, Writer

__all__ = [
    "Appended",
    "Batch",
    "BeforeCommit",
    "ConsentStore",
    "Entry",
    "ImportProgress",
    "Prepared",
    "Recorded",
    "Verification",
]

_ALGORITHMS: tuple[Literal["md5", "sha1", "sha256"], ...] = ("md5", "sha1", "sha256")
_DOMAINS = 10_000
"""Domains whose keys are held in memory; some 2 MB."""
_UNKNOWN = Known()
_BULK = 1000
"""Entries from which a batch is written as an import's."""
_RESTORED_AT_ONCE = 1000


class ConsentStore:
    """Consents, withdrawals, relationships and suppressions of all customers. Thread-safe.

    `database` is `Database.consent()`. Every method raises `RegistryError`; `RegistryDown` for what may pass later.
    """

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database, self._secrets = database, secrets
        self._sealer = Sealer(secrets)
        self._lookup = Lookup(database)
        self._histories = Histories(database, self._sealer)
        self._writer = _writer(database)
        self._writing = threading.Lock()
        self._chain_key = secrets.chain_key
        self._domains: dict[str, bytes] = {}

    def close(self) -> None:
        """Close its connections. The store can still be used: it connects again."""
        self._lookup.close()
        with self._writing:
            self._writer.close()

    # -- the decision's look-up

    def known(self, customer: str, addresses: Sequence[Address]) -> list[Known]:
        """What is known of each recipient, in order, from one round trip for all of them.

        A second one is made only for a customer, or operator, that blocks addresses by their hashes (R-253).
        """
        keys = [self._secrets.subject_octets(address) for address in addresses]
        domains = [self._domain_octets(address.domain) for address in addresses]
        # Domains repeat; the mark for hashes is looked up with the rest.
        found = self._lookup.find(customer, [*keys, *dict.fromkeys(domains), HASHED])
        if not found:
            return [_UNKNOWN] * len(keys)
        standing = self._standing
        answers = [
            Known(
                standing(found, customer, key),
                standing(found, customer, domain),
                standing(found, ALL, key),
                standing(found, ALL, domain),
            )
            for key, domain in zip(keys, domains, strict=True)
        ]
        if (customer, HASHED) in found or (ALL, HASHED) in found:
            return self._with_hashed(customer, addresses, answers)
        return answers

    def _domain_octets(self, domain: str) -> bytes:
        octets = self._domains.get(domain)
        if octets is None:
            octets = self._secrets.subject_octets(DomainName(domain))
            if len(self._domains) >= _DOMAINS:
                self._domains.clear()
            self._domains[domain] = octets
        return octets

    def _standing(self, found: Found, customer: str, key: bytes) -> Standing:
        text = found.get((customer, key))
        if text is None:
            return NOTHING
        try:
            return decode_standing(text)
        except msgspec.DecodeError as error:
            raise RegistryError(
                f"registry {self._database.shown}: the standing of {key_text(key)} cannot be read by this version: "
                f"{error}; run: postern consent verify"
            ) from None

    def _with_hashed(self, customer: str, addresses: Sequence[Address], answers: list[Known]) -> list[Known]:
        keys = [[self._secrets.subject_octets(each) for each in hashes(address)] for address in addresses]
        found = self._lookup.find(customer, list(dict.fromkeys(key for each in keys for key in each)))
        if not found:
            return answers
        for at, each in enumerate(keys):
            own, operator = answers[at].own, answers[at].operator
            for key in each:
                own = _blocked_too(own, self._standing(found, customer, key))
                operator = _blocked_too(operator, self._standing(found, ALL, key))
            answers[at] = msgspec.structs.replace(answers[at], own=own, operator=operator)
        return answers

    def standing(self, customer: str, address: Subject) -> Standing:
        """What all events of one subject come to, for one customer or, as ALL, for the operator."""
        key = self._secrets.subject_octets(address)
        return self._standing(self._lookup.find(customer, [key]), customer, key)

    # -- of a subject whose key is all that is known

    def known_by_key(self, customer: str, key: bytes) -> Known:
        """The same of a recipient of whom only the key is known: what stands for its domain or its hash is not."""
        found = self._lookup.find(customer, [key])
        return Known(own=self._standing(found, customer, key), operator=self._standing(found, ALL, key))

    def keys(self, customer: str, prefix: bytes) -> list[bytes]:
        """The keys on record at a customer that begin so; two at most."""
        return self._histories.keys(customer, prefix)

    def history_by_key(self, customer: str, key: bytes) -> list[Recorded]:
        """All events of one subject at one customer, the oldest first."""
        return self._histories.of(customer, key)

    def append_by_key(
        self, customer: str, items: Sequence[tuple[bytes, Event]], *, before_commit: BeforeCommit | None = None
    ) -> Appended:
        """Record events of subjects known by key alone, with nothing personal; durable when it returns."""
        return self.write(self._sealer.bare(customer, items), before_commit=before_commit)

    # -- recording

    def append(
        self,
        customer: str,
        entries: Sequence[Entry],
        *,
        import_id: str = "",
        before_commit: BeforeCommit | None = None,
    ) -> Appended:
        """Record events; durable when it returns. What was told before is not recorded again."""
        return self.write(self.prepare(customer, entries), import_id=import_id, before_commit=before_commit)

    def prepare(self, customer: str, entries: Sequence[Entry]) -> Prepared:
        """The part of recording that needs no database, for another process; see `write`."""
        return self._sealer.prepare(customer, entries)

    def write(
        self,
        prepared: Prepared,
        *,
        import_id: str = "",
        progress: ImportProgress | None = None,
        before_commit: BeforeCommit | None = None,
    ) -> Appended:
        """Record prepared entries in one transaction: all of them, their batch and the import's progress, or nothing.

        `before_commit` may block: nobody else records meanwhile.
        """
        keys = sorted(set(prepared.keys))
        if prepared.hashed:
            keys.insert(0, HASHED)
        with self._alone(), self._writer.transaction(bulk=len(keys) > _BULK) as rows:
            head = rows.head()
            try:
                merge = Merge(self._sealer, prepared, rows.standings(prepared.customer, keys), head.last)
            except Damaged as error:
                raise RegistryError(f"registry {self._database.shown}: {error}; run: postern consent verify") from None
            new = len(merge.events)
            batch = self._record(rows, head, prepared, merge, import_id) if new else None
            appended = Appended(new, len(merge.numbers) - new, batch, merge.numbers)
            if progress is not None:
                self._progress(rows, import_id, progress, appended)
            if before_commit is not None and (stopping := merge.stopping()):
                before_commit(stopping)
        return appended

    def _record(self, rows: Rows, head: Head, prepared: Prepared, merge: Merge, import_id: str) -> Batch:
        count = len(merge.events)
        batch = Batch(head.number + 1, "", head.last + 1, count, prepared.customer, prepared.recorded, import_id)
        link = Link(self._chain_key, head.hash, batch)
        link.feed((row[2], row[3], row[4]) for row in merge.events)
        digest = link.digest()
        for last in merge.erased:
            rows.erase(last)
        rows.add_events(merge.events)
        if merge.added:
            rows.add_standings(merge.added)
        if merge.changed:
            rows.change_standings(merge.changed)
        rows.add_batch(batch, digest)
        return replace(batch, hash=digest.hex())

    def _progress(self, rows: Rows, import_id: str, progress: ImportProgress, appended: Appended) -> None:
        counts = dict(progress.counts)
        counts["new"] = counts.get("new", 0) + appended.new
        counts["known"] = counts.get("known", 0) + appended.known
        text = msgspec.json.encode(counts).decode()
        if not rows.progress(import_id, progress.phase, progress.done, text, progress.errors):
            raise RegistryError(f"registry {self._database.shown}: there is no import {import_id!r}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._writing.acquire(timeout=BUSY_SECONDS):
            raise RegistryDown(f"registry {self._database.shown}: others have been writing for {BUSY_SECONDS} s")
        try:
            yield
        finally:
            self._writing.release()

    def restore(self, customer: str, items: Iterable[tuple[bytes, Event]]) -> int:
        """Replay what a lost registry had been told, as the audit kept it: (key, event); how many were missing.

        No personal field comes back, and what an erasure among them erased goes again.
        """
        new, items = 0, iter(items)
        while group := list(islice(items, _RESTORED_AT_ONCE)):
            new += self.write(self._sealer.bare(customer, group)).new
        return new

    def erase(
        self,
        customer: str,
        address: Address,
        *,
        actor: str,
        now: int,
        before_commit: BeforeCommit | None = None,
    ) -> bool:
        """Erase a person at one customer (R-235): False when that was done and nothing has come since.

        An ERASED event is recorded, which suppresses from then on; the salt of the subject's key is destroyed and all
        its sealed fields are removed. The same for what is filed under the address's hashes. The events stay, and the
        chain verifies.
        """
        subjects: list[Subject] = [address, *hashes(address)]
        keys = [self._secrets.subject_octets(subject) for subject in subjects]
        event = Event(
            state=State.ERASED,
            party=ALL,
            list=ALL,
            at=now,
            recorded=now,
            reason=Reason.ERASURE,
            entity="recipient",
            actor=actor,
        )
        salts = self._histories.salts(customer, keys)
        wanted = [key for key in keys if salts.get(key)]
        if keys[0] not in salts:
            wanted.insert(0, keys[0])
        if not wanted:
            return False
        self.write(self._sealer.bare(customer, [(key, event) for key in wanted]), before_commit=before_commit)
        return True

    # -- reading

    def history(self, customer: str, address: Subject) -> list[Recorded]:
        """All events of one subject at one customer (ALL: the operator), the oldest first."""
        return self._histories.of(customer, self._secrets.subject_octets(address))

    def each(self, customer: str, list: str | None = None) -> Iterator[tuple[str, Sequence[Recorded]]]:
        """(address key, events, the oldest first) of every subject of a customer, in order of key, for export.

        With `list` those of which an event concerns that list, or all lists. Memory stays the same for any number.
        """
        return self._histories.each(customer, list)

    def last_batch(self) -> Batch | None:
        """The end of the chain; None while nothing was ever recorded."""
        return self._histories.batch(None)

    def batch(self, number: int) -> Batch | None:
        """One batch by its number."""
        return self._histories.batch(number)

    def verify(self, progress: OnProgress | None = None, *, anchor: tuple[int, str] | None = None) -> Verification:
        """Check everything against everything: see `consent.verification`. Memory stays the same for any number.

        `anchor` is (number, hash) of the newest batch that is known from elsewhere, such as the audit: without it a
        missing end cannot show. `progress` is called with (done, of how many) now and then.
        """
        return Verifier(self._database, self._sealer, self._chain_key).run(progress, anchor)


def hashes(address: Address) -> tuple[Hashed, ...]:
    """The hashes under which others may have filed an address (R-253): of it in lower case, however it is written."""
    texts = [text.encode("utf-8", "surrogatepass") for text in address.spellings]
    return tuple(
        Hashed(algorithm, hashlib.new(algorithm, text, usedforsecurity=False).hexdigest())
        for text in texts
        for algorithm in _ALGORITHMS
    )


def _blocked_too(standing: Standing, hashed: Standing) -> Standing:
    """A hash can block, never allow."""
    if hashed is NOTHING:
        return standing
    withdrawals, suppressions = standing.withdrawals + hashed.withdrawals, standing.suppressions + hashed.suppressions
    return msgspec.structs.replace(standing, withdrawals=withdrawals, suppressions=suppressions)


def _writer(database: Database) -> Writer:
    if database.is_sqlite:
        return SqliteWriter(database)
    # Imported here because its library costs a tenth of a second.
    from consent.postgresql_writer import PostgresqlWriter

    return PostgresqlWriter(database)
