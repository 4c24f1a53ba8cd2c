"""The search of the audit over HTTP, and what each role may learn from it."""

import asyncio
import json
from typing import Any

from consent.address import Address
from consent.imports.row import DomainName
from consent.model import Reason
from gateway.consents import By, Stop
from tests.gateway.http.conftest import Api, Client, is_problem
from tests.rig.bulk import campaign, consents, withdraws
from tests.rig.gateway import decisions

ACME = "/api/v1/customers/acme"


async def test_a_customer_finds_its_own_decisions_and_no_others(api: Api) -> None:
    async with Client(api) as client:
        assert (await client.send()).startswith("250")
        await client.command("MAIL FROM:<eve@evil.example>")
    await api.post(f"{ACME}/suspend", "admin", reason="a matter of the operator")
    own = (await api.audit("own")).json()["records"]
    assert {record["kind"] for record in own} == {"decision"}
    assert {record["customer"] for record in own} == {"acme"}
    assert len(own) == 2
    assert own == (await api.audit("own", customer="acme")).json()["records"]
    assert (await api.audit("other")).json() == {"records": [], "more": False}
    assert "a matter of the operator" not in (await api.audit("own")).text
    everything = (await api.audit("auditor")).json()["records"]
    assert {"decision", "outcome", "action", "start"} <= {record["kind"] for record in everything}


async def test_a_customer_cannot_tell_another_from_one_that_is_not(api: Api) -> None:
    async with Client(api) as client:
        reference = (await client.send()).split("ref ")[1].split(";")[0]
    assert len((await api.audit("own", reference=reference)).json()["records"]) == 1
    empty = {"records": [], "more": False}
    for parameters in (
        {"customer": "acme"},
        {"customer": "nobody"},
        {"reference": reference},
        {"reference": "01M7XYQZHPTJEZ59VDFWJZ0PGQ"},
        {"sender": "ann@acme.example"},
        {"recipient": "bob@recipient.example"},
        {"credential": "acme-app"},
        {"kind": "action"},
    ):
        assert (await api.audit("other", **parameters)).json() == empty
    for act in ("suspend", "resume"):
        texts = {(await api.post(f"/api/v1/customers/{who}/{act}", "other", reason="x")).text
                 for who in ("acme", "nets", "nobody")}  # fmt: skip
        assert len(texts) == 1


async def test_the_audit_is_searched_by_all_that_is_given(api: Api) -> None:
    async with Client(api) as client:
        await client.send()
        await client.send(recipient="carol@recipient.example")
        await client.command("MAIL FROM:<eve@evil.example>")
    first, second, refused = decisions(api.gateway, customer="acme")

    async def references(**parameters: str | int) -> list[str]:
        page = (await api.audit("auditor", kind="decision", **parameters)).json()
        return [record["reference"] for record in page["records"]][::-1]

    both = [first["reference"], second["reference"]]
    everything = [*both, refused["reference"]]
    assert await references() == everything
    assert await references(recipient="CAROL@recipient.example") == both[1:]
    assert await references(sender="ann@acme.example") == both
    assert await references(credential="acme-app", verdict="accept") == both
    assert await references(rule="ID-REVERSE-PATH") == everything[2:]
    assert await references(verdict="reject", customer="nets") == []
    assert await references(reference=both[0]) == both[:1]
    assert await references(since="2026-11-20T10:00:00Z") == everything
    assert await references(since="2026-11-20T11:00:00.000001+01:00") == []
    assert await references(until="2026-11-20T10:00:00Z") == []
    page = (await api.audit("auditor", kind="decision", limit=2)).json()
    assert (len(page["records"]), page["more"]) == (2, True)
    assert (await api.audit("auditor", kind="decision", limit=3)).json()["more"] is False


async def test_findings_are_counted_and_a_customer_sees_its_own(api: Api) -> None:
    async with Client(api) as client:
        await client.send()
        await client.command("MAIL FROM:<eve@evil.example>")

    async def counted(who: str, **parameters: str | int) -> Any:
        headers = api.as_(who)
        return (await api.client.get("/api/v1/audit/findings", params=parameters, headers=headers)).json()

    found = await counted("auditor")
    assert found["customers"] == [{"customer": "acme", "messages": 2, "refused": 1, "if_enforced": 0}]
    (row,) = found["findings"]
    assert (row["rule"], row["found"], row["refused"], row["if_rejecting"], row["share"]) == (
        "ID-REVERSE-PATH", 1, 1, 0, 0.0,
    )  # fmt: skip
    assert found["more"] is False
    assert await counted("own") == await counted("own", customer="acme") == found
    empty = {"customers": [], "findings": [], "more": False}
    assert await counted("other") == await counted("other", customer="acme") == empty
    assert await counted("auditor", until="2026-11-20T10:00:00Z") == empty
    assert (await counted("auditor", rule="ID-FROM"))["findings"] == []
    assert "ID-FROM" in (await counted("auditor", rule="ID-FORM"))["detail"]


BOB = "bob@recipient.example"
LEFT, COMPLAINED, BLOCKED = (f"{name}@recipient.example" for name in ("left", "moaned", "blocked"))


