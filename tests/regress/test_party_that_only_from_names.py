"""A recipient with a ground for one party, and bulk mail of no list: refused at RCPT though From would have named that
party, or put off for ever because From named another than RCPT was decided for."""

import asyncio
from datetime import date
from pathlib import Path

from consent.address import Address
from consent.model import Kind
from consent.parties import Party
from gateway.app import Gateway
from gateway.told import Dealing
from tests.rig import bulk
from tests.rig.gateway import running
from tests.rig.talk import Talk

BRAND = Party(id="brand", name="Brand", email="desk@news.acme.example", domains=("news.acme.example",))


async def _bought(gateway: Gateway, address: str, party: str) -> None:
    entry = gateway.directory.get("acme")
    assert entry is not None
    gateway.consents.parties.put(entry.customer, BRAND)
    dealing = Dealing(Kind.PURCHASE, date(2026, 11, 1), ongoing=True, reference="a" * 64)
    relate = gateway.consents.relate
    await asyncio.to_thread(relate, entry.customer, Address.parse(address), dealing, bulk.PEOPLE, party=party)


async def _answers(gateway: Gateway, message: bytes) -> list[str]:
    talk = await Talk.to(gateway.smtp_addresses[0])
    await talk.login("acme-lists")
    assert (await talk.ask("MAIL FROM:<news@acme.example>")).startswith("250 ")
    told = [await talk.ask("RCPT TO:<bob@recipient.example>")]
    if told[0].startswith("250 "):
        assert (await talk.ask("DATA")).startswith("354 ")
        told.append(await talk.ask(message))
    talk.writer.close()
    return [each[:9] for each in told]


async def test_what_from_may_yet_name_is_not_refused_at_rcpt(tmp_path: Path) -> None:
    async with running(tmp_path, customers=bulk.BULK_CUSTOMERS) as (gateway, hop, _):
        await _bought(gateway, "bob@recipient.example", "brand")
        of_brand = bulk.campaign().replace(b"<news@acme.example>", b"<news@news.acme.example>")
        assert await _answers(gateway, of_brand) == ["250 2.1.5", "250 2.0.0"]
        assert await _answers(gateway, bulk.campaign()) == ["250 2.1.5", "550 5.7.1"]
        assert len(hop.accepted) == 1


async def test_another_party_in_from_is_refused_and_not_put_off(tmp_path: Path) -> None:
    async with running(tmp_path, customers=bulk.BULK_CUSTOMERS) as (gateway, hop, _):
        await _bought(gateway, "bob@recipient.example", "acme")
        of_brand = bulk.campaign().replace(b"<news@acme.example>", b"<news@news.acme.example>")
        assert await _answers(gateway, of_brand) == ["250 2.1.5", "550 5.7.1"]
        assert hop.accepted == []
