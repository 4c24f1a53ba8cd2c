"""What is told of one address over HTTP, and what is answered about it."""

import json
import logging
from datetime import timedelta
from typing import Any

import pytest

from consent.database import RegistryDown
from consent.store import ConsentStore
from gateway.audit.errors import JournalFull
from gateway.audit.journal import Journal
from gateway.audit.record import Act
from gateway.audit.search import Query
from tests.gateway.http.conftest import GENERIC, Api, is_problem, row
from tests.rig.gateway import Clock

BOB = "bob@recipient.example"
OPT_IN: dict[str, Any] = {
    "address": BOB,
    "state": "given",
    "list": "newsletter",
    "form_url": "https://www.acme.example/signup",
    "ip": "203.0.113.7",
    "notice": "signup-3",
}


def later(api: Api, **time: float) -> None:
    """Move the gateway's clock."""
    assert isinstance(api.gateway.clock, Clock)
    api.gateway.clock.now += timedelta(**time)


async def test_an_opt_in_with_its_evidence_lets_mail_go(api: Api) -> None:
    assert await api.allowed(BOB) == "NO-CONSENT"
    told = await api.tell("consent/events", **OPT_IN)
    assert (told["new"], told["grade"], told["live"], told["list"], told["party"]) == (
        True, "E2", True, "newsletter", "acme",
    )  # fmt: skip
    assert told["batch"]["number"] == 1
    assert await api.allowed(BOB) is None
    assert await api.allowed(BOB, "another") == "SCOPE"


@pytest.mark.parametrize(
    ("left_out", "grade"),
    [((), "E2"), (("ip",), "E1"), (("notice",), "E1"), (("form_url",), "E0"), (("form_url", "ip", "notice"), "E0")],
)
async def test_the_grade_is_what_the_evidence_reaches(api: Api, left_out: tuple[str, ...], grade: str) -> None:
    told = await api.tell("consent/events", **{name: value for name, value in OPT_IN.items() if name not in left_out})
    assert told["grade"] == grade
    assert (await api.allowed(BOB) is None) == (grade == "E2")


async def test_a_confirmation_that_a_customer_tells_of_is_no_more_than_e2(api: Api) -> None:
    told = await api.tell("consent/events", **OPT_IN | {"state": "confirmed", "method": "coi"})
    assert told["grade"] == "E2"


async def test_a_request_alone_is_unconfirmed(api: Api) -> None:
    told = await api.tell("consent/events", **OPT_IN | {"state": "requested"})
    assert told["grade"] is None
    assert await api.allowed(BOB) == "UNCONFIRMED"


@pytest.mark.parametrize(
    ("at", "live"),
    [
        ("2026-11-20T09:45:00Z", True),
        ("2026-11-20T09:44:59.999999Z", False),
        ("2026-11-20T11:50:00+02:00", True),
        ("2026-11-20T10:15:00Z", True),
    ],
)
async def test_an_event_is_live_within_fifteen_minutes(api: Api, at: str, live: bool) -> None:
    assert (await api.tell("consent/events", **OPT_IN, at=at))["live"] == live


async def test_an_event_that_is_yet_to_come_is_refused(api: Api) -> None:
    answer = await api.ask("POST", "consent/events", "own", json=OPT_IN | {"at": "2026-11-20T10:15:01Z"})
    assert str(is_problem(answer, 422)["detail"]).startswith("at: lies in the future")


async def test_what_was_told_already_is_known(api: Api) -> None:
    first = await api.tell("consent/events", **OPT_IN, at="2026-11-20T09:50:00Z")
    again = await api.tell("consent/events", **OPT_IN, at="2026-11-20T09:50:00Z")
    assert (first["new"], again["new"], again["id"], again["batch"]) == (True, False, None, None)


async def test_a_pre_ticked_notice_is_never_a_ground(api: Api) -> None:
    await api.tell("notices", id="signup-3", text="I want the newsletter.", default_checked=True)
    await api.tell("consent/events", **OPT_IN)
    assert await api.allowed(BOB) == "CONSENT-INVALID"


