"""Standings: a registry of tens of millions of consents, of which all beyond the first million are standings alone.

What decides about a recipient is their standing. The events behind it, sealed, are looked at by proofs, exports and
`registry verify` only, and are most of a registry: with them fifty million consents take 39 GB, and while they are
imported 28 GB more. So here the others' standings are written as an import leaves them, each under its own key and with
its own salt and number; what a look-up costs among so many can be measured on a disk of 20 GB, in minutes. Nothing else
is measured on such a registry.
"""

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from consent.address import Address
from consent.keys import Secrets
from consent.schema import REVISION
from tests.bench import gateways

REAL = 1_000_000
"""Consents that are imported."""
_KEY = 33
"""Octets of a key in the registry."""
_TOLD_EACH = 5_000_000


def registry(program: Path, out: Path, rows: int) -> Path:
    """A data folder with the customer and so many consents, made when it is not there yet; raises RigError."""
    real = gateways.registry(program, out, min(rows, REAL))
    made = out / f"standings-{REVISION}-{rows}"
    if rows <= REAL:
        return real
    if not made.is_dir():
        new = made.with_name(f"{made.name}.{os.getpid()}.new")
        try:
            shutil.copytree(real, new / "data")
            extend(new / "data", REAL, rows)
            new.rename(made)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    return made / "data"


def extend(data: Path, have: int, rows: int) -> None:
    """Add the standings of the addresses from `have` up to `rows`."""
    secrets = Secrets.load_or_create(data / "secrets.toml")
    keys = np.empty((rows - have, _KEY), dtype=np.uint8)
    for at in range(rows - have):
        octets = secrets.subject_octets(Address.parse(f"user{have + at}@example.org"))
        keys[at] = np.frombuffer(octets, dtype=np.uint8)
        _tell("keys", at)
    # The tree is written from left to right, as an import does: else each row would be a page of its own to the disk.
    order = np.argsort(np.ascontiguousarray(keys[:, 1:9]).view(">u8").ravel())
    database = sqlite3.connect(data / "postern-consent.db", isolation_level=None)
    try:
        standing, last = database.execute(
            "SELECT standing, last FROM standings WHERE customer = ? LIMIT 1", (gateways.CUSTOMER,)
        ).fetchone()
        before, _, behind = standing.partition(f",{last}]")
        mode = database.execute("PRAGMA journal_mode").fetchone()[0]
        # What is half made is thrown away.
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")

        def values() -> Iterator[tuple[str, bytes, bytes, int, str]]:
            for at, place in enumerate(order):
                number = have + at + 1
                salt = os.urandom(16)
                yield gateways.CUSTOMER, keys[place].tobytes(), salt, number, f"{before},{number}]{behind}"
                _tell("standings", at)

        database.execute("BEGIN")
        database.executemany("INSERT INTO standings (customer, key, salt, last, standing) VALUES (?,?,?,?,?)", values())
        database.execute("COMMIT")
        database.execute(f"PRAGMA journal_mode = {mode}")
    finally:
        database.close()


def _tell(what: str, at: int) -> None:
    if at and at % _TOLD_EACH == 0:
        print(f"{what}: {at:,}", file=sys.stderr, flush=True)
