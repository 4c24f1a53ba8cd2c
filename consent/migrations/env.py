"""Alembic's environment: runs migrations in the transaction that `consent.database` holds."""

from alembic import context

from consent.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
