"""A gateway whose customer has people asked to confirm: the mail as it arrives, and its link."""

import email
import email.policy
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx

from tests.gateway.http.conftest import Api
from tests.rig.gateway import running
from tests.rig.unsubscribing import BOB, SHOWN

PUBLIC_URL = "https://lists.gw.example"
REQUEST: dict[str, Any] = {
    "address": BOB,
    "state": "requested",
    "list": "newsletter",
    "form_url": "https://www.acme.example/signup",
    "ip": "203.0.113.7",
    "notice": "signup-3",
}


@asynccontextmanager
async def confirming(folder: Path, **more: Any) -> AsyncIterator[Api]:
    """A gateway with a public listener, to which the client's relative paths go, and tokens `own` and `admin`."""
    http = {"address": "127.0.0.1:0", "public_address": "127.0.0.1:0", "public_url": PUBLIC_URL, **more.pop("http", {})}
    settings = {"http": http, **more.pop("settings", {})}
    async with running(folder, settings=settings, customers=more.pop("customers", SHOWN), **more) as (gateway, hop, _):
        async with httpx.AsyncClient(base_url=f"http://{gateway.http_addresses[1]}", timeout=120) as client:
            found = Api(gateway, hop, client)
            for name, role, customer in (("own", "customer", "acme"), ("admin", "admin", None)):
                _, found.tokens[name] = gateway.stores.tokens.create(role, customer, gateway.clock())
            yield found


async def api_post(api: Api, path: str, who: str = "own", customer: str = "acme", **body: Any) -> httpx.Response:
    """POST a JSON object to the API, which has a listener of its own."""
    url = f"http://{api.gateway.http_address}/api/v1/customers/{customer}/{path}"
    return await api.client.post(url, json=body, headers=api.as_(who))


async def requested(api: Api, who: str = "own", customer: str = "acme", **changes: Any) -> dict[str, Any]:
    """Record that Bob has asked for the list."""
    answer = await api_post(api, "consent/events", who, customer, **{**REQUEST, **changes})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def asked(api: Api, who: str = "own", customer: str = "acme", **changes: Any) -> httpx.Response:
    """Have a confirmation mail sent."""
    return await api_post(api, "confirmations", who, customer, **{"address": BOB, "list": "newsletter", **changes})


async def sent(api: Api) -> None:
    """Wait until all that is due has been tried."""
    await api.gateway.confirming.look()
    await api.gateway.confirming.idle()


def letter(api: Api, place: int = -1) -> EmailMessage:
    """A mail that has arrived at the next hop."""
    return email.message_from_bytes(api.hop.messages[place].content, _class=EmailMessage, policy=email.policy.SMTP)


def path_in(message: EmailMessage) -> str:
    """The path of the one link in it."""
    (link,) = re.findall(r"https?://\S+", message.get_content())
    assert link.startswith(f"{PUBLIC_URL}/c/")
    return str(link).removeprefix(PUBLIC_URL)


async def mailed(api: Api, **changes: Any) -> str:
    """Bob asks, is asked to confirm, and gets the mail: the path of its link."""
    before = len(api.hop.messages)
    await requested(api, **changes)
    answer = await asked(api, **{name: changes[name] for name in ("address", "list") if name in changes})
    assert answer.status_code == 201, answer.text
    await sent(api)
    assert len(api.hop.messages) == before + 1
    return path_in(letter(api))
