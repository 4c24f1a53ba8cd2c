"""Bug: a session known by its network or certificate went on when that was taken out of a credential that kept its name."""

from pathlib import Path
from typing import Any

from config.customers import CustomersFile
from gateway.app import Gateway
from tests.rig.gateway import HASH, running
from tests.rig.talk import Talk

HERE, ELSEWHERE = "127.0.0.1/32", "192.0.2.0/24"


def acme(*networks: str) -> dict[str, Any]:
    credential = {"username": "acme-app", "password_hash": HASH, "networks": networks}
    return {"id": "acme", "name": "Acme Ltd", "domains": ["acme.example"], "credentials": [credential]}


def change(gateway: Gateway, *networks: str) -> None:
    file = CustomersFile.model_validate({"customers": [acme(*networks)]})
    gateway.stores.customers.apply(file.customers, gateway.clock())
    gateway.changes.load()


async def test_a_network_that_is_taken_away_ends_what_it_showed(tmp_path: Path) -> None:
    async with running(tmp_path, customers=[acme(ELSEWHERE, HERE)]) as (gateway, hop, _):
        talk, logged_in = [await Talk.to(gateway.smtp_addresses[0]) for _ in range(2)]
        await talk.ask("EHLO client.example")
        await logged_in.login()
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("250 ")
        assert (await talk.ask("RCPT TO:<bob@recipient.example>")).startswith("250 ")
        change(gateway, ELSEWHERE, "127.0.0.0/8")
        assert (await talk.ask("RSET")).startswith("250 ")
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("250 "), "a wider one holds it too"
        assert (await talk.ask("RCPT TO:<bob@recipient.example>")).startswith("250 ")
        change(gateway, ELSEWHERE)
        assert (await talk.ask("DATA")).startswith("354 ")
        refused = await talk.ask("From: ann@acme.example\r\n\r\nx\r\n.")
        assert refused.startswith("450 4.7.0 "), refused
        again = await talk.ask("MAIL FROM:<ann@acme.example>")
        assert again.startswith("450 4.7.0 "), again
        assert (await logged_in.ask("MAIL FROM:<ann@acme.example>")).startswith("250 "), "a password is no network"
        for each in (talk, logged_in):
            each.writer.close()
    assert hop.messages == []
