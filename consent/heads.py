"""Heads of audit chains, kept apart from the machine that writes the chain, so that a missing end shows."""

from datetime import datetime

from sqlalchemy import select

from consent.database import Database
from consent.schema import heads


class HeadStore:
    """The last head of each chain, as opaque text. Methods raise `RegistryError`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        build = database.insert(heads)
        self._put = build.on_conflict_do_update(
            index_elements=["process"], set_={"text": build.excluded.text, "written": build.excluded.written}
        )

    def put(self, process: str, text: str, now: datetime) -> None:
        """Keep `text` as the head of a process's chain, in place of the last."""
        with self._database.writing() as connection:
            connection.execute(self._put, {"process": process, "text": text, "written": now})

    def all(self) -> dict[str, str]:
        """Process -> text of its last head."""
        with self._database.reading() as connection:
            return {row.process: row.text for row in connection.execute(select(heads).order_by(heads.c.process))}
