"""Exemptions: a rule that only observes one customer until a time, for a reason; one for each customer and rule."""

import secrets
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from config.switch import LONGEST_EXEMPTION, Exemption
from consent import customer_rows
from consent.customers import Conflict, CustomerError, UnknownCustomer, checked_reason
from consent.database import Database
from consent.schema import exemptions


class ExemptionStore:
    """The exemptions of a registry. Every method raises `RegistryError` when the registry cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, customer: str | None = None) -> tuple[Exemption, ...]:
        """Those of one customer or of all, those that are over too, by customer and rule."""
        query = select(exemptions).order_by(exemptions.c.customer, exemptions.c.rule)
        if customer is not None:
            query = query.where(exemptions.c.customer == customer)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(Exemption(row.id, row.customer, row.rule, row.until, row.reason, row.since) for row in rows)

    def add(self, customer: str, rule: str, until: datetime, reason: str, now: datetime) -> Exemption:
        """Exempt a customer from a rule, whose code the caller has checked; takes the place of one that is over.

        Raises Conflict where one is in force, UnknownCustomer, and CustomerError for a time that is past or farther
        away than LONGEST_EXEMPTION, or a reason that is none.
        """
        text = checked_reason(reason)
        if not now < until <= now + LONGEST_EXEMPTION:
            raise CustomerError(f"until: must lie ahead, by at most {LONGEST_EXEMPTION.days} days")
        made = Exemption(secrets.token_hex(6), customer, rule, until, text, now)
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            mine = (exemptions.c.customer == customer) & (exemptions.c.rule == rule)
            self._check(connection, customer)
            row = connection.execute(select(exemptions.c.id, exemptions.c.until).where(mine)).first()
            if row is not None and row.until > now:
                raise Conflict([
                    f"customer {customer!r} is exempt from {rule} already, until {row.until:%Y-%m-%d %H:%M} UTC "
                    f"({row.id}): remove that first"
                ])  # fmt: skip
            connection.execute(delete(exemptions).where(mine))
            values = {"customer": customer, "rule": rule, "id": made.id, "until": until, "reason": text, "since": now}
            connection.execute(insert(exemptions).values(values))
            customer_rows.touch(connection, [customer], self._database.next_change(connection))
        return made

    def remove(self, customer: str, rule: str, reason: str) -> Exemption | None:
        """End an exemption; None where there is none. Raises UnknownCustomer, and CustomerError: it needs a reason."""
        checked_reason(reason)
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            self._check(connection, customer)
            mine = (exemptions.c.customer == customer) & (exemptions.c.rule == rule)
            row = connection.execute(select(exemptions).where(mine)).first()
            if row is None:
                return None
            connection.execute(delete(exemptions).where(mine))
            customer_rows.touch(connection, [customer], self._database.next_change(connection))
        return Exemption(row.id, row.customer, row.rule, row.until, row.reason, row.since)

    def _check(self, connection: Connection, customer: str) -> None:
        if customer not in customer_rows.existing(connection, [customer]):
            raise UnknownCustomer(customer)
