"""Every endpoint, asked by every kind of caller: one table. A route that is not in it fails a test."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from consent.address import Address
from tests.gateway.http.conftest import GENERIC, Api, Client, is_problem, row
from tests.rig.gateway import Clock

WHO = ("none", "wrong", "admin", "auditor", "own", "other")
C = "/api/v1/customers/{customer}"
BOB = "bob@recipient.example"
EVENT = {"address": BOB, "state": "given", "list": "newsletter"}
FILE = (GENERIC + row(BOB)).encode()


@dataclass(frozen=True)
class Asked:
    """How an endpoint is asked, and what each of WHO is answered."""

    statuses: tuple[int, ...]
    more: dict[str, Any] = field(default_factory=dict)


def public(status: int = 200) -> Asked:
    """For everybody."""
    return Asked((status,) * 6)


def readers(**more: Any) -> Asked:
    """For admin, auditor and the customer itself."""
    return Asked((401, 401, 200, 200, 200, 404), more)


def writers(status: int = 200, **more: Any) -> Asked:
    """For admin and the customer itself."""
    return Asked((401, 401, status, 403, status, 404), more)


def admin(status: int = 200, **more: Any) -> Asked:
    """For admin alone."""
    return Asked((401, 401, status, 403, 403, 403), more)


def inward(**more: Any) -> Asked:
    """For admin and auditor."""
    return Asked((401, 401, 200, 200, 403, 403), more)


TABLE = {
    ("GET", "/healthz"): public(),
    ("GET", "/readyz"): public(),
    ("GET", "/metrics"): public(),
    ("GET", "/api/v1/audit"): Asked((401, 401, 200, 200, 200, 200)),
    ("GET", "/api/v1/audit/findings"): Asked((401, 401, 200, 200, 200, 200)),
    ("GET", "/api/v1/audit/decisions/{reference}/explanation"): Asked((401, 401, 200, 200, 200, 404)),
    ("GET", "/api/v1/jobs/{job}"): readers(),
    ("GET", "/api/v1/suppressions"): Asked((401, 401, 200, 200, 403, 403), {"params": {"address": BOB}}),
    ("POST", "/api/v1/suppressions"): admin(201, json={"address": "trap@recipient.example", "reason": "spamtrap"}),
    ("POST", "/api/v1/suppressions/lift"): admin(
        201, json={"address": "trap@recipient.example", "reason": "spamtrap", "why": "a mistake"}
    ),
    ("POST", f"{C}/suspend"): admin(json={"reason": "test"}),
    ("POST", f"{C}/resume"): admin(json={"reason": "test"}),
    ("GET", f"{C}/credentials"): inward(),
    ("POST", f"{C}/credentials"): admin(201, json={"username": "acme-shop"}),
    ("POST", f"{C}/credentials/lock"): admin(json={"name": "acme-app", "reason": "test"}),
    ("POST", f"{C}/credentials/unlock"): admin(json={"all": True, "reason": "test"}),
    ("POST", f"{C}/credentials/rotate"): admin(json={"name": "acme-app"}),
    ("POST", f"{C}/credentials/remove"): admin(json={"name": "acme-shop", "reason": "test"}),
    ("POST", "/api/v1/credentials/lock"): admin(json={"all": True, "reason": "test"}),
    ("POST", "/api/v1/credentials/unlock"): admin(json={"all": True, "reason": "test"}),
    ("GET", "/api/v1/exemptions"): inward(),
    ("GET", f"{C}/exemptions"): inward(),
    ("POST", f"{C}/exemptions"): admin(
        201, json={"rule": "HDR-DATE", "until": "2026-12-31T00:00:00Z", "reason": "test"}
    ),
    ("POST", f"{C}/exemptions/remove"): admin(json={"rule": "HDR-DATE", "reason": "test"}),
    ("POST", f"{C}/unsubscribe-links"): writers(409, json={"addresses": [BOB], "list": "newsletter"}),
    ("GET", f"{C}/clusters"): readers(),
    ("PUT", f"{C}/clusters/{{cluster}}/label"): admin(json={"label": "bulk", "reason": "test"}),
    ("DELETE", f"{C}/clusters/{{cluster}}/label"): admin(params={"reason": "test"}),
    ("GET", f"{C}/domains"): inward(),
    ("POST", f"{C}/domains"): admin(201, json={"domain": "shop.example", "reason": "contract"}),
    ("POST", f"{C}/domains/remove"): admin(json={"domain": "shop.example", "reason": "contract ended"}),
    ("POST", f"{C}/check"): readers(json={"list": "newsletter", "addresses": [BOB]}),
    ("POST", f"{C}/consent/imports"): writers(params={"list": "newsletter"}, content=FILE),
    ("GET", f"{C}/consent/imports"): readers(),
    ("GET", f"{C}/consent/export"): readers(),
    ("POST", f"{C}/consent/events"): writers(201, json=EVENT),
    ("POST", f"{C}/consent/withdrawals"): writers(201, json={"address": BOB}),
    ("POST", f"{C}/consent/erasures"): writers(201, json={"address": "gone@recipient.example"}),
    ("GET", f"{C}/consent/{{address}}"): readers(),
    ("GET", f"{C}/consent/{{address}}/proof"): readers(),
    # Nobody has asked, and public_url is not set: who may ask is told so.
    ("POST", f"{C}/confirmations"): writers(409, json={"address": BOB, "list": "newsletter"}),
    ("GET", f"{C}/confirmations/{{id}}"): readers(),
    ("POST", f"{C}/relationships"): writers(201, json={"address": BOB, "kind": "purchase", "basis": "2026-03-01"}),
    ("GET", f"{C}/suppressions"): readers(params={"address": BOB}),
    ("POST", f"{C}/suppressions"): writers(201, json={"domain": "recipient.example"}),
    ("POST", f"{C}/suppressions/lift"): writers(201, json={"domain": "recipient.example", "why": "a mistake"}),
    ("GET", f"{C}/lists"): readers(),
    ("GET", f"{C}/lists/{{name}}"): readers(),
    ("PUT", f"{C}/lists/{{name}}"): writers(json={"name": "The newsletter"}),
    ("POST", f"{C}/lists/{{name}}/lower"): admin(json={"reason": "mended"}),
    ("GET", f"{C}/notices"): readers(),
    ("GET", f"{C}/notices/{{notice}}"): readers(),
    ("POST", f"{C}/notices"): writers(201, json={"id": "signup-3", "text": "I want the newsletter."}),
    ("GET", f"{C}/limits"): readers(),
    ("GET", f"{C}/parties"): readers(),
    ("GET", f"{C}/dkim"): readers(),
    ("GET", f"{C}/webhooks"): readers(),
    ("GET", "/api/v1/webhooks"): inward(),
    ("POST", f"{C}/webhooks/retry"): admin(json={}),
    ("PUT", f"{C}/parties/{{party}}"): writers(json={"name": "Garden", "email": "garden@acme.example"}),
}


async def placed(api: Api) -> dict[str, str]:
    """What stands for each name in a path, all of customer acme."""
    answer = await api.ask("POST", "consent/imports", "own", params={"list": "newsletter"}, content=FILE)
    await api.tell("notices", id="signup-3", text="I want the newsletter.")
    values = {"customer": "acme", "address": BOB, "name": "newsletter", "notice": "signup-3", "party": "garden"}
    mail, _ = api.gateway.stores.confirmations.add(
        "acme", Address.parse("ann@recipient.example"), "newsletter", 1, api.gateway.clock()
    )
    async with Client(api) as client:
        reference = (await client.send()).split("ref ")[1].split(";")[0]
    known = {"job": answer.json()["id"], "cluster": "5f0c3a9d21b4e867", "id": mail.id, "reference": reference}
    return values | known


async def test_every_endpoint_answers_every_role_as_the_table_says(api: Api) -> None:
    values, clock = await placed(api), api.gateway.clock
    assert isinstance(clock, Clock)
    wrong = {}
    for (method, path), asked in TABLE.items():
        # First those who must change nothing: what is refused must be refused whatever stands there.
        for who, expected in sorted(zip(WHO, asked.statuses, strict=True), key=lambda each: each[1] < 300):
            clock.now += timedelta(seconds=1)
            if who == "own" and (method, path) == ("POST", f"{C}/suppressions/lift"):
                # Admin has just lifted what there was.
                await api.tell("suppressions", domain="recipient.example")
                clock.now += timedelta(seconds=1)
            answer = await api.ask(method, path.format(**values), who, **asked.more)
            if answer.status_code != expected:
                wrong[method, path, who] = (expected, answer.status_code, answer.text)
            elif expected >= 400:
                is_problem(answer, expected)
    assert not wrong


async def test_no_route_is_missing_from_the_table(api: Api) -> None:
    described = (await api.client.get("/openapi.json")).json()["paths"]
    assert {(method.upper(), path) for path, methods in described.items() for method in methods} == TABLE.keys()


async def test_another_customers_id_is_answered_as_one_that_there_is_not(api: Api) -> None:
    values = await placed(api)
    for (method, path), asked in TABLE.items():
        if "{customer}" not in path or asked.statuses[5] != 404:
            continue
        answers = []
        for customer in ("acme", "nobody", "stopped"):
            answer = await api.ask(method, path.format(**values | {"customer": customer}), "other", **asked.more)
            answers.append((answer.status_code, answer.text.replace(customer, "?"), sorted(answer.headers)))
        assert answers[0] == answers[1] == answers[2], (method, path)
        assert answers[0][0] == 404
    for job in (values["job"], "0" * 24):
        problem = is_problem(await api.ask("GET", f"/api/v1/jobs/{job}", "other"), 404)
        assert problem["detail"] == f"no job '{job}'"


@pytest.mark.parametrize("who", ["none", "wrong", "other", "auditor"])
async def test_who_may_not_learns_nothing_of_what_is_wrong_with_a_request(api: Api, who: str) -> None:
    for path in ("consent/events", "consent/withdrawals", "suppressions", "notices", "consent/imports"):
        texts = {
            (await api.ask("POST", path, who, content=body)).text for body in (b"{", b"", b"[]", b'{"address": 1}')
        }
        assert len(texts) == 1
