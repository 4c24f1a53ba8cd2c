"""Mails that ask to confirm an opt-in, and how many there were."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    number = sa.BigInteger
    op.create_table(
        "confirmations",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("key", sa.LargeBinary(33), nullable=False, comment="Secrets.subject_octets"),
        sa.Column("list", sa.String(128), nullable=False),
        sa.Column("request", number, nullable=False, comment="number of the request's event"),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False, comment="when its link does"),
        sa.Column("status", sa.String(16), nullable=False, comment="waiting, sent or failed"),
        sa.Column(
            "due",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="of the next attempt; while one is made, when it counts as lost",
        ),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("doubtful", sa.Boolean, nullable=False, comment="an attempt was begun whose end is not known"),
        sa.Column("sent", sa.DateTime(timezone=True)),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("reply", sa.Text, nullable=False, comment="the next hop's"),
        sa.Column("error", sa.Text, nullable=False, comment="of the last attempt"),
        sa.Column("confirmed", sa.DateTime(timezone=True), comment="when its link was first used"),
        sa.PrimaryKeyConstraint("id", name="pk_confirmations"),
        comment="Mails that ask to confirm an opt-in: those to be sent, and what their links stand for.",
    )
    op.create_index("ix_confirmations_status_due", "confirmations", ["status", "due"])
    op.create_index("ix_confirmations_customer_request", "confirmations", ["customer", "request"])
    op.create_table(
        "confirmation_counts",
        sa.Column("id", sa.String(64), nullable=False, comment="hash of what names the mail"),
        sa.Column("key", sa.LargeBinary(33), nullable=False, comment="Secrets.subject_octets"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("request", number, nullable=False, comment="number of the request's event; 0: not known"),
        sa.PrimaryKeyConstraint("id", name="pk_confirmation_counts"),
        comment="Each confirmation mail that may have reached a person, of all customers (R-092).",
    )
    op.create_index("ix_confirmation_counts_key_at", "confirmation_counts", ["key", "at"])
    op.create_index("ix_confirmation_counts_customer_at", "confirmation_counts", ["customer", "at"])
    op.create_index("ix_confirmation_counts_customer_request", "confirmation_counts", ["customer", "request"])
