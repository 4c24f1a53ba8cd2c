"""How a domain came to be held: by the customer's file, or by a command with proof or reason."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is held so far stands in files."""
    op.add_column("domains", sa.Column("source", sa.String(16), nullable=False, server_default="file"))
    op.add_column("domains", sa.Column("reason", sa.Text, nullable=False, server_default=""))
    op.add_column("domains", sa.Column("since", sa.DateTime(timezone=True), nullable=True))
