"""The operator's switch: credentials made by a command, locks, passwords in change, exemptions."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and tables; the credentials there are so far stand in files."""
    op.add_column(
        "credentials",
        sa.Column("source", sa.String(16), nullable=False, server_default="file", comment="file, or command"),
    )
    op.add_column(
        "credentials", sa.Column("since", sa.DateTime(timezone=True), nullable=True, comment="when a command made it")
    )
    op.create_table(
        "locks",
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("name", sa.String(128), nullable=False, comment="one of the credential's names"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="operator, or the signals"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("customer", "name", name="pk_locks"),
        sa.ForeignKeyConstraint(["customer"], ["customers.id"], name="fk_locks_customer"),
    )
    op.create_table(
        "rotations",
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("username_key", sa.String(128), nullable=False),
        sa.Column(
            "written", sa.Text(), nullable=False, comment="hash of the file's password that this stands in place of"
        ),
        sa.Column("password_hash", sa.Text(), nullable=False, comment="of the new password"),
        sa.Column("old_hash", sa.Text(), nullable=False, comment="of the one before, good until `until`"),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("customer", "username_key", name="pk_rotations"),
        sa.ForeignKeyConstraint(["customer"], ["customers.id"], name="fk_rotations_customer"),
        comment="Passwords that a command changed.",
    )
    op.create_table(
        "exemptions",
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("rule", sa.String(40), nullable=False),
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("customer", "rule", name="pk_exemptions"),
        sa.ForeignKeyConstraint(["customer"], ["customers.id"], name="fk_exemptions_customer"),
    )
