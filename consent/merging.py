"""Merging: one batch of prepared entries joined with what is on record of their subjects. No I/O.

An entry of a subject that is new, and comes once in its batch, is taken as it was prepared. For the others the event is
applied to the stored standing and sealed anew under the subject's own key.
"""

from dataclasses import dataclass, field

import msgspec

from consent.keys import key_text
from consent.model import NOTHING, Event, Standing, State
from consent.records import Prepared
from consent.sealing import (
    Sealer,
    decode_event,
    decode_standing,
    encode_event,
    encode_standing,
    numbered,
    seal,
    unseal,
)
from consent.standing import apply
from consent.writer import EventRow, StandingRow

HASHED = b"\x00hashed"
"""The key of a row that says: of this customer some subjects are hashes. Nearly nobody has any, and then a look-up
need not ask for them. It has no events."""
HASHED_ROW_STANDING = "[]"
Stored = dict[bytes, tuple[bytes, int, str]]
"""Key -> (salt, last, standing)."""
_OPENING = (State.REQUESTED, State.GIVEN, State.CONFIRMED, State.RELATED)


class Damaged(Exception):
    """A stored standing cannot be read; the text names its subject."""


@dataclass(slots=True)
class _Subject:
    salt: bytes
    last: int | None
    standing: Standing
    new: bool
    fresh: list[int] = field(default_factory=list)
    """Indices of its events in `Merge.events`."""


class Merge:
    """What a batch comes to: rows to write."""

    def __init__(self, sealer: Sealer, prepared: Prepared, stored: Stored, last: int) -> None:
        """`stored` is what is on record of the batch's keys; `last` the number of the registry's last event.

        Raises Damaged.
        """
        self.events: list[EventRow] = []
        self.added: list[StandingRow] = []
        """Sorted."""
        self.changed: list[StandingRow] = []
        """Sorted."""
        self.erased: list[int] = []
        """Numbers of the last events on record of subjects whose personal fields go."""
        self.numbers: list[int | None] = []
        self._sealer, self._prepared, self._last = sealer, prepared, last
        self._subjects: dict[bytes, _Subject] = {}
        self._merge(stored)

    def _merge(self, stored: Stored) -> None:
        prepared, number = self._prepared, self._last
        customer = prepared.customer
        events, added, numbers = self.events, self.added, self.numbers
        columns = zip(prepared.keys, prepared.salts, prepared.bodies, prepared.sealed, prepared.standings, strict=True)
        for at, (key, salt, body, sealed, standing) in enumerate(columns):
            if standing and key not in stored:
                number += 1
                events.append((number, customer, key, None, body, sealed or None))
                added.append((customer, key, salt, number, numbered(standing, number)))
                numbers.append(number)
            elif self._take(at, key, stored.get(key), number + 1):
                number += 1
                numbers.append(number)
            else:
                numbers.append(None)
        for key, subject in self._subjects.items():
            if subject.last is not None and subject.fresh:
                row = (customer, key, subject.salt, subject.last, encode_standing(subject.standing))
                (self.added if subject.new else self.changed).append(row)
        if prepared.hashed and HASHED not in stored:
            added.append((customer, HASHED, b"", 0, HASHED_ROW_STANDING))
        self.added.sort()
        self.changed.sort()

    def _take(self, at: int, key: bytes, stored: tuple[bytes, int, str] | None, number: int) -> bool:
        """Take one entry of a subject that is on record, or comes more than once; whether it is new."""
        prepared = self._prepared
        subject = self._subjects.get(key)
        if subject is None:
            subject = self._subjects[key] = _subject(key, prepared.salts[at], stored)
        body, sealed = prepared.bodies[at], prepared.sealed[at]
        event = decode_event(body)
        standing = apply(subject.standing, event, number)
        if standing is None:
            return False
        if event.state is State.ERASED:
            self._erase(subject)
        elif not subject.salt and _opens(event):
            subject.salt = prepared.salts[at]
        if not subject.salt:
            body, sealed = encode_event(msgspec.structs.replace(event, commitments={})), b""
        elif subject.salt != prepared.salts[at]:
            body, sealed = self._seal_anew(key, subject.salt, at, event)
        subject.fresh.append(len(self.events))
        self.events.append((number, prepared.customer, key, subject.last, body, sealed or None))
        subject.standing, subject.last = standing, number
        return True

    def _seal_anew(self, key: bytes, salt: bytes, at: int, event: Event) -> tuple[bytes, bytes]:
        prepared, sealer = self._prepared, self._sealer
        before = sealer.key(prepared.customer, key, prepared.salts[at])
        fields = unseal(before, event, prepared.sealed[at] or None)
        after = sealer.key(prepared.customer, key, salt)
        return (encode_event(event), b"") if not fields or after is None else seal(after, event, fields)

    def _erase(self, subject: _Subject) -> None:
        for index in subject.fresh:
            self.events[index] = (*self.events[index][:5], None)
        stored = subject.last if not subject.fresh else self.events[subject.fresh[0]][3]
        if stored is not None:
            self.erased.append(stored)
        subject.salt = b""

    def stopping(self) -> list[tuple[bytes, int, Event]]:
        """(key, number, event) of the new events that are `records.STOPPING`."""
        found: list[tuple[bytes, int, Event]] = []
        for at in self._prepared.stopping:
            number = self.numbers[at]
            if number is not None:
                row = self.events[number - self._last - 1]
                found.append((row[2], number, decode_event(row[4])))
        return found


def _subject(key: bytes, salt: bytes, stored: tuple[bytes, int, str] | None) -> _Subject:
    if stored is None:
        return _Subject(salt, None, NOTHING, new=True)
    try:
        return _Subject(stored[0], stored[1], decode_standing(stored[2]), new=False)
    except msgspec.DecodeError as error:
        raise Damaged(f"the standing of {key_text(key)} cannot be read by this version: {error}") from None


def _opens(event: Event) -> bool:
    """Whether it is a new act of someone who had been erased, so that personal data is kept again.

    An old file does not bring back what was erased, and to stop mail nothing but the key is needed.
    """
    return event.state in _OPENING and not event.imported
