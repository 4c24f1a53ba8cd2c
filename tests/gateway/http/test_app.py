"""The application as a whole."""

import logging

import pytest

from tests.gateway.http.conftest import Api, Client
from tests.rig.gateway import PASSWORD

ACME = "/api/v1/customers/acme"


async def test_no_token_or_password_is_logged(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Client(api) as client:
        await client.send()
    for who in ("admin", "own", "wrong", "revoked", "garbage"):
        await api.audit(who)
        await api.post(f"{ACME}/suspend", who, reason="x")
    secrets = [*api.tokens.values(), PASSWORD]
    written = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    audit = b"".join(path.read_bytes() for path in (api.gateway.settings.data_dir / "audit").rglob("*.jsonl"))
    for secret in secrets:
        assert secret not in written
        assert secret.encode() not in audit


async def test_the_documentation_answers(api: Api) -> None:
    assert "swagger" in (await api.client.get("/docs")).text
