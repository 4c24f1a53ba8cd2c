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

REVISION = "0009"
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
    Column("source", String(16), nullable=False, server_default="file"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("since", UtcTime),
    Index(None, "customer"),
)

cluster_labels = Table(
    "cluster_labels",
    metadata,
    Column("customer", String(64), ForeignKey("customers.id"), primary_key=True),
    Column("cluster", String(64), primary_key=True),
    Column("label", String(16), comment="the operator's; null where there is none"),
    Column("since", UtcTime, comment="of the label, or of its end"),
    Column("labelled_by", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("observed", UtcTime, comment="when it first was above the observed-bulk numbers"),
    Column("seen", UtcTime, nullable=False, comment="some day on which it had mail"),
    Column("change", BigInteger, nullable=False),
    Index(None, "change"),
    Index(None, "seen"),
    comment="What clusters of near-identical mail are.",
)
dkim_keys = Table(
    "dkim_keys",
    metadata,
    # Where the key is in the DNS: no two keys can be at one name.
    Column("domain", String(253), primary_key=True),
    Column("selector", String(63), primary_key=True),
    Column("customer", String(64), ForeignKey("customers.id"), nullable=False),
    Column("algorithm", String(16), nullable=False, comment="rsa or ed25519"),
    Column("public", Text, nullable=False, comment="p= of its record"),
    Column("sealed", LargeBinary, comment="private key under the operator's secrets; null once retired"),
    Column("state", String(16), nullable=False, comment="pending, active or retired"),
    Column("created", UtcTime, nullable=False),
    Column("activated", UtcTime),
    Column("retired", UtcTime),
    Index(None, "customer"),
    comment="Keys that customers' mail is signed with (RFC 6376).",
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
    Column("source", String(16), nullable=False, server_default="file", comment="file, or command"),
    Column("since", UtcTime, comment="when a command made it"),
)

# Those three stand by name and not by row: what a file drops and names again later finds them as they were.

locks = Table(
    "locks",
    metadata,
    Column("customer", String(64), ForeignKey("customers.id"), primary_key=True),
    Column("name", String(128), primary_key=True, comment="one of the credential's names"),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False, comment="operator, or the signals"),
    Column("since", UtcTime, nullable=False),
)

rotations = Table(
    "rotations",
    metadata,
    Column("customer", String(64), ForeignKey("customers.id"), primary_key=True),
    Column("username_key", String(128), primary_key=True),
    Column("written", Text, nullable=False, comment="hash of the file's password that this stands in place of"),
    Column("password_hash", Text, nullable=False, comment="of the new password"),
    Column("old_hash", Text, nullable=False, comment="of the one before, good until `until`"),
    Column("until", UtcTime, nullable=False),
    Column("since", UtcTime, nullable=False),
    comment="Passwords that a command changed.",
)