async def test_a_withdrawal_holds_at_once_and_no_opt_in_or_import_lifts_it(api: Api) -> None:
    await api.tell("consent/events", **OPT_IN)
    told = await api.tell("consent/withdrawals", address=BOB, list="newsletter", reason="web")
    assert (told["state"], told["reason"], told["list"], told["new"]) == ("withdrawn", "web", "newsletter", True)
    assert await api.allowed(BOB) == "WITHDRAWN"
    later(api, minutes=1)
    await api.tell("consent/events", **OPT_IN)
    assert await api.allowed(BOB) == "WITHDRAWN"
    await api.ask("POST", "consent/imports", "own", params={"list": "newsletter"}, content=GENERIC + row(BOB))
    assert await api.allowed(BOB) == "WITHDRAWN"


async def test_a_withdrawal_without_a_list_is_of_everything(api: Api) -> None:
    for name in ("newsletter", "offers"):
        await api.tell("consent/events", **OPT_IN | {"list": name})
    told = await api.tell("consent/withdrawals", address=BOB.upper())
    assert (told["list"], told["party"]) == (None, None)
    assert [await api.allowed(BOB, name) for name in ("newsletter", "offers", "new")] == ["WITHDRAWN"] * 3
    other = api.as_("other")
    answer = await api.client.post(
        "/api/v1/customers/nets/check", json={"list": "newsletter", "addresses": [BOB]}, headers=other
    )
    assert answer.json()["results"][0]["reason"] == "NO-CONSENT"


async def test_a_reason_in_words_is_kept_sealed(api: Api) -> None:
    words = "asked Ann at the till in Exampletown"
    told = await api.tell("consent/withdrawals", address=BOB, reason=words)
    assert told["reason"] == "unsubscribe"
    shown = (await api.ask("GET", f"consent/{BOB}", "own")).json()["records"]
    assert shown[0]["events"][0]["personal"]["reason"] == words
    audit = b"".join(path.read_bytes() for path in (api.gateway.settings.data_dir / "audit").rglob("*.jsonl"))
    assert b"till" not in audit
    assert b"bob@" not in audit
    problem = is_problem(
        await api.ask("POST", "consent/withdrawals", "own", json={"address": BOB, "reason": "spamtrap"}), 422
    )
    assert str(problem["detail"]).startswith("reason: ")


async def test_a_withdrawal_is_in_the_audit_before_the_registry(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Journal, record: object) -> int:
        raise JournalFull("the disk is full")

    await api.tell("consent/events", **OPT_IN)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append_blocking", full)
        problem = is_problem(await api.ask("POST", "consent/withdrawals", "own", json={"address": BOB}), 503)
    assert str(problem["detail"]).startswith("nothing was changed: the audit cannot record it")
    assert await api.allowed(BOB) is None
    await api.tell("consent/withdrawals", address=BOB)
    await api.gateway.journal.append(Act("test", "wait for the group"))
    found = list(api.gateway.evidence.search(Query(kind="withdrawal", customer="acme")))
    assert [item["event"]["state"] for record in found for item in record["items"]] == ["withdrawn"]


async def test_the_operators_acts_are_in_the_audit_and_customers_are_not(api: Api) -> None:
    await api.tell("consent/withdrawals", "own", address=BOB)
    await api.tell("consent/withdrawals", "admin", address="ann@recipient.example", reason="legal", list="newsletter")
    await api.tell("consent/events", "admin", **OPT_IN)
    (act,) = api.acts("consent withdraw")
    assert act["actor"] == f"token:{api.tokens['admin'].split('_')[1]}"
    assert (act["customer"], act["target"], act["reason"]) == ("acme", "ann@recipient.example", "legal")
    assert act["details"] == {"event": 2, "list": "newsletter", "code": "legal"}
    assert len(api.acts("consent given")) == 1


