"""Who asks, and for whom."""

from datetime import UTC, datetime
from pathlib import Path

import httpx

from config.customers import Customer
from consent.tokens import Role, Token
from gateway.http.context import by, inward
from tests.gateway.http.conftest import Api, is_problem
from tests.rig.gateway import running

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_an_admin_acts_for_the_operator_and_a_customer_for_itself() -> None:
    admin, auditor = Token("1", Role.ADMIN, None, NOW), Token("2", Role.AUDITOR, None, NOW)
    customer = Token("3", Role.CUSTOMER, "acme", NOW)
    assert (by(admin).actor, by(admin).operator, by(admin).entity) == ("token:1", True, "operator")
    assert (by(customer).actor, by(customer).operator, by(customer).entity) == ("token:3", False, "tenant")
    assert [inward(each) for each in (admin, auditor, customer)] == [True, True, False]


async def test_a_customer_applied_a_moment_ago_is_known(api: Api) -> None:
    fresh = Customer(id="fresh", name="Fresh", domains=("fresh.example",))
    api.gateway.stores.customers.apply([fresh], api.gateway.clock())
    assert (await api.ask("GET", "/api/v1/customers/fresh/lists", "admin")).status_code == 200
    assert (await api.ask("GET", "/api/v1/customers/nobody/lists", "admin")).status_code == 404


async def test_a_token_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    slow = {"http": {"address": "127.0.0.1:0", "requests_per_second": 0.5}}
    async with running(tmp_path, settings=slow) as (gateway, hop, _):
        async with httpx.AsyncClient(base_url=f"http://{gateway.http_address}", timeout=300) as client:
            api = Api(gateway, hop, client)
            for name in ("admin", "auditor"):
                _, api.tokens[name] = gateway.stores.tokens.create(name, None, gateway.clock())
            answers = [await api.ask("GET", "parties", "admin") for _ in range(7)]
            assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
            is_problem(answers[-1], 429)
            assert answers[-1].headers["retry-after"] in ("1", "2")
            assert (await api.ask("GET", "parties", "auditor")).status_code == 200
            # The switch that stops a spammer works at once, always.
            assert (await api.ask("POST", "suspend", "admin", json={"reason": "x"})).status_code == 200
