"""Unsubscribe links over HTTP: made for a mail program, and good for what they were made for."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from gateway.audit.errors import JournalFull
from gateway.audit.journal import Journal
from gateway.http.rates import Rates
from tests.gateway.http.conftest import Api, is_problem
from tests.rig.gateway import running
from tests.rig.unsubscribing import CONSENT

BOB, ANN = "bob@recipient.example", "Ann@Recipient.example"
SETTINGS = {"http": {"address": "127.0.0.1:0", "public_url": "https://unsubscribe.example"}}


@pytest_asyncio.fixture
async def linked(tmp_path: Path) -> AsyncIterator[Api]:
    """A gateway that knows its public URL, and the list `newsletter` of acme."""
    async with running(tmp_path, settings=SETTINGS) as (gateway, hop, _):
        async with httpx.AsyncClient(base_url=f"http://{gateway.http_address}", timeout=300) as client:
            found = Api(gateway, hop, client)
            for name, role, customer in (("own", "customer", "acme"), ("other", "customer", "nets"),
                                         ("auditor", "auditor", None)):  # fmt: skip
                _, found.tokens[name] = gateway.stores.tokens.create(role, customer, gateway.clock())
            await found.tell("consent/events", **CONSENT)
            yield found


async def test_each_recipient_has_a_link_that_leads_to_its_own_page(linked: Api) -> None:
    answer = await linked.tell("unsubscribe-links", addresses=[ANN, BOB], list="newsletter")
    assert [each["address"] for each in answer["links"]] == [ANN, BOB]
    for each in answer["links"]:
        assert each["list_unsubscribe"] == f"<{each['url']}>"
        assert each["list_unsubscribe_post"] == "List-Unsubscribe=One-Click"
    path = answer["links"][1]["url"].removeprefix("https://unsubscribe.example")
    assert (await linked.client.get(path)).status_code == 200
    left = await linked.client.post(path, data={"List-Unsubscribe": "One-Click"})
    assert left.text == "Unsubscribed\n"
    assert await linked.allowed(BOB) == "WITHDRAWN"
    (act,) = linked.acts("unsubscribe links")
    assert (act["customer"], act["target"]) == ("acme", "newsletter")
    assert act["details"] == {"reference": answer["reference"], "links": 2}


async def test_without_a_list_a_link_is_for_everything(linked: Api) -> None:
    (link,) = (await linked.tell("unsubscribe-links", addresses=[BOB]))["links"]
    token = linked.gateway.unsubscribe_tokens.read(link["url"].rpartition("/")[2])
    assert (token.customer, token.list) == ("acme", None)


async def test_an_inbound_listener_adds_an_address(tmp_path: Path) -> None:
    listeners = [{"address": "127.0.0.1:0", "auth_without_tls": True}, {"address": "127.0.0.1:0", "role": "inbound"}]
    more = {"smtp": {"listeners": listeners}, "operator": {"domains": ["gw.example"], "mailbox": "abuse@gw.example"}}
    async with running(tmp_path, settings=SETTINGS | more) as (gateway, hop, _):
        async with httpx.AsyncClient(base_url=f"http://{gateway.http_address}", timeout=300) as client:
            found = Api(gateway, hop, client)
            _, found.tokens["own"] = gateway.stores.tokens.create("customer", "acme", gateway.clock())
            (link,) = (await found.tell("unsubscribe-links", addresses=[BOB]))["links"]
    assert link["list_unsubscribe"].startswith(f"<{link['url']}>, <mailto:u+")
    assert link["list_unsubscribe"].endswith("@gw.example?subject=unsubscribe>")


async def test_links_are_given_to_the_customer_alone(linked: Api) -> None:
    body = {"addresses": [BOB], "list": "newsletter"}
    for who, status in (("none", 401), ("auditor", 403), ("other", 404)):
        is_problem(await linked.ask("POST", "unsubscribe-links", who, json=body), status)
    assert linked.acts("unsubscribe links") == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"addresses": [BOB], "list": "newsletters"}, 404),
        ({"addresses": []}, 422),
        ({"addresses": ["bob"]}, 422),
        ({"addresses": [BOB] * 1001}, 422),
        ({"addresses": [BOB], "lists": "newsletter"}, 422),
    ],
)
async def test_what_is_wrong_is_refused_whole(linked: Api, body: dict[str, object], status: int) -> None:
    detail = str(is_problem(await linked.ask("POST", "unsubscribe-links", "own", json=body), status))
    if status == 404:
        assert "'newsletters'" in detail
    assert linked.acts("unsubscribe links") == []


async def test_many_addresses_cost_more_of_the_rate(linked: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[float] = []
    monkeypatch.setattr(Rates, "take", lambda self, token, cost=1.0: costs.append(cost))
    await linked.tell("unsubscribe-links", addresses=[BOB] * 500)
    assert costs == [1.0, 5.0]


async def test_no_link_goes_out_that_the_audit_does_not_know(linked: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Journal, record: object) -> int:
        raise JournalFull("no space left on device")

    monkeypatch.setattr(Journal, "append_blocking", full)
    answer = await linked.ask("POST", "unsubscribe-links", "own", json={"addresses": [BOB]})
    is_problem(answer, 503)
    assert "/u/" not in answer.text


async def test_without_a_public_url_it_is_the_operators_fault_and_says_so(api: Api) -> None:
    answer = await api.ask("POST", "unsubscribe-links", "own", json={"addresses": [BOB]})
    assert "http.public_url is not set" in str(is_problem(answer, 409)["detail"])
