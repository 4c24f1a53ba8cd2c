"""Domains that customers hold by a command, beside those that their file names (R-010).

A domain has one holder, always: the primary key of its row. What was added by a command stays when the file is applied
again, as a suspension does; what the file names is changed in the file.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, delete, insert, select

from consent import customer_rows
from consent.customers import Conflict, CustomerError, UnknownCustomer, checked_reason
from consent.database import Database
from consent.schema import domains

Source = Literal["file", "dns", "assertion"]
"""`file` names it (customers.toml), `dns` by a token in its zone, `assertion` by the operator's word."""


class StandsInFile(CustomerError):
    """The customer's file names it, so no command takes it away."""


@dataclass(frozen=True, slots=True)
class HeldDomain:
    """A domain and who holds it."""

    domain: str
    customer: str
    source: Source
    reason: str = ""
    """The operator's, of an assertion."""
    since: datetime | None = None
    """When a command added it; None where the file names it."""


class DomainStore:
    """The domains of a registry. Every method raises `RegistryError` when the registry cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, customer: str | None = None) -> tuple[HeldDomain, ...]:
        """The domains of one customer, or of all, by name."""
        query = select(domains).order_by(domains.c.domain)
        if customer is not None:
            query = query.where(domains.c.customer == customer)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(HeldDomain(row.domain, row.customer, row.source, row.reason, row.since) for row in rows)

    def near(self, domain: str) -> tuple[HeldDomain, ...]:
        """Those above a domain and those beneath it, whoever holds them."""
        return tuple(
            each
            for each in self.all()
            if each.domain != domain
            and (f".{each.domain}".endswith(f".{domain}") or f".{domain}".endswith(f".{each.domain}"))
        )

    def check(self, customer: str, domain: str) -> bool:
        """Whether the customer holds the domain; raises Conflict where another does, and UnknownCustomer."""
        with self._database.reading() as connection:
            return self._held(connection, customer, domain)

    def add(
        self, customer: str, domain: str, source: Literal["dns", "assertion"], now: datetime, reason: str = ""
    ) -> bool:
        """Add a domain, in canonical form, to a customer; False where it holds it already, and nothing changes.

        Raises Conflict where another customer holds it, and CustomerError: an assertion needs a reason.
        """
        checked = checked_reason(reason) if source == "assertion" else ""
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            if self._held(connection, customer, domain):
                return False
            row = {"domain": domain, "customer": customer, "source": source, "reason": checked, "since": now}
            connection.execute(insert(domains).values(row))
            customer_rows.touch(connection, [customer], self._database.next_change(connection))
            return True

    def remove(self, customer: str, domain: str, reason: str) -> bool:
        """Take away a domain that a command added; False where the customer does not hold it.

        Raises StandsInFile where its file names it, and CustomerError: it needs a reason.
        """
        checked_reason(reason)
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            if customer not in customer_rows.existing(connection, [customer]):
                raise UnknownCustomer(customer)
            mine = (domains.c.domain == domain) & (domains.c.customer == customer)
            if connection.execute(select(domains.c.source).where(mine)).scalar() is None:
                return False
            if domain in customer_rows.written_domains(connection, customer):
                raise StandsInFile(
                    f"domain {domain!r} stands in the file of customer {customer!r}: take it out there and apply it"
                )
            connection.execute(delete(domains).where(mine))
            customer_rows.touch(connection, [customer], self._database.next_change(connection))
            return True

    def _held(self, connection: Connection, customer: str, domain: str) -> bool:
        if customer not in customer_rows.existing(connection, [customer]):
            raise UnknownCustomer(customer)
        holder = connection.execute(select(domains.c.customer).where(domains.c.domain == domain)).scalar()
        if holder not in (None, customer):
            raise Conflict([f"customer {customer!r}: domain {domain!r} is held by customer {holder!r}"])
        return holder == customer
