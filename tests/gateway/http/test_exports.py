"""Exports and proofs over HTTP."""

import asyncio
import csv
import io
import json

import pytest

from gateway.http import exports
from tests.gateway.http.conftest import GENERIC, Api, is_problem, row

BOB = "bob@recipient.example"


async def brought(api: Api, count: int = 3) -> None:
    """Consents of some recipients."""
    content = GENERIC + "".join(row(f"r{n}@recipient.example", ip=f"203.0.113.{n % 250}") for n in range(count))
    answer = await api.ask("POST", "consent/imports", "own", params={"list": "newsletter"}, content=content)
    assert answer.json()["accepted"] == count


async def test_the_export_is_json_in_the_sections_of_the_standard(api: Api) -> None:
    await brought(api)
    await api.tell("consent/withdrawals", address="r1@recipient.example", list="offers")
    answer = await api.ask("GET", "consent/export", "own")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="acme-consents.json"'
    records = answer.json()["records"]
    assert len(records) == 4
    assert {tuple(record) for record in records} == {("header", "processing", "parties", "events")}
    only = (await api.ask("GET", "consent/export", "own", params={"list": "offers"})).json()
    assert [record["processing"]["purposes"][0]["purpose_id"] for record in only["records"]] == ["offers"]


async def test_the_csv_is_safe_in_a_spreadsheet(api: Api) -> None:
    await api.tell("consent/events", address="=cmd@recipient.example", state="given", list="newsletter",
                   user_agent="+1+cmd|' /C calc'!A0", source="@SUM(A1)")  # fmt: skip
    answer = await api.ask("GET", "consent/export", "own", params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    (found,) = csv.DictReader(io.StringIO(answer.text))
    assert found["address"] == "'=cmd@recipient.example"
    assert found["user_agent"].startswith("'+1")
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in found.values())


async def test_an_export_comes_in_pieces_whole(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await brought(api, 1200)
    monkeypatch.setattr(exports, "_PIECE", 1000)
    answers = await asyncio.gather(*(api.ask("GET", "consent/export", who) for who in ("own", "admin")))
    for answer in answers:
        assert len(answer.json()["records"]) == 1200


async def test_no_more_than_two_exports_of_one_customer_run_at_once_and_others_find_room(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await brought(api, 1200)
    monkeypatch.setattr(exports, "_PIECE", 1000)
    going = [
        api.client.stream("GET", "/api/v1/customers/acme/consent/export", headers=api.as_("own")) for _ in range(2)
    ]
    for each in going:
        await each.__aenter__()
    answer = await api.ask("GET", "consent/export", "own")
    assert "exports run already" in str(is_problem(answer, 503)["detail"])
    assert answer.headers["retry-after"]
    assert (await api.ask("GET", "/api/v1/customers/nets/consent/export", "other")).status_code == 200
    for each in going:
        await each.__aexit__(None, None, None)
    for _ in range(1200):
        answer = await api.ask("GET", "consent/export", "own")
        if answer.status_code == 200:
            break
        await asyncio.sleep(0.05)
    assert answer.status_code == 200, "readers that hang up give their place back"


async def test_a_list_that_is_none_is_404(api: Api) -> None:
    problem = is_problem(await api.ask("GET", "consent/export", "own", params={"list": "none"}), 404)
    assert problem["detail"] == "customer 'acme' has no list 'none'"


async def test_exports_and_proofs_stand_in_the_audit_whoever_makes_them(api: Api) -> None:
    await brought(api)
    for who in ("own", "auditor"):
        await api.ask("GET", "consent/export", who, params={"format": "csv"})
        await api.ask("GET", "consent/r1@recipient.example/proof", who)
    assert [act["details"]["format"] for act in api.acts("consent export")] == ["csv", "csv"]
    assert [act["details"]["internal"] for act in api.acts("consent proof")] == [False, True]


async def test_the_proof_is_one_page_that_fetches_nothing(api: Api) -> None:
    await api.tell("notices", id="signup-3", text="I want the <b>newsletter</b>.")
    await api.tell("consent/events", address=BOB, state="given", list="newsletter", ip="203.0.113.7",
                   notice="signup-3", form_url="https://www.acme.example/signup")  # fmt: skip
    answer = await api.ask("GET", f"consent/{BOB}/proof", "own")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for told in (BOB, "203.0.113.7", "I want the &lt;b&gt;newsletter&lt;/b&gt;.", "not witnessed"):
        assert told in answer.text
    assert "<script" not in answer.text


async def test_what_the_operator_alone_may_see_is_not_in_a_customers_export(api: Api) -> None:
    await api.tell("consent/withdrawals", "admin", address=BOB, reason="complaint")
    for format_ in ("json", "csv"):
        parameters = {"format": format_}
        assert "complaint" not in (await api.ask("GET", "consent/export", "own", params=parameters)).text
        assert "complaint" in (await api.ask("GET", "consent/export", "admin", params=parameters)).text
    assert json.loads((await api.ask("GET", "consent/export", "own")).text)["customer"] == "acme"
