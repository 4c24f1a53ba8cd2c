"""The search of the audit over HTTP."""

from typing import Any

from tests.gateway.http.conftest import Api, Client
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
