"""Parties: in whose name a customer's mail is sent (ISO/IEC TS 27560 "party", R-082, R-085).

Each customer starts with one party that is made from what customers.toml says of it: its id is the customer's, it
needs no row and cannot be replaced. Others are brands or legal entities that send through the same customer: a consent
binds to one of them and no other.
"""

import re
from typing import Literal

import msgspec
from sqlalchemy import select

from config.customers import Customer
from consent import documents
from consent.database import Database
from consent.documents import DocumentError, UnknownDocument
from consent.schema import parties

PartyType = Literal["controller", "on_behalf_of", "processor", "authority"]
PARTY_TYPES: tuple[PartyType, ...] = ("controller", "on_behalf_of", "processor", "authority")

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")


class UnknownParty(UnknownDocument):
    """The customer has no party of that id."""


class Party(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A legal entity or brand that mail is sent for. Raises DocumentError when it is made with a wrong field."""

    id: str
    """Lower-case letters, digits, `-` and `_`; unique within the customer."""
    name: str
    """The name by which it carries on business, or its legal name (SOR/2012-36 section 2)."""
    trading_name: str = ""
    postal_address: str = ""
    email: str = ""
    phone: str = ""
    url: str = ""
    domains: tuple[str, ...] = ()
    """Domains of the customer in whose From it is meant; none two parties share."""
    type: PartyType = "controller"

    def __post_init__(self) -> None:
        """Check every field."""
        if not _ID.match(self.id):
            raise DocumentError("party: id must be lower-case letters, digits, '-' and '_', at most 64")
        noun = f"party {self.id!r}"
        documents.required(noun, "name", self.name, 200)
        documents.bounded(noun, "trading_name", self.trading_name, 200)
        documents.bounded(noun, "postal_address", self.postal_address, 500, lines=True)
        documents.bounded(noun, "email", self.email, 254)
        documents.bounded(noun, "phone", self.phone, 64)
        documents.web_address(noun, "url", self.url)

    @property
    def contact(self) -> str:
        """What a person is told to use: e-mail, telephone, web, in that order."""
        return ", ".join(each for each in (self.email, self.phone, self.url) if each)


def own_party(customer: Customer) -> Party:
    """The party each customer starts with (design.md section 7)."""
    contact = customer.contact.strip()
    postal = "".join(each if each.isprintable() or each == "\n" else " " for each in customer.postal_address)
    is_url = re.match(r"https?://\S+\Z", contact) is not None
    is_email = "@" in contact and not is_url
    return Party(
        id=customer.id,
        name=customer.name,
        postal_address=postal,
        email=contact if is_email else "",
        url=contact if is_url else "",
        phone=contact[:64] if contact and not is_email and not is_url else "",
        domains=customer.domains,
    )


class PartyStore:
    """The parties of a registry, on its consent database. Every method raises RegistryError when it cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, customer: Customer, party: str) -> Party:
        """One party; raises UnknownParty."""
        if party == customer.id:
            return own_party(customer)
        with self._database.reading() as connection:
            found = documents.read(parties, Party, connection, customer.id, party)
        if found is None:
            raise UnknownParty(f"customer {customer.id!r} has no party {party!r}; `postern parties list` shows them")
        return found

    def all(self, customer: Customer) -> tuple[Party, ...]:
        """The customer's own party first, then the others by id."""
        query = select(parties.c.id, parties.c.document).where(parties.c.customer == customer.id).order_by(parties.c.id)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return (own_party(customer), *(documents.decoded(parties, Party, row.id, row.document) for row in rows))

    def put(self, customer: Customer, party: Party) -> bool:
        """Add or replace a party; False when it stood so already.

        Raises DocumentError for the customer's own party, a domain that the customer does not have or that another
        party of the customer has, and a party that nobody could reach.
        """
        if party.id == customer.id:
            raise DocumentError(f"party {party.id!r} is the customer's own: change it in customers.toml and apply that")
        if not party.contact:
            raise DocumentError(f"party {party.id!r}: give an email, a phone or a url: people must be able to reach it")
        with self._database.writing() as connection:
            self._database.lock_changes(connection)
            rows = connection.execute(select(parties.c.id, parties.c.document).where(parties.c.customer == customer.id))
            others = {row.id: documents.decoded(parties, Party, row.id, row.document) for row in rows}
            for domain in party.domains:
                if domain not in customer.domains:
                    raise DocumentError(
                        f"party {party.id!r}: domain {domain!r} is not among the customer's: "
                        f"{', '.join(customer.domains)}"
                    )
                holder = next((each.id for each in others.values() if domain in each.domains), party.id)
                if holder != party.id:
                    raise DocumentError(f"party {party.id!r}: domain {domain!r} is held by party {holder!r}")
            if others.get(party.id) == party:
                return False
            row = {"customer": customer.id, "id": party.id, "document": documents.encoded(party)}
            documents.write(self._database, connection, parties, row)
            return True
