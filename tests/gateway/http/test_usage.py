"""The limits over HTTP: who may see whose, and that the figures are those of the mail."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from config.limits import Limits, LimitsPolicy
from config.policy import Policy
from tests.gateway.http.conftest import Api, Client, is_problem
from tests.rig.gateway import running


@pytest_asyncio.fixture
async def limited(tmp_path: Path) -> AsyncIterator[Api]:
    """A gateway with limits, and tokens."""
    limits = LimitsPolicy(
        customer=Limits(messages_per_hour=5),
        credential=Limits(recipients_per_day=2, hard=("recipients_per_day",)),
        report=Limits(),
    )
    async with running(tmp_path, policy=Policy(limits=limits)) as (gateway, hop, _):
        async with httpx.AsyncClient(base_url=f"http://{gateway.http_address}", timeout=300) as client:
            api = Api(gateway, hop, client)
            for name, customer in (("auditor", None), ("own", "acme"), ("other", "nets")):
                role = "customer" if customer else name
                _, api.tokens[name] = gateway.stores.tokens.create(role, customer, gateway.clock())
            yield api


async def test_use_room_and_reset_of_the_customer_and_each_credential(limited: Api) -> None:
    async with Client(limited) as client:
        for _ in range(2):
            assert (await client.send()).startswith("250 ")
        assert (await client.send()).startswith("550 5.7.0 ")
    for who in ("own", "auditor"):
        found = (await limited.ask("GET", "limits", who)).json()
        assert found["customer"] == "acme"
        rows = {(row["scope"], row["name"], row["measure"], row["window"]): row for row in found["limits"]}
        assert set(rows) == {
            ("customer", "acme", "messages", "hour"),
            ("credential", "acme-app", "recipients", "day"),
            ("credential", "acme-old", "recipients", "day"),
        }
        of_customer = rows["customer", "acme", "messages", "hour"]
        assert (of_customer["cap"], of_customer["used"], of_customer["room"], of_customer["reset"]) == (5, 2, 3, 0)
        app = rows["credential", "acme-app", "recipients", "day"]
        assert (app["used"], app["room"], app["reset"], app["hard"]) == (2, 0, 61 * 1440, True)
        assert rows["credential", "acme-old", "recipients", "day"]["used"] == 0


async def test_a_customer_sees_its_own_only(limited: Api) -> None:
    is_problem(await limited.ask("GET", "limits", "other"), 404)
    is_problem(await limited.ask("GET", "limits", "none"), 401)
    is_problem(await limited.ask("GET", "/api/v1/customers/nobody/limits", "auditor"), 404)


async def test_a_ledger_that_is_away_is_503(limited: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited.gateway.ledger, "healthy", False)
    assert "Redis" in str(is_problem(await limited.ask("GET", "limits", "own"), 503)["detail"])


async def test_what_is_the_operators_is_shown_to_admin_and_auditor_alone(api: Api) -> None:
    async with Client(api) as client:
        assert (await client.send()).startswith("250 ")
    asked = {"source": "127.0.0.1", "sender": "ann@acme.example", "recipient": "bob@recipient.example"}
    found = (await api.ask("GET", "limits", "auditor", params=asked)).json()["limits"]
    used = {each["scope"]: (each["name"], each["used"]) for each in found}
    assert used["recipient_by_customer"] == used["recipient_by_all"] == ("one at recipient.example", 1)
    assert "recipient_by_all" not in (await api.ask("GET", "limits", "auditor")).text
    for name, value in asked.items():
        is_problem(await api.ask("GET", "limits", "own", params={name: value}), 403)
    is_problem(await api.ask("GET", "limits", "auditor", params={"source": "here"}), 422)
