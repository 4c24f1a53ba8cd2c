"""Credentials over HTTP: locks that act at once, passwords told once, and what the audit hears."""

import asyncio
from typing import Any

import pytest

from gateway.audit.errors import JournalFull
from gateway.audit.journal import Journal
from tests.gateway.http.conftest import Api, Client, is_problem
from tests.rig.talk import Talk

NOBODY = {"name": "nobody", "reason": "x"}


async def credentials(api: Api, customer: str = "acme") -> dict[str, dict[str, Any]]:
    answer = await api.ask("GET", f"/api/v1/customers/{customer}/credentials", "auditor")
    return {each["name"]: each for each in answer.json()["credentials"]}


async def test_a_lock_acts_on_an_open_session_at_its_next_mail_until_it_is_lifted(api: Api) -> None:
    async with Client(api) as client:
        assert (await client.send()).startswith("250")
        told = await api.tell("credentials/lock", "admin", name="ACME-app", reason=" stolen, ticket 4711 ")
        assert [each["name"] for each in told["changed"]] == ["acme-app"]
        assert told["changed"][0] == (await credentials(api))["acme-app"]
        assert (await client.command("MAIL FROM:<ann@acme.example>")).startswith("450 4.7.1 This credential is locked")
        lock = (await credentials(api))["acme-app"]["lock"]
        assert (lock["reason"], lock["by"]) == ("stolen, ticket 4711", "operator")
        told = await api.tell("credentials/unlock", "admin", name="acme-app", reason="cleaned")
        assert told["changed"][0]["lock"] is None
        assert (await client.send()).startswith("250")
    (locked,), (unlocked,) = api.acts("credentials lock"), api.acts("credentials unlock")
    assert (locked["customer"], locked["target"], locked["reason"]) == ("acme", "acme-app", "stolen, ticket 4711")
    assert locked["actor"].startswith("token:")
    assert unlocked["details"] == {"credentials": ["acme-app"], "locked_by": {"acme-app": "operator"}}


async def test_all_must_be_said_and_what_was_so_already_is_not_recorded(api: Api) -> None:
    for body in ({}, {"name": "acme-app", "all": True}, {"all": False}):
        answer = await api.ask("POST", "credentials/lock", "admin", json={"reason": "x", **body})
        assert "send either name, or all: true" in str(is_problem(answer, 422)["detail"])
    assert all(each["lock"] is None for each in (await credentials(api)).values())
    await api.tell("credentials/lock", "admin", name="acme-app", reason="x")
    told = await api.tell("credentials/lock", "admin", all=True, reason="y")
    assert ([each["name"] for each in told["changed"]], [each["name"] for each in told["same"]]) == (
        ["acme-old"], ["acme-app"],
    )  # fmt: skip
    await api.tell("credentials/lock", "admin", all=True, reason="z")
    assert [each["details"]["credentials"] for each in api.acts("credentials lock")] == [["acme-app"], ["acme-old"]]


async def test_the_switch_for_all_customers_records_each(api: Api) -> None:
    answer = await api.post("/api/v1/credentials/lock", "admin", all=True, reason="break-in")
    assert len(answer.json()["changed"]) == 5
    assert {each["customer"] for each in api.acts("credentials lock")} == {"acme", "nets", "stopped", "watched"}
    assert (await credentials(api, "nets"))["127.0.0.2/32"]["lock"]["reason"] == "break-in"
    answer = await api.post("/api/v1/credentials/unlock", "admin", name="127.0.0.2", reason="x")
    assert [each["name"] for each in answer.json()["changed"]] == ["127.0.0.2/32"]
    answer = await api.post("/api/v1/credentials/unlock", "admin", all=True, reason="over")
    assert len(answer.json()["changed"]) == 4


