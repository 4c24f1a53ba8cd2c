"""Histories: the events of a subject, read back with what was sealed."""

from collections.abc import Iterator, Sequence

import msgspec

from consent.database import Database, RegistryError
from consent.keys import Unsealable, key_text
from consent.model import ALL, Event
from consent.records import Batch, Recorded
from consent.scan import Scan, StoredEvent, StoredStanding, scanning
from consent.sealing import Sealer, decode_event, unseal

_AT_ONCE = 500
"""Subjects read in one piece."""
_BEFORE_ALL = b"\x01"
"""Below the key of any subject, above the mark for hashes (`consent.merging.HASHED`)."""


class Histories:
    """Reads what was recorded. Thread-safe; every method raises RegistryError."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database, self._sealer = database, sealer

    def of(self, customer: str, key: bytes) -> list[Recorded]:
        """All events of one subject, the oldest first."""
        with scanning(self._database) as scan, scan.piece():
            standings = scan.standings_of(customer, [key])
            return self._histories(scan, standings)[0] if standings else []

    def events(self, customer: str, keys: Sequence[bytes]) -> dict[bytes, list[tuple[int, Event]]]:
        """Key -> (number, event) of each subject on record, the oldest first, with nothing that was sealed."""
        found: dict[bytes, list[tuple[int, Event]]] = {}
        with scanning(self._database) as scan:
            for start in range(0, len(keys), _AT_ONCE):
                with scan.piece():
                    standings = scan.standings_of(customer, keys[start : start + _AT_ONCE])
                    chains = scan.chains(standings)
                for standing, chain in zip(standings, chains, strict=True):
                    found[standing.key] = [(stored.number, self._event(stored)) for stored in reversed(chain)]
        return found

    def keys(self, customer: str, prefix: bytes) -> list[bytes]:
        """The keys of a customer's subjects that begin so; two at most."""
        # Between the prefix less one bit and the prefix itself there is no key of 33 octets.
        below = (int.from_bytes(prefix, "big") - 1).to_bytes(len(prefix), "big") + b"\xff" * 33
        with scanning(self._database) as scan:
            return [each.key for each in scan.standings((customer, below), 2, customer) if each.key.startswith(prefix)]

    def salts(self, customer: str, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Key -> salt of those on record; empty where it was destroyed."""
        with scanning(self._database) as scan:
            return {standing.key: standing.salt for standing in scan.standings_of(customer, keys)}

    def each(self, customer: str, wanted: str | None) -> Iterator[tuple[str, Sequence[Recorded]]]:
        """(key as text, events) of each subject of a customer; see `ConsentStore.each`."""
        after = _BEFORE_ALL
        with scanning(self._database) as scan:
            while True:
                with scan.piece():
                    standings = scan.standings((customer, after), _AT_ONCE, customer)
                    histories = self._histories(scan, standings)
                if not standings:
                    return
                for standing, history in zip(standings, histories, strict=True):
                    if wanted is None or any(each.event.list in (wanted, ALL) for each in history):
                        yield key_text(standing.key), history
                after = standings[-1].key

    def batch(self, number: int | None) -> Batch | None:
        """One batch; None: the last."""
        with scanning(self._database) as scan:
            return scan.batch(number)

    def _histories(self, scan: Scan, standings: Sequence[StoredStanding]) -> list[list[Recorded]]:
        chains = scan.chains(standings)
        batches = scan.batches_of([event.number for chain in chains for event in chain])
        return [
            [self._recorded(standing, event, batches[event.number]) for event in reversed(chain)]
            for standing, chain in zip(standings, chains, strict=True)
        ]

    def _event(self, stored: StoredEvent) -> Event:
        try:
            return decode_event(stored.body)
        except msgspec.DecodeError as error:
            raise self._unreadable(stored, error) from None

    def _recorded(self, standing: StoredStanding, stored: StoredEvent, batch: int) -> Recorded:
        try:
            event = decode_event(stored.body)
            key = self._sealer.key(standing.customer, standing.key, standing.salt)
            return Recorded(stored.number, event, unseal(key, event, stored.sealed), batch)
        except (msgspec.DecodeError, Unsealable) as error:
            raise self._unreadable(stored, error) from None

    def _unreadable(self, stored: StoredEvent, error: Exception) -> RegistryError:
        return RegistryError(
            f"registry {self._database.shown}: event {stored.number}: {error}; run: postern consent verify"
        )
