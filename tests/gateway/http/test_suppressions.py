"""Suppressions over HTTP: of addresses, domains and hashes, the customer's and the operator's."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from tests.gateway.http.conftest import GENERIC, Api, is_problem, row
from tests.rig.gateway import Clock

BOB = "bob@recipient.example"
SHA256 = hashlib.sha256(BOB.encode()).hexdigest()
OPERATOR = "/api/v1/suppressions"


async def consented(api: Api) -> None:
    """Bob has opted in to the newsletter; then a second passes."""
    await api.ask("POST", "consent/imports", "own", params={"list": "newsletter"}, content=GENERIC + row(BOB))
    assert await api.allowed(BOB) is None
    tick(api)


def tick(api: Api, **time: float) -> None:
    """Let time pass, a second when nothing is said."""
    assert isinstance(api.gateway.clock, Clock)
    api.gateway.clock.now += timedelta(**time or {"seconds": 1})


@pytest.mark.parametrize(
    "subject",
    [{"address": "Bob@Recipient.Example"}, {"domain": "recipient.example"}, {"hash": SHA256.upper()},
     {"hash": hashlib.md5(BOB.encode()).hexdigest()}, {"hash": hashlib.sha1(BOB.encode()).hexdigest()}],
)  # fmt: skip
async def test_a_suppression_stops_mail_until_it_is_lifted(api: Api, subject: dict[str, str]) -> None:
    await consented(api)
    told = await api.tell("suppressions", **subject, note="asked by phone")
    assert (told["state"], told["reason"], told["new"], told["list"]) == ("suppressed", "manual", True, None)
    assert await api.allowed(BOB) == "SUPPRESSED"
    (shown,) = (await api.ask("GET", "suppressions", "own", params=subject)).json()["suppressions"]
    assert (shown["id"], shown["reason"], shown["stops"], shown["until"]) == (told["id"], "manual", "marketing", None)
    tick(api)
    lifted = await api.tell("suppressions/lift", **subject, why="asked to have it again")
    assert lifted["state"] == "lifted"
    assert await api.allowed(BOB) is None
    assert (await api.ask("GET", "suppressions", "own", params=subject)).json() == {"suppressions": []}


async def test_a_suppression_of_one_list_leaves_the_others(api: Api) -> None:
    await consented(api)
    await api.ask("POST", "consent/imports", "own", params={"list": "offers"}, content=GENERIC + row(BOB, "offers"))
    await api.tell("suppressions", address=BOB, list="offers")
    assert await api.allowed(BOB, "offers") == "SUPPRESSED"
    assert await api.allowed(BOB) is None


async def test_a_suppression_may_end_by_itself(api: Api) -> None:
    await consented(api)
    await api.tell("suppressions", address=BOB, until="2026-11-21T00:00:00Z")
    assert await api.allowed(BOB) == "SUPPRESSED"
    assert await api.allowed(BOB, at="2026-11-20T23:59:59Z") == "SUPPRESSED"
    assert await api.allowed(BOB, at="2026-11-21T00:00:00Z") is None
    tick(api, days=1)
    assert await api.allowed(BOB) is None
    assert (await api.ask("GET", "suppressions", "own", params={"address": BOB})).json() == {"suppressions": []}


async def test_the_operators_suppression_stops_every_customer_who_learns_no_more_than_that(api: Api) -> None:
    await consented(api)
    await api.tell(OPERATOR, "admin", address=BOB, reason="threat", note="case 17")
    assert await api.allowed(BOB) == "PROVIDER-BLOCK"
    for path in ("suppressions?address=" + BOB, f"consent/{BOB}", f"consent/{BOB}/proof", "consent/export"):
        answer = await api.ask("GET", path, "own")
        assert answer.status_code == 200
        assert "threat" not in answer.text
        assert "case 17" not in answer.text
    problem = is_problem(await api.ask("POST", "suppressions/lift", "own", json={"address": BOB, "why": "x"}), 422)
    assert "no suppression of yours" in str(problem["detail"])
    assert len((await api.ask("GET", OPERATOR, "auditor", params={"address": BOB})).json()["suppressions"]) == 1
    tick(api)
    await api.tell(f"{OPERATOR}/lift", "admin", address=BOB, reason="threat", why="case closed")
    assert await api.allowed(BOB) is None
    assert [(act["customer"], act["target"]) for act in api.acts("suppressions add")] == [("*", BOB)]
    assert [act["reason"] for act in api.acts("suppressions lift")] == ["case closed"]


async def test_what_the_operator_made_at_a_customer_only_the_operator_lifts(api: Api) -> None:
    await consented(api)
    await api.tell("suppressions", "admin", address=BOB)
    asked = {"address": BOB, "why": "please"}
    operators = is_problem(await api.ask("POST", "suppressions/lift", "own", json=asked), 422)
    nothing = is_problem(
        await api.ask("POST", "suppressions/lift", "own", json=asked | {"address": "x@recipient.example"}), 422
    )
    assert operators == nothing, "whether there is one is not told"
    tick(api)
    await api.tell("suppressions/lift", "admin", **asked)
    assert await api.allowed(BOB) is None


async def test_a_withdrawal_is_lifted_by_nobody(api: Api) -> None:
    await consented(api)
    await api.tell("consent/withdrawals", address=BOB)
    tick(api)
    is_problem(await api.ask("POST", "suppressions/lift", "admin", json={"address": BOB, "why": "please"}), 422)
    assert await api.allowed(BOB) == "WITHDRAWN"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "exactly one"),
        ({"address": BOB, "domain": "recipient.example"}, "exactly one"),
        ({"domain": "no domain"}, "domain: "),
        ({"hash": "abc"}, "hash: "),
        ({"hash": "g" * 64}, "hash: "),
        ({"address": BOB, "reason": "spamtrap"}, "reason: "),
        ({"address": BOB, "reason": "legal", "until": "2027-01-01T00:00:00Z"}, "until: "),
        ({"address": BOB, "until": "2026-01-01T00:00:00Z"}, "until: "),
        ({"address": BOB, "stops": "some"}, "stops: "),
    ],
)
async def test_what_is_wrong_is_named(api: Api, body: dict[str, Any], named: str) -> None:
    assert named in str(is_problem(await api.ask("POST", "suppressions", "own", json=body), 422)["detail"])


async def test_a_customer_lifts_no_reason_that_is_the_operators_to_judge(api: Api) -> None:
    await api.tell("suppressions", address=BOB, reason="legal")
    problem = is_problem(
        await api.ask("POST", "suppressions/lift", "own", json={"address": BOB, "reason": "legal", "why": "x"}), 422
    )
    assert "by the operator only" in str(problem["detail"])
    assert "why: " in str(is_problem(await api.ask("POST", "suppressions/lift", "admin", json={"address": BOB}), 422))


async def test_a_question_names_one_subject(api: Api) -> None:
    for parameters in ({}, {"address": BOB, "domain": "recipient.example"}):
        problem = is_problem(await api.ask("GET", "suppressions", "own", params=parameters), 422)
        assert problem["detail"] == "query: send exactly one of address, domain and hash"
