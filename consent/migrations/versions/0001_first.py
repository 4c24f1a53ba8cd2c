"""The first tables: customers, domains, credentials, networks, tokens, subjects, heads, repeats."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table, and the counter of changes at 0."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "meta",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_meta"),
        comment="Facts about the registry itself: the fingerprint of the operator's secrets.",
    )
    changes = op.create_table(
        "changes",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
        comment="One row, id 1: the number of the last writing transaction that running nodes must notice.",
    )
    op.bulk_insert(changes, [{"id": 1, "number": 0}])
    op.create_table(
        "customers",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column(
            "document",
            sa.Text(),
            nullable=False,
            comment="config.customers.Customer without credentials, as JSON",
        ),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", time),
        sa.Column("applied", time, nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
    )
    op.create_index("ix_customers_change", "customers", ["change"])
    op.create_table(
        "domains",
        sa.Column("domain", sa.String(253), nullable=False),
        sa.Column("customer", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["customer"], ["customers.id"], name="fk_domains_customer"),
        sa.PrimaryKeyConstraint("domain", name="pk_domains"),
    )
    op.create_index("ix_domains_customer", "domains", ["customer"])
    op.create_table(
        "credentials",
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("name", sa.String(128), nullable=False, comment="username, else first network"),
        sa.Column("position", sa.Integer(), nullable=False, comment="place in the customer's file"),
        sa.Column("username_key", sa.String(128), comment="lower-cased; no two credentials have one"),
        sa.Column("password_hash", sa.Text(), comment="argon2id, encoded"),
        sa.Column(
            "document",
            sa.Text(),
            nullable=False,
            comment="config.customers.Credential without the hash, as JSON",
        ),
        sa.ForeignKeyConstraint(["customer"], ["customers.id"], name="fk_credentials_customer"),
        sa.PrimaryKeyConstraint("customer", "name", name="pk_credentials"),
        sa.UniqueConstraint("username_key", name="uq_credentials_username_key"),
    )
    op.create_table(
        "networks",
        sa.Column("network", sa.String(64), nullable=False, comment="canonical CIDR"),
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("credential", sa.String(128), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer", "credential"],
            ["credentials.customer", "credentials.name"],
            name="fk_networks_customer_credential",
        ),
        sa.PrimaryKeyConstraint("network", name="pk_networks"),
    )
    op.create_index("ix_networks_customer_credential", "networks", ["customer", "credential"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("customer", sa.String(64)),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, comment="SHA-256 of the token"),
        sa.Column("created", time, nullable=False),
        sa.Column("revoked", time),
        sa.ForeignKeyConstraint(["customer"], ["customers.id"], name="fk_tokens_customer"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
    )
    op.create_table(
        "subjects",
        sa.Column("key", sa.String(64), nullable=False, comment="address key (R-240)"),
        sa.Column("wrapped", sa.LargeBinary(60), comment="the subject's key, wrapped; null once destroyed (R-235)"),
        sa.PrimaryKeyConstraint("key", name="pk_subjects"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "heads",
        sa.Column("process", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written", time, nullable=False),
        sa.PrimaryKeyConstraint("process", name="pk_heads"),
        comment="The last head of each audit chain, as opaque text.",
    )
    op.create_table(
        "repeats",
        sa.Column("customer", sa.String(64), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, comment="SHA-256 of envelope and message"),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("since", time, nullable=False),
        sa.Column(
            "heard",
            sa.Boolean(),
            nullable=False,
            comment="the client was told since: other nodes forget it",
        ),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("customer", "digest", name="pk_repeats"),
        comment="Messages the next hop took while the client was not told.",
    )
    op.create_index("ix_repeats_change", "repeats", ["change"])
    op.create_index("ix_repeats_since", "repeats", ["since"])
