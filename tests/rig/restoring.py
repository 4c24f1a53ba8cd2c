"""Registries that are put back to an older state, and what a gateway makes of it."""

import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from consent.address import Address
from consent.database import Database
from consent.decide import decide
from consent.mailing import Class, Mailing
from consent.model import Event, Grade, Reason, State, micros
from consent.profiles import shipped
from consent.records import Entry
from consent.store import ConsentStore
from gateway.app import Gateway
from gateway.audit.anchors import anchor
from gateway.audit.journal import Journal
from gateway.audit.search import Query
from gateway.audit.withdrawals import Withdrawals

ANN, BOB, EVE = (Address.parse(f"{name}@recipient.example") for name in ("ann", "bob", "eve"))
MAILING = Mailing(Class.BULK, "acme", "news", Grade.E2, ("us",))


class Desk:
    """Records events as the gateway does: written ahead, committed, anchored."""

    def __init__(self, store: ConsentStore, journal: Journal, clock: Callable[[], datetime]) -> None:
        self.store, self.journal, self.clock = store, journal, clock

    def consent(self, *addresses: Address) -> None:
        """They ask for the list."""
        self._append(*addresses, state=State.GIVEN, grade=2, ground="express", method="web_form")

    def withdraw(self, *addresses: Address, state: State = State.WITHDRAWN, anchored: bool = True) -> None:
        """They want no more of it."""
        self._append(*addresses, state=state, reason=Reason.ONE_CLICK, anchored=anchored)

    def _append(self, *addresses: Address, anchored: bool = True, **said: Any) -> None:
        now = micros(self.clock())
        event = Event(party="acme", list="news", at=now, recorded=now, **said)
        done = self.store.append(
            "acme", [Entry(address, event, {"ip": "192.0.2.1"}) for address in addresses], before_commit=self.ahead
        )
        if anchored:
            self.journal.append_blocking(anchor(done.batch, "token:1"))

    def ahead(self, items: Sequence[tuple[bytes, int, Event]]) -> None:
        """What the store calls before it commits."""
        self.journal.append_blocking(Withdrawals("acme", [(key, event) for key, _, event in items]))

    def reason(self, address: Address) -> str | None:
        """Why a bulk mail to the address is refused now; None: it is not."""
        (known,) = self.store.known("acme", [address])
        return decide(MAILING, known, shipped(), micros(self.clock())).reason


def desk(gateway: Gateway) -> Desk:
    """Of a running gateway."""
    return Desk(gateway.stores.consents, gateway.journal, gateway.clock)


def replays(gateway: Gateway) -> list[dict[str, Any]]:
    """What the audit says of replays, the newest first."""
    found = gateway.evidence.search(Query(kind="action", limit=None))
    return [record["details"] | {"reason": record["reason"]} for record in found if record["act"] == "consent replay"]


def alarms(gateway: Gateway) -> float:
    """How many alarms it has raised over its registry."""
    return gateway.metrics.registry.get_sample_value("postern_alarms_total", {"part": "restore"}) or 0


def copied(folder: Path, name: str) -> None:
    """Copy the registry's files of a gateway that is not running."""
    (folder / name).mkdir()
    for path in (folder / "var").glob("postern*.db*"):
        shutil.copy(path, folder / name)


def put_back(folder: Path, name: str) -> None:
    """Put a copy in the place of the registry's files."""
    for path in (folder / "var").glob("postern*.db*"):
        path.unlink()
    for path in (folder / name).iterdir():
        shutil.copy(path, folder / "var")


def readyz(gateway: Gateway) -> tuple[int, str]:
    """What it answers."""
    try:
        with urllib.request.urlopen(f"http://{gateway.http_address}/readyz", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


CHAIN = ("events", "batches", "standings")


def keep(database: Database) -> None:
    """Take a copy of the rows."""
    with database.writing() as connection:
        for name in (*CHAIN, "changes"):
            connection.execute(text(f"CREATE TABLE kept_{name} AS SELECT * FROM {name}"))


def bring_back(database: Database, *names: str) -> None:
    """Put the copy in the place of the rows, as a restore of a dump does."""
    with database.writing() as connection:
        for name in names:
            connection.execute(text(f"DELETE FROM {name}"))
            connection.execute(text(f"INSERT INTO {name} SELECT * FROM kept_{name}"))