async def test_an_act_that_cannot_be_recorded_is_told_as_done(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Journal, record: object) -> int:
        raise JournalFull("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append_blocking", full)
        problem = is_problem(await api.ask("POST", "consent/events", "admin", json=OPT_IN), 503)
    assert str(problem["detail"]).startswith("done; but the audit could not record it: the disk is full")
    assert await api.allowed(BOB) is None
    await api.gateway.journal.append(Act("test", "wait for the group"))
    assert len(api.acts("consent given")) == 1


async def test_a_complaint_raises_the_grade_of_its_list_and_is_not_told_to_the_customer(api: Api) -> None:
    await api.tell("consent/events", **OPT_IN)
    await api.tell("consent/events", **OPT_IN | {"address": "ann@recipient.example"})
    await api.tell(
        "consent/withdrawals", "admin", address="ann@recipient.example", list="newsletter", reason="complaint"
    )
    assert await api.allowed("ann@recipient.example", who="own") == "WITHDRAWN"
    assert await api.allowed("ann@recipient.example", who="admin") == "COMPLAINT"
    shown = await api.ask("GET", "consent/ann@recipient.example", "own")
    assert "complaint" not in shown.text.casefold()
    assert "complaint" in (await api.ask("GET", "consent/ann@recipient.example", "auditor")).text
    assert await api.allowed(BOB) == "EVIDENCE-LOW"
    listed = (await api.ask("GET", "lists/newsletter", "own")).json()
    assert (listed["required"], listed["complaint"] is not None) == ("E3", True)
    lowered = (await api.ask("POST", "lists/newsletter/lower", "admin", json={"reason": "form mended"})).json()
    assert (lowered["required"], lowered["complaint"]) == ("E2", None)
    assert await api.allowed(BOB) is None
    assert [act["reason"] for act in api.acts("lists lower")] == ["form mended"]


async def test_a_complaint_that_the_customer_told_of_is_shown_to_it(api: Api) -> None:
    await api.tell("consent/withdrawals", address=BOB, reason="complaint")
    assert await api.allowed(BOB) == "COMPLAINT"


async def test_a_look_up_answers_for_each_list_with_its_proof(api: Api) -> None:
    await api.tell("notices", id="signup-3", text="I want the newsletter.", language="en")
    await api.tell("consent/events", **OPT_IN, at="2026-11-20T11:55:00+02:00")
    await api.tell("consent/withdrawals", address=BOB, list="offers")
    found = (await api.ask("GET", "consent/Bob%40recipient.example", "own")).json()
    assert (found["address"], found["customer"], found["more_lists"]) == ("Bob@recipient.example", "acme", False)
    answers = {each["list"]: (each["allowed"], each["reason"]) for each in found["lists"]}
    assert answers == {"newsletter": (True, None), "offers": (False, "WITHDRAWN")}
    (newsletter,) = [each for each in found["lists"] if each["list"] == "newsletter"]
    assert newsletter["ground"] == {"kind": "express", "id": 1, "at": "2026-11-20T09:55:00Z", "grade": "E2"}
    events = [event for record in found["records"] for event in record["events"]]
    assert [event["state"] for event in events] == ["given", "withdrawn"]
    assert events[0]["personal"]["ip"] == "203.0.113.7"
    assert events[0]["event_time_zone"] == "+02:00"
    assert found["records"][0]["processing"]["privacy_notices"][0]["text"] == "I want the newsletter."
    only = (await api.ask("GET", f"consent/{BOB}", "own", params={"list": "offers"})).json()
    assert [each["list"] for each in only["lists"]] == ["offers"]


async def test_the_ordered_reasons_are_not_for_customers(api: Api) -> None:
    await api.tell("/api/v1/suppressions", "admin", address=BOB, reason="spamtrap", note="trap of a feed")
    for who, told in (("own", False), ("admin", True), ("auditor", True)):
        found = await api.ask("GET", f"consent/{BOB}", who, params={"list": "newsletter"})
        (answer,) = found.json()["lists"]
        assert answer["reason"] == "PROVIDER-BLOCK"
        assert bool(answer["reasons"]) == told
        if not told:
            assert "spamtrap" not in found.text


