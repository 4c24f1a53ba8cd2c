"""A running gateway with an HTTP client, a token of each kind, and a check that each fault is a problem detail."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from gateway.app import Gateway
from gateway.audit.search import Query
from tests.rig.bulk import BULK_CUSTOMERS
from tests.rig.gateway import PASSWORD, running
from tests.rig.smtpd import Smtpd
from tests.rig.unsubscribing import SHOWN

ACME = "/api/v1/customers/acme"
GENERIC = "email,list_id,event_state,event_time,source_ref,ip,notice_id\n"
"""Header of our own format."""


def row(address: str, name: str = "newsletter", ip: str = "203.0.113.7") -> str:
    """A row of it that reaches E2."""
    return f"{address},{name},given,2026-03-01T10:00:00+01:00,https://www.acme.example/signup,{ip},signup-3\n"


def is_problem(answer: httpx.Response, status: int) -> dict[str, object]:
    """The members of a problem detail (RFC 9457), all that every one of them must have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    members: dict[str, object] = answer.json()
    assert members["type"] == "about:blank"
    assert members["status"] == status
    assert members["title"]
    assert isinstance(members["detail"], str)
    assert members["detail"]
    return members


@dataclass
class Api:
    """A gateway, its next hop and a client of its API."""

    gateway: Gateway
    hop: Smtpd
    client: httpx.AsyncClient
    tokens: dict[str, str] = field(default_factory=dict)

    def as_(self, who: str) -> dict[str, str]:
        """The header fields of a request by the holder of a token; `none` sends none."""
        return {} if who == "none" else {"Authorization": f"Bearer {self.tokens[who]}"}

    async def post(self, path: str, who: str, **body: object) -> httpx.Response:
        """POST a JSON object."""
        return await self.client.post(path, json=body, headers=self.as_(who))

    async def ask(self, method: str, path: str, who: str, **more: Any) -> httpx.Response:
        """Any request; a path without a leading slash is below customer acme's."""
        whole = path if path.startswith("/") else f"{ACME}/{path}"
        headers = self.as_(who) | more.pop("headers", {})
        return await self.client.request(method, whole, headers=headers, **more)

    async def tell(self, path: str, who: str = "own", **body: Any) -> dict[str, Any]:
        """POST a JSON object that must be answered with 2xx; the answer."""
        answer = await self.ask("POST", path, who, json=body)
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def allowed(self, address: str, name: str = "newsletter", who: str = "own", **more: Any) -> str | None:
        """The reason why an address may not be written to; None when it may."""
        answer = await self.tell("check", who, list=name, addresses=[address], **more)
        (result,) = answer["results"]
        assert result["address"] == address
        assert result["allowed"] == (result["reason"] is None) == (result["ground"] is not None)
        reason: str | None = result["reason"]
        return reason

    def acts(self, act: str) -> list[dict[str, Any]]:
        """The acts of this name in the audit, oldest first."""
        found = self.gateway.evidence.search(Query(kind="action"))
        return [each for each in found if each["act"] == act][::-1]

    async def audit(self, who: str, **parameters: str | int) -> httpx.Response:
        """GET /api/v1/audit."""
        return await self.client.get("/api/v1/audit", params=parameters, headers=self.as_(who))


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """The customers are those of tests/rig/gateway.py; tokens: admin, auditor, own (of acme), other, revoked, wrong."""
    async with serving(tmp_path) as found:
        yield found


@pytest_asyncio.fixture
async def bulk(tmp_path: Path) -> AsyncIterator[Api]:
    """The same with the customers of tests/rig/bulk.py."""
    async with serving(tmp_path, BULK_CUSTOMERS) as found:
        yield found


@asynccontextmanager
async def serving(folder: Path, customers: list[dict[str, Any]] | None = None) -> AsyncIterator[Api]:
    """A gateway with its API and tokens."""
    async with running(folder, customers=customers) as (gateway, hop, _):
        async with httpx.AsyncClient(base_url=f"http://{gateway.http_address}", timeout=300) as client:
            found = Api(gateway, hop, client)
            make, now = gateway.stores.tokens.create, gateway.clock()
            roles = {"admin": None, "auditor": None, "own": "acme", "other": "nets", "revoked": None}
            for name, customer in roles.items():
                role = "customer" if customer else "admin" if name == "revoked" else name
                number, found.tokens[name] = make(role, customer, now)
                if name == "revoked":
                    gateway.stores.tokens.revoke(number, now)
            found.tokens["wrong"] = found.tokens["admin"][:-1] + ("x" if found.tokens["admin"][-1] != "x" else "y")
            found.tokens["garbage"] = "no-token-at-all"
            yield found


@pytest_asyncio.fixture
async def public(tmp_path: Path) -> AsyncIterator[Api]:
    """A gateway whose public listener is its own; the client's relative paths go there, `ask` to the API."""
    settings = {"http": {"address": "127.0.0.1:0", "public_address": "127.0.0.1:0"}}
    async with running(tmp_path, settings=settings, customers=SHOWN) as (gateway, hop, _):
        async with httpx.AsyncClient(base_url=f"http://{gateway.http_addresses[1]}", timeout=300) as client:
            found = Api(gateway, hop, client)
            _, token = gateway.stores.tokens.create("admin", None, gateway.clock())
            found.tokens["own"] = token
            yield found


class Client:
    """An SMTP session that stays open while the API is asked."""

    def __init__(self, api: Api, username: str = "acme-app") -> None:
        self._username = username
        self._host, _, port = api.gateway.smtp_addresses[0].rpartition(":")
        self._port = int(port)

    async def __aenter__(self) -> "Client":
        self._smtp = await asyncio.to_thread(smtplib.SMTP, self._host, self._port, "client.example", 10)
        await asyncio.to_thread(self._smtp.login, self._username, PASSWORD)
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self._smtp.close)

    async def command(self, line: str) -> str:
        """A command's reply."""
        code, text = await asyncio.to_thread(self._smtp.docmd, line)
        return f"{code} {text.decode()}"

    async def send(self, subject: str = "Lunch", recipient: str = "bob@recipient.example") -> str:
        """A clean message; the reply to its final dot, or to what was refused before."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "ann@acme.example", recipient, subject
        message.set_content("At noon.")
        reply = ""
        for line in ("MAIL FROM:<ann@acme.example>", f"RCPT TO:<{recipient}>"):
            reply = await self.command(line)
            if not reply.startswith("250"):
                await self.command("RSET")
                return reply
        return await self.data(message.as_bytes(policy=SMTP))

    async def data(self, message: bytes) -> str:
        """The reply to the final dot."""
        code, text = await asyncio.to_thread(self._smtp.data, message)
        return f"{code} {text.decode()}"


async def until_ready(api: Api) -> httpx.Response:
    """Ask /readyz until it is green, for at most a minute."""
    for _ in range(600):
        if (await api.client.get("/readyz")).status_code == 200:
            break
        await asyncio.sleep(0.1)
    return await api.client.get("/readyz")
