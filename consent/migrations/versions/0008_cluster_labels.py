"""What clusters of near-identical mail are: what the operator says, and when the gateway found them to be bulk."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "cluster_labels",
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("cluster", sa.String(64), nullable=False),
        sa.Column("label", sa.String(16), comment="the operator's; null where there is none"),
        sa.Column("since", sa.DateTime(timezone=True), comment="of the label, or of its end"),
        sa.Column("labelled_by", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("observed", sa.DateTime(timezone=True), comment="when it first was above the observed-bulk numbers"),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False, comment="some day on which it had mail"),
        sa.Column("change", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("customer", "cluster", name="pk_cluster_labels"),
        sa.ForeignKeyConstraint(["customer"], ["customers.id"], name="fk_cluster_labels_customer"),
        comment="What clusters of near-identical mail are.",
    )
    op.create_index("ix_cluster_labels_change", "cluster_labels", ["change"])
    op.create_index("ix_cluster_labels_seen", "cluster_labels", ["seen"])
