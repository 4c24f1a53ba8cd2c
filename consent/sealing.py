"""Sealing: makes entries ready to be written, and sealed fields readable again.

All of it is arithmetic on values: keys, salts, ciphers, JSON. An import does it in a process of its own.
"""

import os
from collections import Counter
from collections.abc import Sequence

import msgspec

from consent.address import Address
from consent.imports.row import DomainName, Subject
from consent.keys import SALT, PersonalKey, Secrets, Unsealable
from consent.model import NOTHING, Event, Standing, State
from consent.records import STOPPING, Entry, Prepared
from consent.standing import apply

_NUMBER = 9223372036854775806
"""Stands for an event's number until it has one: larger than any that will be."""
_NUMBER_TEXT = str(_NUMBER)
_NUMBER_OCTETS = _NUMBER_TEXT.encode()

_encode = msgspec.json.Encoder().encode
_decode_event = msgspec.json.Decoder(Event).decode
_decode_standing = msgspec.json.Decoder(Standing).decode
_decode_fields = msgspec.json.Decoder(dict[str, str]).decode


class Sealer:
    """Prepares entries under the operator's secrets, and opens what was sealed. Holds no state; thread-safe."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._keys = secrets.personal_keys

    def prepare(self, customer: str, entries: Sequence[Entry]) -> Prepared:
        """The entries of one customer, ready for `ConsentStore.write`. Raises ValueError for text that is no Unicode.

        What an event says in `commitments` is replaced.
        """
        keys = [self._secrets.subject_octets(entry.subject) for entry in entries]
        often = {key for key, times in Counter(keys).items() if times > 1} if len(set(keys)) < len(keys) else set()
        random = os.urandom(SALT * len(keys))
        salts = [random[at : at + SALT] for at in range(0, len(random), SALT)]
        if often:
            first: dict[bytes, bytes] = {}
            salts = [first.setdefault(key, salt) for key, salt in zip(keys, salts, strict=True)]
        bodies: list[bytes] = []
        sealed: list[bytes] = []
        standings: list[str] = []
        stopping: list[int] = []
        hashed, recorded = False, 0
        of = self._keys.of
        for at, entry in enumerate(entries):
            key, event, subject = keys[at], entry.event, entry.subject
            if event.state is State.ERASED:
                fields: dict[str, str] = {}
            else:
                name, value = shown(subject)
                hashed = hashed or name == "hash"
                fields = {name: value, **entry.personal}
            body, cipher = seal(of(customer, key, salts[at]), event, fields)
            bodies.append(body)
            sealed.append(cipher)
            standing = "" if key in often or _NUMBER_OCTETS in body else _first(event)
            standings.append(standing)
            if event.state in STOPPING:
                stopping.append(at)
            recorded = max(recorded, event.recorded)
        return Prepared(customer, keys, salts, bodies, sealed, standings, stopping, hashed, recorded)

    def bare(self, customer: str, items: Sequence[tuple[bytes, Event]]) -> Prepared:
        """Events without anything personal, of subjects known by key alone: erasures, and what the audit kept."""
        count = len(items)
        events = [msgspec.structs.replace(event, commitments={}) for _, event in items]
        return Prepared(
            customer,
            [key for key, _ in items],
            [os.urandom(SALT) for _ in items],
            [encode_event(event) for event in events],
            [b""] * count,
            [""] * count,
            [at for at, event in enumerate(events) if event.state in STOPPING],
            any("hash" in event.commitments for _, event in items),
            max((event.recorded for event in events), default=0),
        )

    def key(self, customer: str, key: bytes, salt: bytes) -> PersonalKey | None:
        """The key of a subject's personal fields; None once its salt is destroyed."""
        return self._keys.of(customer, key, salt) if salt else None


def _first(event: Event) -> str:
    standing = apply(NOTHING, event, _NUMBER)
    return "" if standing is None else encode_standing(standing)


def numbered(standing: str, number: int) -> str:
    """One of `Prepared.standings` with its event's number filled in."""
    return standing.replace(_NUMBER_TEXT, str(number))


def seal(key: PersonalKey, event: Event, fields: dict[str, str]) -> tuple[bytes, bytes]:
    """(body with its commitments, sealed fields); the second is empty when there are no fields."""
    if not fields:
        return encode_event(_with_commitments(event, {})), b""
    return encode_event(_with_commitments(event, key.commitments(fields))), key.seal(_encode(fields))


def unseal(key: PersonalKey | None, event: Event, sealed: bytes | None) -> dict[str, str] | None:
    """The personal fields of an event; None when they are erased. Raises Unsealable when they were altered."""
    if sealed is None or key is None:
        return None if event.commitments or key is None else {}
    try:
        fields = _decode_fields(key.open(sealed))
    except msgspec.DecodeError:
        raise Unsealable("personal fields are not of this version") from None
    if key.commitments(fields) != event.commitments:
        raise Unsealable("personal fields are not those the event was recorded with")
    return fields


def shown(subject: Subject) -> tuple[str, str]:
    """The name and value under which a subject itself is kept among its personal fields."""
    if isinstance(subject, Address):
        return "address", subject.text
    if isinstance(subject, DomainName):
        return "domain", subject.name
    return "hash", f"{subject.algorithm}:{subject.digest}"


def _with_commitments(event: Event, commitments: dict[str, str]) -> Event:
    return msgspec.structs.replace(event, commitments=commitments)


def encode_event(event: Event) -> bytes:
    """The octets of an event that are stored and chained."""
    return _encode(event)


def decode_event(body: bytes) -> Event:
    """The event in a body; raises msgspec.DecodeError."""
    return _decode_event(body)


def encode_standing(standing: Standing) -> str:
    """A standing as it is stored; equal standings are equal texts."""
    return _encode(standing).decode()


def decode_standing(text: str) -> Standing:
    """The standing in a stored text; raises msgspec.DecodeError."""
    return _decode_standing(text)