exemptions = Table(
    "exemptions",
    metadata,
    Column("customer", String(64), ForeignKey("customers.id"), primary_key=True),
    Column("rule", String(40), primary_key=True),
    Column("id", String(16), nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", UtcTime, nullable=False),
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

certificates = Table(
    "certificates",
    metadata,
    # The primary key is what keeps two customers from sharing one, whatever a program does.
    Column("fingerprint", String(64), primary_key=True, comment="SHA-256 of the DER form, hexadecimal"),
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

_NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""Numbers that are a primary key: on SQLite only INTEGER is the row's own number."""

# The consent registry. On SQLite these tables are used in a file of their own (`Database.consent`). Times are
# microseconds (consent.model.micros), documents are JSON.

standings = Table(
    "standings",
    metadata,
    Column("customer", String(64), primary_key=True, comment="* is the operator"),
    Column("key", LargeBinary(33), primary_key=True, comment="Secrets.subject_octets"),
    Column("salt", LargeBinary(16), nullable=False, comment="of the subject's key; empty: destroyed (R-235)"),
    Column("last", BigInteger, nullable=False, comment="number of its last event"),
    Column("standing", Text, nullable=False, comment="consent.model.Standing as JSON"),
    comment="What all events of one subject come to, for one customer: built from them, kept for the decision.",
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=False, comment="1, 2, 3… without gaps"),
    Column("customer", String(64), nullable=False),
    Column("key", LargeBinary(33), nullable=False),
    Column("previous", BigInteger, comment="number of the same subject's event before"),
    Column("body", LargeBinary, nullable=False, comment="consent.model.Event as JSON: the octets that are chained"),
    Column("sealed", LargeBinary, comment="personal fields under the subject's key; null: none, or erased"),
    comment="Append-only. Only `sealed` is ever changed: to null, at erasure.",
)

batches = Table(
    "batches",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=False),
    Column("first", BigInteger, nullable=False, unique=True, comment="number of its first event"),
    Column("count", BigInteger, nullable=False),
    Column("customer", String(64), nullable=False),
    Column("import_id", String(64), nullable=False, comment="empty: not an import"),
    Column("recorded", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False, comment="HMAC over the batch and the hash of the one before"),
    comment="One per commit of events: the chain that shows any change.",
)

parties = Table(
    "parties",
    metadata,
    Column("customer", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("document", Text, nullable=False),
)

lists = Table(
    "lists",
    metadata,
    Column("customer", String(64), primary_key=True),
    Column("id", String(128), primary_key=True),
    Column("party", String(64), nullable=False),
    Column("document", Text, nullable=False),
    Column("complaint", BigInteger, comment="time of the complaint that raised the list's required grade"),
)

notices = Table(
    "notices",
    metadata,
    Column("customer", String(64), primary_key=True),
    Column("id", String(128), primary_key=True),
    Column("document", Text, nullable=False, comment="never changed once written (R-081)"),
)

imports = Table(
    "imports",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("customer", String(64), nullable=False),
    Column("list", String(128), nullable=False),
    Column("document", Text, nullable=False, comment="what was asked, by whom, and their attestation"),
    Column("status", String(16), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("done", BigInteger, nullable=False, comment="rows of the phase that are committed"),
    Column("counts", Text, nullable=False),
    Column("errors", Text, nullable=False),
    Column("sha256", String(64), nullable=False, comment="of the file as received, hexadecimal"),
    Column("created", BigInteger, nullable=False),
    Column("finished", BigInteger),
    Index(None, "customer", "created"),
)

dispatches = Table(
    "dispatches",
    metadata,
    Column("id", String(40), primary_key=True, comment="what the customer knows it by, in every attempt"),
    Column("customer", String(64), nullable=False),
    Column("type", String(64), nullable=False),
    Column("body", Text, nullable=False, comment="JSON, as it is sent"),
    Column("created", UtcTime, nullable=False),
    Column("status", String(16), nullable=False, comment="waiting, delivered or failed"),
    Column("due", UtcTime, nullable=False, comment="of the next attempt; while one is made, when it counts as lost"),
    Column("attempts", Integer, nullable=False),
    Column("until", UtcTime, nullable=False, comment="when it is given up"),
    Column("ended", UtcTime),
    Column("error", Text, nullable=False, comment="of the last attempt"),
    Index(None, "status", "due"),
    Index(None, "customer", "status"),
    comment="What customers are told, by webhook or mail.",
)

dispatch_marks = Table(
    "dispatch_marks",
    metadata,
    Column("customer", String(64), primary_key=True),
    Column("key", String(64), primary_key=True, comment="hash of what is not to be told again"),
    Column("until", UtcTime, nullable=False),
    Index(None, "until"),
    comment="What was told, and not to be told again before a time.",
)

confirmations = Table(
    "confirmations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("customer", String(64), nullable=False),
    Column("key", LargeBinary(33), nullable=False, comment="Secrets.subject_octets"),
    Column("list", String(128), nullable=False),
    Column("request", BigInteger, nullable=False, comment="number of the request's event"),
    Column("created", UtcTime, nullable=False),
    Column("expires", UtcTime, nullable=False, comment="when its link does"),
    Column("status", String(16), nullable=False, comment="waiting, sent or failed"),
    Column("due", UtcTime, nullable=False, comment="of the next attempt; while one is made, when it counts as lost"),
    Column("attempts", Integer, nullable=False),
    Column("doubtful", Boolean, nullable=False, comment="an attempt was begun whose end is not known"),
    Column("sent", UtcTime),
    Column("message_id", Text, nullable=False),
    Column("reply", Text, nullable=False, comment="the next hop's"),
    Column("error", Text, nullable=False, comment="of the last attempt"),
    Column("confirmed", UtcTime, comment="when its link was first used"),
    Index(None, "status", "due"),
    Index(None, "customer", "request"),
    comment="Mails that ask to confirm an opt-in: those to be sent, and what their links stand for.",
)

confirmation_counts = Table(
    "confirmation_counts",
    metadata,
    Column("id", String(64), primary_key=True, comment="hash of what names the mail"),
    Column("key", LargeBinary(33), nullable=False, comment="Secrets.subject_octets"),
    Column("at", UtcTime, nullable=False),
    Column("customer", String(64), nullable=False),
    Column("request", BigInteger, nullable=False, comment="number of the request's event; 0: not known"),
    Index(None, "key", "at"),
    Index(None, "customer", "at"),
    Index(None, "customer", "request"),
    comment="Each confirmation mail that may have reached a person, of all customers (R-092).",
)
