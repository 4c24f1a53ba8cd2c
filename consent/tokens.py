"""API tokens: who may use the HTTP interface, and for what. Only a token's SHA-256 is stored.

A token is 32 random octets, so a plain hash suffices: there is nothing to guess.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, insert, select, update

from consent.customers import UnknownCustomer
from consent.database import Database
from consent.schema import customers, tokens

_FORM = re.compile(r"postern_([0-9a-f]{12})_[A-Za-z0-9_-]{43}\Z")
_NO_DIGEST = bytes(32)


class TokenError(Exception):
    """What was asked of a token cannot be done; the text says why."""


class Role(StrEnum):
    """What a token allows."""

    ADMIN = "admin"
    """Everything."""
    AUDITOR = "auditor"
    """Reading."""
    CUSTOMER = "customer"
    """One customer's own things."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as stored: all but its secret."""

    id: str
    role: Role
    customer: str | None
    """Set for the role `customer` only."""
    created: datetime
    revoked: datetime | None = None


class TokenStore:
    """The tokens of a registry. Every method raises `RegistryError` when the registry cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, role: str, customer: str | None, now: datetime) -> tuple[str, str]:
        """A new token's id and the token itself, `postern_<id>_<secret>`, which nothing can show again.

        Raises TokenError for a role that is none or does not fit, UnknownCustomer.
        """
        if role not in list(Role):
            raise TokenError(f"no role {role!r}; valid: {', '.join(Role)}")
        if (customer is None) == (role == Role.CUSTOMER):
            raise TokenError("a token of role 'customer' names a customer, and no other does")
        number = secrets.token_hex(6)
        token = f"postern_{number}_{secrets.token_urlsafe(32)}"
        with self._database.writing() as connection:
            if customer is not None:
                query = select(customers.c.id).where(customers.c.id == customer)
                if connection.execute(query).first() is None:
                    raise UnknownCustomer(customer)
            values = {"id": number, "role": role, "customer": customer, "digest": _digest(token), "created": now}
            connection.execute(insert(tokens).values(values))
        return number, token

    def list(self) -> tuple[Token, ...]:
        """All tokens, revoked ones too, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(tokens).order_by(tokens.c.created, tokens.c.id)).all()
        return tuple(_token(row) for row in rows)

    def revoke(self, number: str, now: datetime) -> bool:
        """Revoke the token of this id; False when it was revoked before. Raises TokenError when there is none."""
        mine = tokens.c.id == number
        with self._database.writing() as connection:
            row = connection.execute(select(tokens.c.revoked).where(mine)).first()
            if row is None:
                raise TokenError(f"no token {number!r}")
            if row.revoked is None:
                connection.execute(update(tokens).where(mine).values(revoked=now))
            return row.revoked is None

    def check(self, text: str) -> Token | None:
        """The token that `text` is; None when it is none, or revoked.

        Text of another form and unknown ids take the same way as known ones: one look-up, one comparison.
        """
        form = _FORM.match(text)
        with self._database.reading() as connection:
            row = connection.execute(select(tokens).where(tokens.c.id == (form[1] if form else ""))).first()
        right = hmac.compare_digest(_digest(text), row.digest if row else _NO_DIGEST)
        return _token(row) if right and row and row.revoked is None else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _token(row: Row[Any]) -> Token:
    return Token(row.id, Role(row.role), row.customer, row.created, row.revoked)
