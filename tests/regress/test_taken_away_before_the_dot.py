"""Who had a transaction open when the password ended, or the credential was removed, could still send one message."""

from datetime import timedelta
from pathlib import Path

import pytest

from consent.credentials import Which
from gateway.app import Gateway
from tests.rig.gateway import running
from tests.rig.talk import CLEAN, Talk


@pytest.mark.parametrize("how", ["rotate", "remove"])
async def test_an_open_transaction_passes_nothing_any_more(tmp_path: Path, how: str) -> None:
    async with running(tmp_path) as (gateway, hop, _):
        store, now = gateway.stores.credentials, gateway.clock()
        _, password = store.create("acme", "acme-shop", now)
        await gateway.refresh()
        talk = await Talk.to(gateway.smtp_addresses[0])
        assert (await talk.login("acme-shop", password)).startswith("235 ")
        await talk.up_to_data()
        _take_away(gateway, how)
        await gateway.refresh()
        assert (await talk.ask(CLEAN)).startswith("450 4.7.0 Credential was changed")
        assert (await talk.ask("MAIL FROM:<ann@acme.example>")).startswith("450 4.7.0 Credential was changed")
        talk.writer.close()
        assert hop.accepted == []


def _take_away(gateway: Gateway, how: str) -> None:
    store, which = gateway.stores.credentials, Which("acme", "acme-shop")
    if how == "rotate":
        store.rotate(which, timedelta(0), gateway.clock())
    else:
        store.remove(which, "stolen")
