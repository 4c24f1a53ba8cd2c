"""Keys that customers' mail is signed with (DKIM, RFC 6376)."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "dkim_keys",
        sa.Column("domain", sa.String(253), nullable=False),
        sa.Column("selector", sa.String(63), nullable=False),
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("algorithm", sa.String(16), nullable=False, comment="rsa or ed25519"),
        sa.Column("public", sa.Text, nullable=False, comment="p= of its record"),
        sa.Column("sealed", sa.LargeBinary, comment="private key under the operator's secrets; null once retired"),
        sa.Column("state", sa.String(16), nullable=False, comment="pending, active or retired"),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated", sa.DateTime(timezone=True)),
        sa.Column("retired", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("domain", "selector", name="pk_dkim_keys"),
        sa.ForeignKeyConstraint(["customer"], ["customers.id"], name="fk_dkim_keys_customer"),
        comment="Keys that customers' mail is signed with (RFC 6376).",
    )
    op.create_index("ix_dkim_keys_customer", "dkim_keys", ["customer"])
