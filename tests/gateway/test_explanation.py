"""Decisions of a running gateway, explained and replayed."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest_asyncio

from consent.address import Address
from consent.imports.row import DomainName
from consent.model import Reason
from consent.profiles import shipped
from gateway.app import Gateway
from gateway.audit.segments import segment_path
from gateway.consents import By, Stop
from gateway.evidence import Evidence
from gateway.explanation import Explainer
from tests.gateway.http.conftest import Api, Client, serving
from tests.rig.bulk import BULK_CUSTOMERS, campaign, consents, withdraws
from tests.rig.gateway import Clock, decisions

DESK = By("ann@desk", operator=True)
ANN, BOB, CAROL = (f"{name}@recipient.example" for name in ("ann", "bob", "carol"))


@pytest_asyncio.fixture
async def bulk(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path, BULK_CUSTOMERS) as found:
        yield found


async def sent(api: Api, *recipients: str, username: str = "acme-bulk", fields: tuple[str, ...] = ()) -> str:
    """The reference of a campaign that was sent to these people, as far as they may have it."""
    async with Client(api, username) as client:
        reply = await client.command("MAIL FROM:<news@acme.example>")
        taken = False
        for address in recipients:
            reply = await client.command(f"RCPT TO:<{address}>")
            taken = taken or reply.startswith("250")
        if taken:
            reply = await client.data(campaign(recipients[0], fields=fields).removesuffix(b".\r\n"))
        return reply.split("ref ")[1].split(";")[0]


def explained(gateway: Gateway, reference: str, *, inward: bool = True) -> dict[str, Any]:
    explainer = Explainer(gateway.evidence, gateway.stores, shipped(), gateway.policy.digest, gateway.version)
    found = explainer.explain(reference, inward=inward)
    assert found is not None
    json.dumps(found)
    return found


def later(gateway: Gateway, **by: float) -> None:
    assert isinstance(gateway.clock, Clock)
    gateway.clock.now += timedelta(**by)


async def stop(gateway: Gateway, subject: Address | DomainName, reason: Reason, customer: str | None = None) -> None:
    entry = gateway.directory.get(customer) if customer else None
    await asyncio.to_thread(gateway.consents.suppress, entry.customer if entry else None, Stop(subject, reason), DESK)


async def test_all_decisions_of_a_message_are_shown_and_replayed_whatever_came_after(bulk: Api) -> None:
    gateway = bulk.gateway
    await consents(gateway, ANN, BOB, CAROL)
    await withdraws(gateway, BOB)
    await stop(gateway, Address.parse(CAROL), Reason.LEGAL)
    later(gateway, minutes=5)
    reference = await sent(bulk, ANN, BOB, CAROL, "nobody@recipient.example")

    def looked_at() -> dict[str, Any]:
        found = explained(gateway, reference)
        assert (found["replay"], found["customer"]) == ("same", "acme")
        assert [each["phase"] for each in found["decisions"]] == ["rcpt", "rcpt", "rcpt", "data"]
        assert not any(each["differences"] for each in found["decisions"])
        decided = [each["decided"] for decision in found["decisions"] for each in decision["recipients"]]
        assert [each.get("refused") for each in decided] == ["WITHDRAWN", "PROVIDER-BLOCK", "NO-CONSENT", None]
        return found

    await bulk.hop.until(lambda: bool(decisions(gateway)[-1]["outcome"]))
    found = looked_at()
    left, blocked, nobody, last = found["decisions"]
    (finding,) = left["findings"]
    assert (finding["code"], finding["clause"]) == ("WITHDRAWN", "MOD-2.1k")
    assert finding["clause_text"] == "whoever leaves a mailing list must be removed from it"
    assert finding["reason"] == "Recipient unsubscribed; do not retry"
    assert finding["fix"].startswith("Take the address off")
    assert left["recipients"][0]["events"][0]["by"] == "token:1"
    assert blocked["recipients"][0]["events"][0]["by"] == "ann@desk"
    assert nobody["recipients"][0]["events"] == []
    assert (last["class"], last["basis"], last["mailing"]["list"]) == ("C4", "stream bulk", "spring")
    assert last["mailing"]["at"] == "2026-11-20T10:05:00+00:00"
    assert last["outcome"]["reply"]
    event = last["recipients"][0]["event"]
    assert (event["grade"], event["method"], event["by"]) == ("E2", "web_form", "token:1")
    assert event["notice"] == {"id": "signup-3", "text": None}

    later(gateway, hours=1)
    await consents(gateway, BOB, "nobody@recipient.example")
    await withdraws(gateway, ANN, name=None, reason=Reason.COMPLAINT)
    await stop(gateway, DomainName("recipient.example"), Reason.SPAMTRAP)
    assert looked_at()["decisions"] == found["decisions"]


async def test_where_a_rule_refuses_the_message_each_recipient_stands_as_at_its_rcpt(bulk: Api) -> None:
    gateway = bulk.gateway
    await consents(gateway, ANN, BOB)
    later(gateway, minutes=5)
    async with Client(bulk, "acme-bulk") as client:
        await client.command("MAIL FROM:<news@acme.example>")
        assert (await client.command(f"RCPT TO:<{ANN}>")).startswith("250")
        later(gateway, minutes=2)
        await withdraws(gateway, ANN)
        later(gateway, minutes=2)
        assert (await client.command(f"RCPT TO:<{BOB}>")).startswith("250")
        wrong = campaign(ANN, fields=("List-Id: <spring.other.example>",)).removesuffix(b".\r\n")
        reply = await client.data(wrong)
    assert reply.startswith("550")
    found = explained(gateway, reply.split("ref ")[1])
    assert found["replay"] == "same"
    (decision,) = found["decisions"]
    assert [each["decided"].get("ground") for each in decision["recipients"]] == ["express", "express"]
    assert [each["at"][11:16] for each in decision["recipients"]] == ["10:05", "10:09"]


async def test_erased_people_are_replayed_by_what_is_left(bulk: Api) -> None:
    gateway = bulk.gateway
    await consents(gateway, ANN, BOB)
    await stop(gateway, DomainName("shut.example"), Reason.MANUAL, "acme")
    later(gateway, minutes=5)
    allowed, stopped = await sent(bulk, ANN, BOB), await sent(bulk, "x@shut.example")
    later(gateway, minutes=5)
    entry = gateway.directory.get("acme")
    assert entry is not None
    for address in (ANN, "x@shut.example"):
        await asyncio.to_thread(gateway.consents.erase, entry.customer, Address.parse(address), DESK)
    found = explained(gateway, allowed)
    assert found["replay"] == "same"
    ann, bob = found["decisions"][0]["recipients"]
    assert (ann["address"], bob["address"]) == ("(erased)", BOB)
    assert ann["decided"] == {"ground": "express", "event": 1, "grade": "E2"}
    assert ann["event"]["method"] == "web_form"
    assert "erased at 2026-11-20T10:10:00" in ann["notes"][0]
    assert "domain" in ann["notes"][1]
    assert "notes" not in bob
    found = explained(gateway, stopped)
    assert (found["replay"], found["decisions"][0]["differences"]) == ("unknown", [])


async def test_an_event_of_the_same_seconds_is_named_where_it_makes_the_difference(bulk: Api) -> None:
    gateway = bulk.gateway
    await consents(gateway, ANN)
    reference = await sent(bulk, ANN)
    await withdraws(gateway, ANN)  # the clock stands: it bears the decision's own time
    found = explained(gateway, reference)
    assert found["replay"] == "same"
    (recipient,) = found["decisions"][0]["recipients"]
    assert "event 2 (withdrawn) was recorded at 2026-11-20T10:00:00" in recipient["notes"][0]
    assert "notes" not in explained(gateway, reference, inward=False)["decisions"][0]["recipients"][0]


async def test_what_does_not_replay_is_named(bulk: Api, tmp_path: Path) -> None:
    gateway = bulk.gateway
    await consents(gateway, ANN)
    later(gateway, minutes=5)
    reference = await sent(bulk, ANN, BOB)
    settings = gateway.settings.model_copy(update={"data_dir": tmp_path / "copy"})

    def with_changed(before: str, after: str) -> dict[str, Any]:
        shutil.copytree(gateway.settings.data_dir / "audit", settings.data_dir / "audit")
        place = segment_path(settings.data_dir / "audit" / "gateway", 1)
        kept = place.read_text()
        assert before in kept
        place.write_text(kept.replace(before, after))
        evidence = Evidence(settings, gateway.stores, gateway.clock)
        found = Explainer(evidence, gateway.stores, shipped(), "", "").explain(reference)
        shutil.rmtree(settings.data_dir)
        assert found is not None
        return found

    found = with_changed('"refused":"NO-CONSENT"', '"refused":"SCOPE"')
    assert found["replay"] == "differs"
    assert found["decisions"][0]["differences"] == [
        f"recipient 1, {BOB}: on record refused SCOPE (NO-CONSENT); replayed refused NO-CONSENT (NO-CONSENT)"
    ]
    assert found["decisions"][1]["replay"] == "same"
    found = with_changed('"event":1,"grade":"E2"', '"event":1,"grade":"E4"')
    assert found["decisions"][1]["differences"][0].endswith("replayed allowed: express, event 1, E2")
    found = with_changed('"action":"reject"', '"action":"observe"')
    assert found["decisions"][0]["differences"] == ["verdict: on record reject; the findings come to accept"]
    found = with_changed('"required":"E2"', '"required":"E9"')
    assert "run postern audit verify" in found["decisions"][1]["differences"][0]
    accepted = '{"ground":"express","event":1,"grade":"E2"}'
    found = with_changed(accepted, '{"refused":"NO-CONSENT","reasons":["NO-CONSENT"]}')
    assert found["decisions"][1]["differences"][0].endswith("yet the message went to them")
    assert explained(gateway, reference)["replay"] == "same"


async def test_nothing_is_refused_in_mode_observe_and_that_replays_too(tmp_path: Path) -> None:
    customers = [{**BULK_CUSTOMERS[0], "mode": "observe"}, *BULK_CUSTOMERS[1:]]
    async with serving(tmp_path, customers) as api:
        reference = await sent(api, BOB, fields=("List-Id: <spring.other.example>",))
        found = explained(api.gateway, reference)
        (decision,) = found["decisions"]
        assert (found["replay"], decision["verdict"], decision["mode"]) == ("same", "accept", "observe")
        assert len(decision["findings"]) >= 2
        assert decision["recipients"][0]["decided"]["refused"] == "NO-CONSENT"


async def test_a_refusal_of_the_next_hop_and_one_at_mail_replay(bulk: Api) -> None:
    gateway = bulk.gateway
    bulk.hop.on("RCPT", "450 4.2.1 Mailbox is busy")
    async with Client(bulk) as client:
        await client.command("MAIL FROM:<ann@acme.example>")
        busy = await client.command(f"RCPT TO:<{BOB}>")
        await client.command("RSET")
        wrong = await client.command("MAIL FROM:<eve@evil.example>")
    for reply, phase, verdict in ((busy, "rcpt", "defer"), (wrong, "mail", "reject")):
        found = explained(gateway, reply.split("ref ")[1].split(";")[0])
        (decision,) = found["decisions"]
        assert (found["replay"], decision["phase"], decision["verdict"]) == ("same", phase, verdict)
        assert all(each["decided"] is None for each in decision["recipients"])


async def test_a_reference_is_found_with_its_check_and_not_at_another_customers(bulk: Api) -> None:
    gateway = bulk.gateway
    await consents(gateway, ANN)
    reference = await sent(bulk, ANN)
    assert explained(gateway, f"{reference}-abcdef")["reference"] == reference
    explainer = Explainer(gateway.evidence, gateway.stores, shipped(), "", "")
    assert explainer.explain(reference, "nets") is None
    assert explainer.explain("no-such-reference") is None
    assert explainer.explain("01M7XYQZHPTJEZ59VDFWJZ0PGQ") is None
