"""After a credential was changed an open session is told to come back, as often as it asks: nothing bounces for it."""

from pathlib import Path

from config.customers import CustomersFile
from tests.rig.gateway import CUSTOMERS, running
from tests.rig.talk import Talk


async def test_the_second_mail_after_a_changed_password_is_temporary_too(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, __):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        changed = {**CUSTOMERS[0], "credentials": [{"username": "acme-app", "password": "quite another one"}]}
        file = CustomersFile.model_validate({"customers": [changed]})
        gateway.stores.customers.apply(file.customers, gateway.clock())
        gateway.changes.load()
        first = await talk.ask("MAIL FROM:<ann@acme.example>")
        second = await talk.ask("MAIL FROM:<ann@acme.example>")
        talk.writer.close()
        assert first.startswith("450 4.7.0 "), first
        # An MTA with several messages for us sends the next one on the same session, and bounces it for a 530.
        assert second.startswith("450 4.7.0 "), second
