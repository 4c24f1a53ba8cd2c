"""A running gateway with an HTTP client, a token of each kind, and a check that each fault is a problem detail."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest_asyncio

from gateway.app import Gateway
from tests.rig.gateway import running
from tests.rig.smtpd import Smtpd


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

    async def audit(self, who: str, **parameters: str | int) -> httpx.Response:
        """GET /api/v1/audit."""
        return await self.client.get("/api/v1/audit", params=parameters, headers=self.as_(who))


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """The customers are those of tests/rig/gateway.py; tokens: admin, auditor, own (of acme), other, revoked, wrong."""
    async with running(tmp_path) as (gateway, hop, _):
        async with httpx.AsyncClient(base_url=f"http://{gateway.http_address}", timeout=10) as client:
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