async def test_an_address_may_hold_a_slash(api: Api) -> None:
    address = "sales/eu@recipient.example"
    await api.tell("consent/events", **OPT_IN | {"address": address})
    for path in (address, "sales%2Feu%40recipient.example"):
        found = (await api.ask("GET", f"consent/{path}", "own")).json()
        assert found["lists"][0]["allowed"]
    assert (await api.ask("GET", f"consent/{address}/proof", "own")).headers["content-type"].startswith("text/html")
    is_problem(await api.ask("GET", "consent/nobody", "own"), 422)


async def test_erasure_leaves_a_tombstone_and_destroys_the_audits_key(api: Api) -> None:
    await api.tell("consent/events", "admin", **OPT_IN)
    assert await api.tell("consent/erasures", address=BOB) == {"address": BOB, "erased": True}
    assert await api.allowed(BOB) == "WITHDRAWN"
    shown = await api.ask("GET", f"consent/{BOB}", "own")
    assert "203.0.113.7" not in shown.text
    assert [event["erased"] for record in shown.json()["records"] for event in record["events"]][:1] == [True]
    (act,) = api.acts("consent given")
    assert act["target"] == "(erased)"
    assert (await api.tell("consent/erasures", address=BOB))["erased"] is False
    later(api, minutes=1)
    assert (await api.tell("consent/events", **OPT_IN))["new"]
    assert await api.allowed(BOB) == "WITHDRAWN"


async def test_the_audits_key_stays_while_another_customer_has_the_person_on_file(api: Api) -> None:
    await api.tell("consent/events", "admin", **OPT_IN)
    await api.tell("/api/v1/customers/nets/consent/events", "other", **OPT_IN)
    await api.tell("consent/erasures", "own", address=BOB)
    assert api.acts("consent given")[0]["target"] == BOB
    await api.tell("/api/v1/customers/nets/consent/erasures", "other", address=BOB)
    assert api.acts("consent given")[0]["target"] == "(erased)"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"address": "nobody"}, "address: "),
        ({"state": "given", "list": None}, "list: required"),
        ({"list": "NO"}, "list: "),
        ({"at": "2026-11-20T10:00:00"}, "at: "),
        ({"at": "9999-12-31T23:59:59-14:00"}, "at: "),
        ({"ip": "203.0.113"}, "ip: "),
        ({"until": "2026-11-20T09:00:00Z"}, "until: "),
        ({"source": "purchased list"}, "source: "),
        ({"source": "\x00"}, "source: "),
        ({"user_agent": "\ud800"}, "user_agent: "),
        ({"country": "Germany"}, "country: "),
        ({"language": "-"}, "language: "),
        ({"more": 1}, "more: "),
    ],
)
async def test_what_is_wrong_with_an_event_is_named(api: Api, body: dict[str, Any], named: str) -> None:
    content, kind = json.dumps(OPT_IN | body), {"Content-Type": "application/json"}
    answer = await api.ask("POST", "consent/events", "own", content=content, headers=kind)
    detail = str(is_problem(answer, 422)["detail"])
    assert detail.startswith(named)
    assert "nobody" not in detail


async def test_no_address_is_logged_even_when_the_registry_fails(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(self: ConsentStore, *args: object) -> None:
        raise RegistryDown("registry: connection refused")

    caplog.set_level(logging.DEBUG)
    await api.tell("consent/events", **OPT_IN)
    with monkeypatch.context() as patch:
        patch.setattr(ConsentStore, "known", down)
        problem = is_problem(await api.ask("GET", f"consent/{BOB}", "own"), 503)
    assert problem["detail"] == "the registry does not answer; try again later"
    records = [record for record in caplog.records if not record.name.startswith(("http", "asyncio"))]
    written = "\n".join(record.getMessage() for record in records)
    assert "consent/{address" in written
    assert "bob" not in written
    assert "recipient.example" not in written
    assert not any(token in written for token in api.tokens.values())
