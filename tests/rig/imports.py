"""Imports for tests: files in the generic format, and an importer on a registry of their own."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from config.customers import Customer
from consent.address import Address
from consent.database import Database
from consent.import_jobs import Order
from consent.importer import Importer
from consent.keys import Secrets
from consent.store import ConsentStore
from tests.rig import registry

ACME = Customer(id="acme", name="Acme Ltd", domains=("acme.example",), contact="desk@acme.example")
HEADER = "email,event_state,event_time,source_ref,ip,notice_id,relationship_type,basis_at,document_ref"


def order(**changes: object) -> Order:
    """An order for ACME's newsletter."""
    told: dict[str, object] = {"customer": "acme", "list": "newsletter", "uploader": "ann@desk", "filename": "x.csv"}
    return Order(**(told | changes))  # type: ignore[arg-type]


def given(number: int, *, state: str = "given", ip: str | None = None, at: str | None = None) -> str:
    """A row about the person of that number: its own time and its own address, unless told otherwise."""
    at = at or f"2025-{1 + number % 12:02}-{1 + number // 12 % 28:02}T{number // 336 % 24:02}:00:00Z"
    ip = f"198.51.{number // 250 % 250}.{1 + number % 250}" if ip is None else ip
    return f"person{number}@host{number % 7}.example,{state},{at},https://www.acme.example/join,{ip},join-1,,,"


def related(number: int) -> str:
    """A row with a purchase of the person of that number."""
    return f"person{number}@host{number % 7}.example,,,,,,purchase,2026-01-0{1 + number % 9},invoice-{number}"


def person(number: int) -> Address:
    """Whom `given` and `related` are about."""
    return Address.parse(f"person{number}@host{number % 7}.example")


def write(folder: Path, rows: Sequence[str], name: str = "x.csv") -> Path:
    """A file of these rows under HEADER."""
    path = folder / name
    path.write_text("\n".join([HEADER, *rows, ""]))
    return path


@dataclass(frozen=True, slots=True)
class Desk:
    """An importer and what it works on."""

    database: Database
    secrets: Secrets
    importer: Importer
    store: ConsentStore


@contextmanager
def desk(
    folder: Path,
    url: str | None = None,
    clock: Callable[[], datetime] = lambda: registry.NOW,
    small_file: int = 1 << 30,
    block: int = 20_000,
) -> Iterator[Desk]:
    """An importer on the consent database of a registry in `folder`, or of `url`, brought up to date."""
    if url is None:
        registry.place(folder / "postern-consent.db")
    whole = Database(url or registry.sqlite_url(folder))
    database = whole.consent()
    database.upgrade()
    secrets = registry.secrets(folder)
    importer = Importer(database, secrets, clock, small_file=small_file, block=block)
    store = ConsentStore(database, secrets)
    try:
        yield Desk(database, secrets, importer, store)
    finally:
        importer.close()
        store.close()
        database.close()
        whole.close()