async def test_what_matches_nothing_is_404_and_changes_nothing(api: Api) -> None:
    for path, body in [
        ("credentials/lock", NOBODY), ("credentials/unlock", NOBODY), ("credentials/remove", NOBODY),
        ("credentials/rotate", {"name": "nobody"}), ("/api/v1/credentials/lock", NOBODY),
    ]:  # fmt: skip
        assert "nothing was changed" in str(is_problem(await api.ask("POST", path, "admin", json=body), 404)["detail"])
    for path in ("credentials", "credentials/lock", "credentials/rotate"):
        body = {"username": "x"} if path == "credentials" else {"name": "x"}
        body |= {"reason": "x"} if path.endswith("lock") else {}
        answer = await api.ask("POST", f"/api/v1/customers/nobody/{path}", "admin", json=body)
        assert is_problem(answer, 404)["detail"] == "no customer 'nobody'"


async def test_a_new_credential_sends_at_once_and_its_password_is_told_once(api: Api) -> None:
    answer = await api.ask("POST", "credentials", "admin", json={"username": "acme-shop", "stream": "bulk"})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    made = answer.json()
    assert (made["unrecorded"], made["old_password_until"]) == ("", None)
    talk = await Talk.to(api.gateway.smtp_addresses[0])
    assert (await talk.login("acme-shop", made["password"])).startswith("235 ")
    talk.writer.close()
    shown = (await credentials(api))["acme-shop"]
    assert (shown["made_by"], shown["stream"]) == ("command", "bulk")
    assert made["password"] not in (await api.audit("admin", limit=1000)).text
    again = await api.ask("POST", "credentials", "admin", json={"username": "ACME-shop"})
    assert "is held by customer 'acme'" in str(is_problem(again, 409)["detail"])
    for username in ("a+b", "a/b", "a b"):
        is_problem(await api.ask("POST", "credentials", "admin", json={"username": username}), 422)
    await api.tell("credentials/remove", "admin", name="acme-shop", reason="closed")
    assert "acme-shop" not in await credentials(api)
    answer = await api.ask("POST", "credentials/remove", "admin", json={"name": "acme-app", "reason": "x"})
    assert "stands in the file" in str(is_problem(answer, 409)["detail"])


async def test_both_passwords_hold_after_a_rotation_with_an_overlap_and_one_without(api: Api) -> None:
    async def good(password: str) -> bool:
        talk = await Talk.to(api.gateway.smtp_addresses[0])
        answer = await talk.login("acme-app", password)
        talk.writer.close()
        return answer.startswith("235 ")

    first = await api.tell("credentials/rotate", "admin", name="acme-app")
    assert first["old_password_until"].startswith("2026-11-27T")
    assert [await good(each) for each in ("a right password", first["password"])] == [True, True]
    second = await api.tell("credentials/rotate", "admin", name="acme-app", overlap="0")
    assert second["old_password_until"] is None
    assert [await good(each) for each in (first["password"], second["password"])] == [False, True]
    for overlap, status in (("91d", 422), ("soon", 422), ("-1d", 422)):
        is_problem(
            await api.ask("POST", "credentials/rotate", "admin", json={"name": "acme-app", "overlap": overlap}), status
        )
    answer = await api.ask("POST", "/api/v1/customers/nets/credentials/rotate", "admin", json={"name": "127.0.0.2"})
    assert "has no password" in str(is_problem(answer, 422)["detail"])
    assert [each["target"] for each in api.acts("credentials rotate")] == ["acme-app", "acme-app"]


async def test_of_many_locks_at_once_one_changes_it(api: Api) -> None:
    asked = (api.tell("credentials/lock", "admin", name="acme-app", reason=f"by {n}") for n in range(8))
    assert sum(len(each["changed"]) for each in await asyncio.gather(*asked)) == 1
    assert len(api.acts("credentials lock")) == 1


async def test_what_cannot_be_recorded_holds_is_told_and_no_password_is_lost(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Journal, record: object) -> int:
        raise JournalFull("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append_blocking", full)
        answer = await api.ask("POST", "credentials/lock", "admin", json={"name": "acme-old", "reason": "x"})
        assert str(is_problem(answer, 503)["detail"]).startswith("done")
        made = await api.tell("credentials", "admin", username="acme-shop")
    assert "the disk is full" in made["unrecorded"] and len(made["password"]) == 24
    assert (await credentials(api))["acme-old"]["lock"] is not None
