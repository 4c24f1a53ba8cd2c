"""Suspending and resuming customers over HTTP."""

import asyncio
from typing import Any

import pytest

from gateway.audit.errors import JournalClosed, JournalFull
from gateway.audit.journal import Journal
from gateway.audit.record import Act
from gateway.audit.search import Query
from tests.gateway.http.conftest import Api, Client, is_problem

ACME = "/api/v1/customers/acme"


def actions(api: Api) -> list[dict[str, Any]]:
    """The operators' acts in the audit, oldest first."""
    return list(api.gateway.evidence.search(Query(kind="action")))[::-1]


async def test_a_suspension_acts_on_an_open_session_at_its_next_recipient(api: Api) -> None:
    async with Client(api) as client:
        assert (await client.send()).startswith("250")
        answer = await api.post(f"{ACME}/suspend", "admin", reason="phishing, ticket 4711")
        assert answer.status_code == 200
        assert (await client.send()).startswith("550 5.7.1 Sending is suspended")
        await client.command("RSET")
        answer = await api.post(f"{ACME}/resume", "admin", reason="cleaned")
        assert answer.json()["status"] == "active"
        assert (await client.send()).startswith("250")


async def test_a_suspension_within_a_transaction_refuses_at_its_end(api: Api) -> None:
    async with Client(api) as client:
        assert (await client.command("MAIL FROM:<ann@acme.example>")).startswith("250")
        assert (await client.command("RCPT TO:<bob@recipient.example>")).startswith("250")
        await api.post(f"{ACME}/suspend", "admin", reason="x")
        assert (await client.data(b"From: ann@acme.example\r\n\r\n")).startswith("550 5.7.1")
    assert api.hop.accepted == []


async def test_each_act_is_in_the_audit_with_its_token_and_reason(api: Api) -> None:
    await api.post(f"{ACME}/suspend", "admin", reason="  phishing,\n ticket 4711 ")
    await api.post(f"{ACME}/resume", "admin", reason="cleaned")
    suspended, resumed = actions(api)
    number = api.tokens["admin"].split("_")[1]
    assert (suspended["actor"], suspended["act"], suspended["customer"]) == (f"token:{number}", "suspend", "acme")
    assert "ticket 4711" in suspended["reason"]
    assert (resumed["act"], resumed["reason"]) == ("resume", "cleaned")


async def test_doing_it_again_changes_nothing_and_records_nothing(api: Api) -> None:
    first = (await api.post(f"{ACME}/suspend", "admin", reason="phishing")).json()
    again = (await api.post(f"{ACME}/suspend", "admin", reason="another")).json()
    assert (first["changed"], again["changed"]) == (True, False)
    assert again | {"changed": True} == first
    assert again["reason"] == "phishing"
    assert len(actions(api)) == 1
    assert (await api.post("/api/v1/customers/nets/resume", "admin", reason="x")).json()["changed"] is False


async def test_of_many_at_once_one_changes_it(api: Api) -> None:
    answers = await asyncio.gather(*(api.post(f"{ACME}/suspend", "admin", reason=f"by {n}") for n in range(12)))
    assert [answer.status_code for answer in answers] == [200] * 12
    assert sum(answer.json()["changed"] for answer in answers) == 1
    assert len(actions(api)) == 1


async def test_a_customer_there_is_not_is_404_and_recorded_nowhere(api: Api) -> None:
    problem = is_problem(await api.post("/api/v1/customers/nobody/suspend", "admin", reason="x"), 404)
    assert problem["detail"] == "no customer 'nobody'"
    is_problem(await api.post("/api/v1/customers/NO!/suspend", "admin", reason="x"), 422)
    assert actions(api) == []


async def test_a_suspension_that_cannot_be_recorded_holds_is_told_and_recorded_later(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Journal, record: object) -> int:
        raise JournalFull("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append_blocking", full)
        problem = is_problem(await api.post(f"{ACME}/suspend", "admin", reason="spam"), 503)
    assert "customer 'acme' is suspended" in str(problem["detail"])
    assert "as soon as it can be" in str(problem["detail"])
    entry = api.gateway.directory.get("acme")
    assert entry is not None
    assert entry.standing.status == "suspended"
    await api.gateway.journal.append(Act("test", "wait for the group"))
    assert [each["act"] for each in actions(api)] == ["suspend", "wait for the group"]
    assert (await api.post(f"{ACME}/suspend", "admin", reason="spam")).json()["changed"] is False


async def test_a_suspension_while_the_audit_is_closed_says_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(self: Journal, record: object) -> int:
        raise JournalClosed("the audit journal is closed")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append_blocking", closed)
        patch.setattr(Journal, "note", closed)
        problem = is_problem(await api.post(f"{ACME}/suspend", "admin", reason="spam"), 503)
    assert str(problem["detail"]).endswith("could not record it: the audit journal is closed")
