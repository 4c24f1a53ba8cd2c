"""A cluster that the operator has labelled as confirmation mail was refused as not asked for, whoever had asked: such
mail names no list, and a request is for one."""

import asyncio
from pathlib import Path

from consent.address import Address
from consent.model import State
from gateway.app import Gateway
from gateway.told import Told
from tests.rig import bulk
from tests.rig.gateway import decisions, running
from tests.rig.talk import Talk

MAIL = (
    b"From: Acme <news@acme.example>\r\nSubject: Please confirm\r\n\r\nSomebody, we hope you, asked to have our letters "
    b"about gardens sent to this address. Press the link below to tell us that this is right: "
    b"https://www.acme.example/c/1\r\nIf it was not you, do nothing at all and no mail will come.\r\n.\r\n"
)


async def _asks(gateway: Gateway, address: str) -> None:
    entry = gateway.directory.get("acme")
    assert entry is not None
    told = Told(State.REQUESTED, "spring", method="web_form", form_url="https://www.acme.example/s", ip="192.0.2.7")
    await asyncio.to_thread(gateway.consents.record, entry.customer, Address.parse(address), told, bulk.PEOPLE)


async def _sent(talk: Talk, to: str, data: bytes = MAIL) -> str:
    await talk.ask("MAIL FROM:<news@acme.example>")
    await talk.ask(f"RCPT TO:<{to}>")
    await talk.ask("DATA")
    return await talk.ask(data)


async def test_it_is_for_the_list_that_was_asked_for(tmp_path: Path) -> None:
    async with running(tmp_path, customers=bulk.BULK_CUSTOMERS) as (gateway, _, _):
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login()
        assert (await _sent(talk, "first@recipient.example")).startswith("250 ")
        cluster = decisions(gateway)[-1]["cluster"]
        now = gateway.clock()
        gateway.stores.cluster_labels.put("acme", cluster, "confirmation", "cli:op", "sign-ups", now)
        await gateway.refresh()
        await _asks(gateway, "bob@recipient.example")
        assert (await _sent(talk, "bob@recipient.example")).startswith("250 ")
        assert decisions(gateway)[-1]["grounds"][0]["ground"] == "confirmation"
        assert (await _sent(talk, "carol@recipient.example")).startswith("550 5.7.1 No recent opt-in request")
        again = [await _sent(talk, "bob@recipient.example", MAIL[:-5] + b"%d\r\n.\r\n" % number) for number in range(3)]
        assert [each[:4] for each in again] == ["250 ", "550 ", "550 "]
        talk.writer.close()
