"""Client certificates by fingerprint, as identity."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of fingerprints, empty."""
    op.create_table(
        "certificates",
        sa.Column("fingerprint", sa.String(64), nullable=False, comment="SHA-256 of the DER form, hexadecimal"),
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("credential", sa.String(128), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer", "credential"],
            ["credentials.customer", "credentials.name"],
            name="fk_certificates_customer_credential",
        ),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_certificates"),
    )
    op.create_index("ix_certificates_customer_credential", "certificates", ["customer", "credential"])
