"""Documents: named values of one customer, each kept as JSON in a row under (customer, id).

Parties, lists and notices are such values. Their tables are small and read by people and by imports, not per message.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Table, select

from consent.database import Database, RegistryError

Value = TypeVar("Value", bound=msgspec.Struct)

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}\Z")


class DocumentError(Exception):
    """A party, list or notice that cannot be kept as it is, or is not there; the text names the field and the fix."""


class UnknownDocument(DocumentError):
    """There is none of that id at this customer."""


def required(noun: str, name: str, value: str, most: int) -> None:
    """Raise DocumentError unless `value` is printable text of 1 to `most` characters."""
    if not value.strip():
        raise DocumentError(f"{noun}: {name} is required")
    bounded(noun, name, value, most)


def bounded(noun: str, name: str, value: str, most: int, *, lines: bool = False) -> None:
    """Raise DocumentError unless `value` is printable text of at most `most` characters, line ends where allowed."""
    if len(value) > most:
        raise DocumentError(f"{noun}: {name} is longer than {most} characters")
    shown = value.replace("\n", "").replace("\r", "").replace("\t", "") if lines else value
    if not shown.isprintable():
        raise DocumentError(f"{noun}: {name} must be printable text{'' if lines else ' on one line'}")


def language_tag(noun: str, value: str) -> None:
    """Raise DocumentError unless `value` is empty or has the form of a BCP 47 tag, such as "en" or "pt-BR"."""
    if value and not _LANGUAGE.match(value):
        raise DocumentError(f"{noun}: language must be a BCP 47 tag such as 'en' or 'pt-BR'")


def web_address(noun: str, name: str, value: str) -> None:
    """Raise DocumentError unless `value` is empty or an http or https address without spaces."""
    bounded(noun, name, value, 2000)
    if value and not re.match(r"https?://[^\s<>\"]+\Z", value):
        raise DocumentError(f"{noun}: {name} must be a web address such as 'https://www.acme.example/privacy'")


def read(table: Table, value: type[Value], connection: Connection, customer: str, number: str) -> Value | None:
    """The document of this id, or None."""
    query = select(table.c.document).where(table.c.customer == customer, table.c.id == number)
    text = connection.execute(query).scalar()
    return None if text is None else decoded(table, value, number, text)


def decoded(table: Table, value: type[Value], number: str, text: str) -> Value:
    """The value in a row's text; raises RegistryError when this version does not take it."""
    try:
        return msgspec.json.decode(text, type=value)
    except (msgspec.DecodeError, DocumentError) as error:
        raise RegistryError(f"registry: {table.name} {number!r} cannot be read by this version: {error}") from None


def add(database: Database, connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Add the row unless one stands under the same customer and id; whether it was added.

    One statement: of two transactions that do so at once, one adds and the other is told.
    """
    build = database.insert(table)
    # Not by the count of rows, which an insert does not have on every driver.
    added = build.on_conflict_do_nothing().returning(table.c.id)
    return connection.execute(added, dict(row)).first() is not None


def write(database: Database, connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Add the row, or put it in place of the one under the same customer and id."""
    build = database.insert(table)
    changed = {name: build.excluded[name] for name in row if name not in ("customer", "id")}
    connection.execute(build.on_conflict_do_update(index_elements=["customer", "id"], set_=changed), dict(row))


def encoded(value: msgspec.Struct) -> str:
    """A document as it is stored."""
    return msgspec.json.encode(value).decode()
