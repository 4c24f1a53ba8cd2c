"""Checks without sending."""

from typing import Any

import pytest

from gateway.http.problems import Problem
from gateway.http.rates import Rates
from tests.gateway.http.conftest import GENERIC, Api, is_problem, row

BOB, ANN = "bob@recipient.example", "Ann@Recipient.example"


async def test_each_address_has_its_answer_in_order(api: Api) -> None:
    await api.ask("POST", "consent/imports", "own", params={"list": "newsletter"}, content=GENERIC + row(BOB))
    results = (await api.tell("check", list="newsletter", addresses=[ANN, BOB, ANN]))["results"]
    assert [(each["address"], each["allowed"], each["reason"]) for each in results] == [
        (ANN, False, "NO-CONSENT"), (BOB, True, None), (ANN, False, "NO-CONSENT"),
    ]  # fmt: skip
    assert results[1]["ground"] == {"kind": "express", "id": 1, "at": "2026-03-01T09:00:00Z", "grade": "E2"}
    assert results[0]["text"]
    assert results[0]["fix"]


async def test_the_answer_can_be_of_another_time(api: Api) -> None:
    await api.tell("consent/events", address=BOB, state="given", list="newsletter", ip="203.0.113.7", notice="n",
                   source="page", until="2026-12-01T00:00:00Z")  # fmt: skip
    assert await api.allowed(BOB) is None
    assert await api.allowed(BOB, at="2026-11-20T09:59:59+00:00") == "NO-CONSENT"
    assert await api.allowed(BOB, at="2026-12-01T01:00:00+01:00") == "CONSENT-EXPIRED"


async def test_a_suspended_customer_may_write_to_nobody(api: Api) -> None:
    await api.ask("POST", "consent/imports", "own", params={"list": "newsletter"}, content=GENERIC + row(BOB))
    await api.ask("POST", "suspend", "admin", json={"reason": "test"})
    assert await api.allowed(BOB) == "TENANT-SUSPENDED"


async def test_asking_changes_nothing_not_even_the_list(api: Api) -> None:
    assert await api.allowed(BOB, "unheard-of") == "NO-CONSENT"
    assert (await api.ask("GET", "lists", "own")).json() == {"lists": []}


async def test_a_thousand_addresses_are_answered_and_no_more(api: Api) -> None:
    many = [f"{'x' * 60}{number}@{'recipient' * 6}.example" for number in range(1001)]
    assert len((await api.tell("check", list="newsletter", addresses=many[:1000]))["results"]) == 1000
    is_problem(await api.ask("POST", "check", "own", json={"list": "newsletter", "addresses": many}), 422)


async def test_many_addresses_cost_more_of_the_rate(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[float] = []
    monkeypatch.setattr(Rates, "take", lambda self, token, cost=1.0: costs.append(cost))
    await api.tell("check", list="newsletter", addresses=[BOB] * 500)
    assert costs == [1.0, 5.0]

    def refuse(self: Rates, token: str, cost: float = 1.0) -> None:
        raise Problem(429, "this token asks too often", {"Retry-After": "3"})  # type: ignore[arg-type]

    monkeypatch.setattr(Rates, "take", refuse)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"addresses": []}, "addresses: "),
        ({"addresses": [BOB, "nobody"]}, "addresses[1]: "),
        ({"list": None}, "list: "),
        ({"at": "2500-01-01T00:00:00Z"}, "at: "),
    ],
)
async def test_what_is_wrong_is_named(api: Api, body: dict[str, Any], named: str) -> None:
    answer = await api.ask("POST", "check", "own", json={"list": "newsletter", "addresses": [BOB]} | body)
    assert str(is_problem(answer, 422)["detail"]).startswith(named)
