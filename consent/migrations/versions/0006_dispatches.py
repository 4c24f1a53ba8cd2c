"""What customers are told, by webhook or mail."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "dispatches",
        sa.Column("id", sa.String(40), nullable=False, comment="what the customer knows it by, in every attempt"),
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False, comment="JSON, as it is sent"),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(16), nullable=False, comment="waiting, delivered or failed"),
        sa.Column(
            "due",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="of the next attempt; while one is made, when it counts as lost",
        ),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False, comment="when it is given up"),
        sa.Column("ended", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text, nullable=False, comment="of the last attempt"),
        sa.PrimaryKeyConstraint("id", name="pk_dispatches"),
        comment="What customers are told, by webhook or mail.",
    )
    op.create_index("ix_dispatches_status_due", "dispatches", ["status", "due"])
    op.create_index("ix_dispatches_customer_status", "dispatches", ["customer", "status"])
    op.create_table(
        "dispatch_marks",
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("key", sa.String(64), nullable=False, comment="hash of what is not to be told again"),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("customer", "key", name="pk_dispatch_marks"),
        comment="What was told, and not to be told again before a time.",
    )
    op.create_index("ix_dispatch_marks_until", "dispatch_marks", ["until"])
