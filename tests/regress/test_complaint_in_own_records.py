"""A customer that searched its own decisions read who had complained, and the operator's records about recipients."""

import asyncio
from pathlib import Path

import httpx

from consent.address import Address
from consent.model import Reason, State
from gateway.app import Gateway
from gateway.consents import By
from gateway.told import Told
from tests.rig import bulk
from tests.rig.gateway import running
from tests.rig.talk import Talk

PROVIDER = By("token:9", operator=True)


async def test_a_complaint_looks_like_any_unsubscribe(tmp_path: Path) -> None:
    async with running(tmp_path, customers=bulk.BULK_CUSTOMERS) as (gateway, _, _):
        await bulk.consents(gateway, "bob@recipient.example")
        await _complains(gateway, "bob@recipient.example")
        talk = await Talk.to(gateway.smtp_addresses[0])
        await talk.login("acme-bulk")
        assert (await talk.ask("MAIL FROM:<news@acme.example>")).startswith("250 ")
        assert "unsubscribed" in await talk.ask("RCPT TO:<bob@recipient.example>")
        talk.writer.close()
        operators, own = await _records(gateway, "auditor", None), await _records(gateway, "customer", "acme")
    assert "COMPLAINT" in operators
    assert "list_complaint_at" in operators
    assert '"refused":"WITHDRAWN"' in own.replace(" ", "")
    for word in ("COMPLAINT", "complaint", "reasons"):
        assert word not in own


async def _complains(gateway: Gateway, address: str) -> None:
    entry = gateway.directory.get("acme")
    assert entry is not None
    told = Told(State.WITHDRAWN, "spring", reason=Reason.COMPLAINT)
    await asyncio.to_thread(gateway.consents.record, entry.customer, Address.parse(address), told, PROVIDER)


async def _records(gateway: Gateway, role: str, customer: str | None) -> str:
    _, token = gateway.stores.tokens.create(role, customer, gateway.clock())
    async with httpx.AsyncClient(base_url=f"http://{gateway.http_address}", timeout=60) as client:
        return (await client.get("/api/v1/audit", headers={"Authorization": f"Bearer {token}"})).text
