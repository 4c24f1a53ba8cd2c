"""The registry's tables (SQLAlchemy Core), the same on SQLite and PostgreSQL. Changed only by a migration.

Rows that running nodes must notice carry `change`: the number of the transaction that wrote them (`changes`).
"""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect

REVISION = "0001"
"""The newest migration: a registry at this revision needs none."""


class UtcTime(TypeDecorator[datetime]):
    """An aware time, kept in UTC. SQLite keeps no zone, so it is taken off on the way in and put on again."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time must be aware")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

meta = Table(
    "meta",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    comment="Facts about the registry itself: the fingerprint of the operator's secrets.",
)

changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    comment="One row, id 1: the number of the last writing transaction that running nodes must notice.",
)

customers = Table(
    "customers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("document", Text, nullable=False, comment="config.customers.Customer without credentials, as JSON"),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", UtcTime),
    Column("applied", UtcTime, nullable=False),
    Column("change", BigInteger, nullable=False),
    Index(None, "change"),
)

domains = Table(
    "domains",
    metadata,
    # The primary key is what keeps two customers from holding one domain, whatever a program does.
    Column("domain", String(253), primary_key=True),
    Column("customer", String(64), ForeignKey("customers.id"), nullable=False),
    Index(None, "customer"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("customer", String(64), ForeignKey("customers.id"), primary_key=True),
    Column("name", String(128), primary_key=True, comment="username, else first network"),
    Column("position", Integer, nullable=False, comment="place in the customer's file"),
    Column("username_key", String(128), unique=True, comment="lower-cased; no two credentials have one"),
    Column("password_hash", Text, comment="argon2id, encoded"),
    Column("document", Text, nullable=False, comment="config.customers.Credential without the hash, as JSON"),
)

networks = Table(
    "networks",
    metadata,
    Column("network", String(64), primary_key=True, comment="canonical CIDR"),
    Column("customer", String(64), nullable=False),
    Column("credential", String(128), nullable=False),
    ForeignKeyConstraint(["customer", "credential"], ["credentials.customer", "credentials.name"]),
    Index(None, "customer", "credential"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("customer", String(64), ForeignKey("customers.id")),
    Column("digest", LargeBinary(32), nullable=False, comment="SHA-256 of the token"),
    Column("created", UtcTime, nullable=False),
    Column("revoked", UtcTime),
)

subjects = Table(
    "subjects",
    metadata,
    Column("key", String(64), primary_key=True, comment="address key (R-240)"),
    Column("wrapped", LargeBinary(60), comment="the subject's key, wrapped; null once destroyed (R-235)"),
    # Found by key only and small: on SQLite one tree instead of two.
    sqlite_with_rowid=False,
)

heads = Table(
    "heads",
    metadata,
    Column("process", String(64), primary_key=True),
    Column("text", Text, nullable=False),
    Column("written", UtcTime, nullable=False),
    comment="The last head of each audit chain, as opaque text.",
)

repeats = Table(
    "repeats",
    metadata,
    Column("customer", String(64), primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True, comment="SHA-256 of envelope and message"),
    Column("reference", String(64), nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("heard", Boolean, nullable=False, comment="the client was told since: other nodes forget it"),
    Column("change", BigInteger, nullable=False),
    Index(None, "change"),
    Index(None, "since"),
    comment="Messages the next hop took while the client was not told.",
)
