"""The consent registry: standings, events, batches, parties, lists, notices, imports."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table of the consent registry, empty."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "standings",
        sa.Column("customer", sa.String(64), nullable=False, comment="* is the operator"),
        sa.Column("key", sa.LargeBinary(33), nullable=False, comment="Secrets.subject_octets"),
        sa.Column(
            "salt",
            sa.LargeBinary(16),
            nullable=False,
            comment="of the subject's key; empty: destroyed (R-235)",
        ),
        sa.Column("last", sa.BigInteger(), nullable=False, comment="number of its last event"),
        sa.Column("standing", sa.Text(), nullable=False, comment="consent.model.Standing as JSON"),
        sa.PrimaryKeyConstraint("customer", "key", name="pk_standings"),
        comment="What all events of one subject come to, for one customer: built from them, kept for the decision.",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("number", number, autoincrement=False, nullable=False, comment="1, 2, 3… without gaps"),
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("key", sa.LargeBinary(33), nullable=False),
        sa.Column("previous", sa.BigInteger(), comment="number of the same subject's event before"),
        sa.Column(
            "body",
            sa.LargeBinary(),
            nullable=False,
            comment="consent.model.Event as JSON: the octets that are chained",
        ),
        sa.Column(
            "sealed",
            sa.LargeBinary(),
            comment="personal fields under the subject's key; null: none, or erased",
        ),
        sa.PrimaryKeyConstraint("number", name="pk_events"),
        comment="Append-only. Only `sealed` is ever changed: to null, at erasure.",
    )
    op.create_table(
        "batches",
        sa.Column("number", number, autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False, comment="number of its first event"),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("import_id", sa.String(64), nullable=False, comment="empty: not an import"),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.Column(
            "hash",
            sa.LargeBinary(32),
            nullable=False,
            comment="HMAC over the batch and the hash of the one before",
        ),
        sa.PrimaryKeyConstraint("number", name="pk_batches"),
        sa.UniqueConstraint("first", name="uq_batches_first"),
        comment="One per commit of events: the chain that shows any change.",
    )
    op.create_table(
        "parties",
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("customer", "id", name="pk_parties"),
    )
    op.create_table(
        "lists",
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("party", sa.String(64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column(
            "complaint",
            sa.BigInteger(),
            comment="time of the complaint that raised the list's required grade",
        ),
        sa.PrimaryKeyConstraint("customer", "id", name="pk_lists"),
    )
    op.create_table(
        "notices",
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("document", sa.Text(), nullable=False, comment="never changed once written (R-081)"),
        sa.PrimaryKeyConstraint("customer", "id", name="pk_notices"),
    )
    op.create_table(
        "imports",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("list", sa.String(128), nullable=False),
        sa.Column("document", sa.Text(), nullable=False, comment="what was asked, by whom, and their attestation"),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False, comment="rows of the phase that are committed"),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("errors", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, comment="of the file as received, hexadecimal"),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("finished", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
    )
    op.create_index("ix_imports_customer_created", "imports", ["customer", "created"])