async def _refusals(api: Api) -> dict[str, str]:
    """People who may not be written to, each for a reason of their own; address -> reference."""
    gateway = api.gateway
    people = (LEFT, COMPLAINED, BLOCKED, BOB, "x@trap.example")
    await consents(gateway, *people)
    await withdraws(gateway, LEFT)
    await withdraws(gateway, COMPLAINED, reason=Reason.COMPLAINT)
    desk = By("ann@desk", operator=True)
    for subject, reason in ((Address.parse(BLOCKED), Reason.LEGAL), (DomainName("trap.example"), Reason.SPAMTRAP)):
        await asyncio.to_thread(gateway.consents.suppress, None, Stop(subject, reason), desk)
    references = {}
    async with Client(api, "acme-bulk") as client:
        for address in people:
            await client.command("MAIL FROM:<news@acme.example>")
            reply = await client.command(f"RCPT TO:<{address}>")
            await client.command("RSET")
            references[address] = reply.split("ref ")[1].split(";")[0]
    return references


async def test_a_customer_never_learns_why_a_person_withdrew_nor_what_the_operator_holds(bulk: Api) -> None:
    references = await _refusals(bulk)

    async def seen(who: str, address: str) -> tuple[dict[str, Any], dict[str, Any]]:
        (record,) = (await bulk.audit(who, reference=references[address])).json()["records"]
        path = f"/api/v1/audit/decisions/{references[address]}/explanation"
        answer = await bulk.ask("GET", path, who)
        assert answer.status_code == 200
        return record, answer.json()

    blanked = []
    for address in (LEFT, COMPLAINED):
        record, explanation = await seen("own", address)
        assert record["grounds"] == [{"refused": "WITHDRAWN"}]
        text = json.dumps([record, explanation])
        # One is as the other but for what every two decisions differ in.
        port, number = f'"port": {record["client"]["port"]}', f'"n": {record["n"]}'
        for value in (record["reference"], address, port, number):
            text = text.replace(value, "…")
        blanked.append(text)
    assert blanked[0] == blanked[1]
    for address in (BLOCKED, "x@trap.example"):
        record, explanation = await seen("own", address)
        assert record["grounds"] == [{"refused": "PROVIDER-BLOCK"}]
        text = json.dumps([record, explanation])
        assert not any(word in text for word in ("legal", "spamtrap", "suppressed", "ann@desk", "event "))
    everything = (await bulk.audit("own")).text
    assert not any(word in everything.lower() for word in ("complaint", "spamtrap", "legal", "reasons", '"hash"'))

    for who in ("auditor", "admin"):
        for address, refused, reason in (
            (LEFT, "WITHDRAWN", "unsubscribe"),
            (COMPLAINED, "COMPLAINT", "complaint"),
            (BLOCKED, "PROVIDER-BLOCK", "legal"),
            ("x@trap.example", "PROVIDER-BLOCK", "spamtrap"),
        ):
            record, explanation = await seen(who, address)
            (ground,) = record["grounds"]
            assert ground["refused"] == refused
            assert reason in ground["reasons"][0]
            assert record["hash"]
            ((recipient,),) = (each["recipients"] for each in explanation["decisions"])
            assert recipient["events"][0]["reason"] == reason


async def test_a_complaint_is_found_by_no_search_of_a_customer(bulk: Api) -> None:
    references = await _refusals(bulk)

    async def found(who: str, **asked: str) -> list[str]:
        return [each["reference"] for each in (await bulk.audit(who, **asked)).json()["records"]][::-1]

    both = [references[LEFT], references[COMPLAINED]]
    for who in ("own", "auditor"):
        assert await found(who, rule="WITHDRAWN") == both
        assert await found(who, rule="COMPLAINT") == []
        assert len(await found(who, rule="PROVIDER-BLOCK", list="spring")) == 2
        assert await found(who, **{"class": "bulk"}, kind="decision") == list(references.values())
        assert await found(who, **{"class": "personal"}) == await found(who, list="autumn") == []


async def test_an_explanation_is_for_those_whose_message_it_is(bulk: Api) -> None:
    await consents(bulk.gateway, BOB)
    notice = {"id": "signup-3", "text": "Yes, send me the spring offers.", "language": "en"}
    await bulk.tell("notices", **notice)
    async with Client(bulk, "acme-bulk") as client:
        await client.command("MAIL FROM:<news@acme.example>")
        await client.command(f"RCPT TO:<{BOB}>")
        reply = await client.data(campaign(BOB).removesuffix(b".\r\n"))
    reference = reply.split("ref ")[1].split(";")[0]
    path = f"/api/v1/audit/decisions/{reference}/explanation"
    for who in ("own", "auditor", "admin"):
        answer = (await bulk.ask("GET", path, who)).json()
        assert (answer["reference"], answer["customer"], answer["replay"]) == (reference, "acme", "same")
        assert answer["policy_now"] == bulk.gateway.policy.digest
        (decision,) = answer["decisions"]
        assert (decision["class"], decision["policy"]) == ("C4", answer["policy_now"])
        (recipient,) = decision["recipients"]
        assert recipient["decided"] == {"ground": "express", "event": 1, "grade": "E2"}
        assert recipient["event"]["notice"]["text"] == notice["text"]
        assert decision["outcome"]["outcome"] == "accepted"
        assert ("hash" in decision) is (who != "own")
    told = []
    for asked in (reference, "01M7XYQZHPTJEZ59VDFWJZ0PGQ"):
        problem = is_problem(await bulk.ask("GET", path.replace(reference, asked), "other"), 404)
        told.append(str(problem["detail"]).replace(asked, "…"))
    assert told[0] == told[1]
    is_problem(await bulk.ask("GET", path, "none"), 401)
    is_problem(await bulk.ask("GET", path.replace(reference, "a'b"), "admin"), 422)
