"""Journals, records and a small real seal for tests of the audit."""

import base64
import hmac
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consent.address import Address
from gateway.audit.journal import Journal
from gateway.audit.record import Act, Decision, Outcome, Sealed
from gateway.audit.segments import segment_numbers, segment_path

MAC_KEY = b"the operator's secret of the tests"
NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


class Clock:
    """A time that moves only when told, or by `step` at each look."""

    def __init__(self, now: datetime = NOON, step: timedelta = timedelta(microseconds=7)) -> None:
        self.now, self.step = now, step

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


class Vault:
    """Keyed hashes, and AES-GCM under one key for each subject; a subject can be erased."""

    def __init__(self) -> None:
        self._keys: dict[str, AESGCM] = {}
        self.erased: set[str] = set()
        self.calls = 0

    def keys(self, address: Address) -> Sequence[str]:
        """All keys the address may stand under; one here."""
        digest = hmac.digest(b"pepper", address.canonical.encode(), "sha256")
        return (f"1:{base64.b64encode(digest).decode()}",)

    def seal(self, addresses: Sequence[Address]) -> Sequence[Sealed]:
        """Seal a group's addresses."""
        self.calls += 1
        return [self._sealed(address) for address in addresses]

    def unseal(self, sealed: Sequence[Sealed]) -> Sequence[str | None]:
        """Open addresses; None for the erased."""
        return [self._opened(item) for item in sealed]

    def erase(self, address: Address) -> None:
        """Destroy the subject's key."""
        key = self.keys(address)[0]
        self._keys.pop(key, None)
        self.erased.add(key)

    def _sealed(self, address: Address) -> Sealed:
        key = self.keys(address)[0]
        if key in self.erased:
            return Sealed(key, None)
        cipher = self._keys.setdefault(key, AESGCM(AESGCM.generate_key(128)))
        nonce = os.urandom(12)
        return Sealed(key, base64.b64encode(nonce + cipher.encrypt(nonce, address.text.encode(), None)).decode())

    def _opened(self, item: Sealed) -> str | None:
        cipher = self._keys.get(item.key)
        if cipher is None or item.sealed is None:
            return None
        data = base64.b64decode(item.sealed)
        return cipher.decrypt(data[:12], data[12:], None).decode()


def journal(directory: Path, **changes: Any) -> Journal:
    """A journal in `directory`, whose name is the process's; not open."""
    given: dict[str, Any] = {
        "mac_key": MAC_KEY,
        "seal": Vault().seal,
        "clock": Clock(),
        "publish_head": None,
        "segment_bytes": 64 * 1024,
        "reserve_bytes": 64 * 1024,
    }
    return Journal(directory, directory.name, **(given | changes))


def decision(reference: str = "01J0000000000000000000000A", **changes: Any) -> Decision:
    """A decision that accepts, or what `changes` make of it."""
    given: dict[str, Any] = {
        "reference": reference,
        "customer": "acme",
        "credential": "acme-app",
        "stream": "auto",
        "client": {"address": "192.0.2.7", "port": 40000},
        "ehlo": "mail.acme.example",
        "tls": "TLSv1.3 TLS_AES_256_GCM_SHA384",
        "listener": "127.0.0.1:2525",
        "phase": "data",
        "reverse_path": Address.parse("bounce@acme.example"),
        "recipients": (Address.parse("ann@other.example"),),
        "header_from": (Address.parse("news@acme.example"),),
        "message_id": "<1@acme.example>",
        "size": 2048,
        "sha256": "ab" * 32,
        "header_sha256": "cd" * 32,
        "verdict": "accept",
        "reply": f"250 2.0.0 Accepted; ref {reference}",
        "policy": "ef" * 32,
        "version": "0.1.0",
        "profile": "us",
        "mode": "enforce",
    }
    return Decision(**(given | changes))


def outcome(reference: str = "01J0000000000000000000000A", **changes: Any) -> Outcome:
    """The next hop took it and the client was told, or what `changes` make of it."""
    given: dict[str, Any] = {
        "reference": reference,
        "outcome": "accepted",
        "next_hop": "default 127.0.0.1:2526",
        "reply": "250 2.0.0 Ok: queued as 4F2",
        "told": True,
        "accepted": 1,
    }
    return Outcome(**(given | changes))


def act(**changes: Any) -> Act:
    """An operator's act."""
    given: dict[str, Any] = {"actor": "cli:ann", "act": "suspend", "customer": "acme", "reason": "spam"}
    return Act(**(given | changes))


def reference(number: int) -> str:
    """A reference of the length that real ones have."""
    return f"01J{number:023}"


def lines(directory: Path) -> list[bytes]:
    """All lines of all segments, in order, line ends included."""
    return [
        line
        for number in segment_numbers(directory)
        for line in segment_path(directory, number).read_bytes().splitlines(keepends=True)
    ]


def references(count: int) -> Iterator[str]:
    """So many references."""
    return (reference(number) for number in range(count))
