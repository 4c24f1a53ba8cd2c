"""Bulk mail of customer acme: what is on file of people, and messages that need it."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from consent.address import Address
from consent.model import Kind, Reason, State
from gateway.app import Gateway
from gateway.consents import By, Dealing
from gateway.told import Told
from tests.rig.gateway import CUSTOMERS, HASH

PEOPLE = By("token:1", operator=False)
CUSTOMER: dict[str, Any] = {
    **CUSTOMERS[0],
    "unsubscribe_hosts": ["www.acme.example"],
    "credentials": [
        {"username": "acme-app", "password_hash": HASH},
        {"username": "acme-bulk", "password_hash": HASH, "stream": "bulk", "list": "spring"},
        {"username": "acme-lists", "password_hash": HASH, "stream": "bulk"},
        {"username": "acme-receipts", "password_hash": HASH, "stream": "transactional"},
    ],
}
"""Customer acme with a credential of each stream: `acme-bulk` for list `spring`, `acme-lists` for any list."""
BULK_CUSTOMERS = [CUSTOMER, *CUSTOMERS[1:]]


def campaign(to: str = "bob@recipient.example", *, text: str = "", fields: Iterable[str] = ()) -> bytes:
    """A bulk message as wire data that lacks nothing, but that it is unsigned."""
    link = "https://www.acme.example/unsubscribe?t=1"
    lines = [
        "From: Acme <news@acme.example>", f"To: {to}", "Subject: Spring offers", "Message-ID: <c1@acme.example>",
        "Date: Fri, 20 Nov 2026 10:00:00 +0000", f"List-Unsubscribe: <{link}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click", *fields, "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8", "", text or "Spring is here, and so are our offers.", "",
        "Acme Ltd", f"Unsubscribe: {link}", ".", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


async def consents(gateway: Gateway, *addresses: str, name: str = "spring") -> None:
    """These people have ticked a box for the list, with proof of grade E2."""
    told = Told(
        State.GIVEN, name, gateway.clock() - timedelta(days=1), method="web_form",
        form_url="https://www.acme.example/signup", ip="203.0.113.7", notice="signup-3",
    )  # fmt: skip
    await _each(gateway, addresses, told)


async def withdraws(
    gateway: Gateway, *addresses: str, name: str | None = "spring", reason: str = Reason.UNSUBSCRIBE
) -> None:
    """These people want no more of the list; of nothing, without one."""
    await _each(gateway, addresses, Told(State.WITHDRAWN, name, reason=reason))


async def requests(gateway: Gateway, *addresses: str, name: str = "spring") -> None:
    """These people have asked for the list just now, and have not confirmed yet."""
    await _each(gateway, addresses, Told(State.REQUESTED, name, form_url="https://www.acme.example/signup"))


async def relates(gateway: Gateway, *addresses: str) -> None:
    """These people have bought something of acme."""
    entry = gateway.directory.get("acme")
    assert entry is not None
    for number, address in enumerate(addresses):
        dealing = Dealing(Kind.PURCHASE, gateway.clock().date(), reference=f"invoice {number}")
        await asyncio.to_thread(gateway.consents.relate, entry.customer, Address.parse(address), dealing, PEOPLE)


async def _each(gateway: Gateway, addresses: Iterable[str], told: Told) -> None:
    entry = gateway.directory.get("acme")
    assert entry is not None
    for address in addresses:
        await asyncio.to_thread(gateway.consents.record, entry.customer, Address.parse(address), told, PEOPLE)
