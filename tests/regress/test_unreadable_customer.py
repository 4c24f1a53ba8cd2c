"""One customer that this version cannot read does not keep the others' suspensions from acting (5 s rule)."""

import contextlib
from pathlib import Path

from sqlalchemy import update

from consent.database import RegistryError
from consent.schema import customers
from tests.rig.gateway import running
from tests.rig.talk import Talk


async def test_a_suspension_acts_although_another_customer_is_unreadable(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, __):
        database = gateway.stores.database
        with database.writing() as connection:  # as a newer version on another node would write it
            values = {"document": '{"name": "N", "domains": ["nets.example"], "new_key": 1}'}
            values["change"] = database.next_change(connection)  # type: ignore[assignment]
            connection.execute(update(customers).where(customers.c.id == "nets").values(values))
        gateway.stores.customers.suspend("acme", "complaints", gateway.clock())
        with contextlib.suppress(RegistryError):
            gateway.changes.load()
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        await talk.ask("MAIL FROM:<ann@acme.example>")
        reply = await talk.ask("RCPT TO:<bob@recipient.example>")
        talk.writer.close()
        assert reply.startswith("550 5.7.1 "), reply
