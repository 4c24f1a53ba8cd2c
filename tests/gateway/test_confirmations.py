"""What a link does to the registry, whatever clocks, crashes and other processes do meanwhile."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from consent.address import Address
from consent.confirmations import Confirmation, ConfirmationStore
from consent.database import RegistryDown
from consent.store import ConsentStore
from consent.unsubscribe import NoToken
from gateway.confirmations import AskRefused, origin
from gateway.consents import By
from tests.gateway.http.conftest import Api
from tests.rig.confirming import confirming, mailed, requested
from tests.rig.unsubscribing import BOB, events, later, reason

BY = By("test", operator=False)


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with confirming(tmp_path) as found:
        yield found


async def mail_of(api: Api) -> Confirmation:
    path = await mailed(api)
    store = api.gateway.stores.confirmations
    found = store.get(store.number_of(path.removeprefix("/c/")))
    assert found is not None
    return found


async def test_one_that_died_between_the_two_records_is_finished_by_the_next_use(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = await mail_of(api)
    service = api.gateway.confirmations

    def down(*args: Any, **kwargs: Any) -> Any:
        raise RegistryDown("away")

    with monkeypatch.context() as away:
        away.setattr(ConsentStore, "append", down)
        with pytest.raises(RegistryDown):
            service.confirm(mail, "")
    assert service.view(mail).state == "ask"
    first = api.gateway.clock()
    later(api.gateway, hours=1)
    assert service.confirm(mail, "").state == "confirmed"
    # It is when the person first said so that counts.
    assert service.view(mail).confirmed == first
    assert await reason(api) is None


async def test_two_processes_at_once_record_one_fact(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    mail = await mail_of(api)
    service, real = api.gateway.confirmations, ConfirmationStore.confirmed

    def overtaken(self: ConfirmationStore, *args: Any) -> Any:
        monkeypatch.setattr(ConfirmationStore, "confirmed", real)
        found = real(self, *args)
        later(api.gateway, seconds=2)
        # The other one has looked before this one wrote, and writes first.
        assert service.confirm(mail, "").state == "confirmed"
        later(api.gateway, seconds=2)
        return found

    monkeypatch.setattr(ConfirmationStore, "confirmed", overtaken)
    assert service.confirm(mail, "").state == "confirmed"
    assert [each.state for each in events(api)] == ["requested", "confirmed"]


async def test_a_request_recorded_by_a_clock_that_is_ahead_can_be_confirmed(api: Api) -> None:
    mail = await mail_of(api)
    later(api.gateway, seconds=-40)
    assert api.gateway.confirmations.confirm(mail, "").state == "confirmed"
    asked, given = events(api)
    assert given.at == asked.at
    later(api.gateway, seconds=41)
    assert await reason(api) is None


async def test_the_evidence_names_from_where_and_no_link(api: Api) -> None:
    mail = await mail_of(api)
    api.gateway.confirmations.confirm(mail, "198.51.100.9")
    found = api.gateway.stores.consents.history("acme", Address.parse(BOB))[-1]
    personal = found.personal or {}
    assert personal["coi_confirmed_ip"] == "198.51.100.9"
    token = api.gateway.stores.confirmations.token(mail)
    assert token not in str(personal) + str(found.event)
    assert mail.id not in found.event.origin
    assert found.event.origin == origin(mail)


async def test_what_the_request_said_of_its_end_and_its_country_stays(api: Api) -> None:
    path = await mailed(api, until="2027-01-01T00:00:00Z", country="de", language="de")
    store = api.gateway.stores.confirmations
    mail = store.get(store.number_of(path.removeprefix("/c/")))
    assert mail is not None
    api.gateway.confirmations.confirm(mail, "")
    asked, given = events(api)
    assert (given.until, given.country, given.language) == (asked.until, "de", "de")
    later(api.gateway, days=60)
    assert await reason(api) == "CONSENT-EXPIRED"


async def test_a_customer_that_is_gone_has_no_links(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    mail = await mail_of(api)
    service = api.gateway.confirmations
    monkeypatch.setattr(service, "_customer", lambda customer: None)
    for ask in (lambda: service.get(mail.id), lambda: service.view(mail), lambda: service.confirm(mail, "")):
        with pytest.raises(NoToken):
            ask()
    assert service.prepared(mail) == "there is no such customer any more"


async def test_a_list_and_a_party_that_are_gone_are_shown_as_they_would_be(api: Api) -> None:
    mail = await mail_of(api)
    with api.gateway.stores.consent_database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM lists")
    view = api.gateway.confirmations.view(mail)
    assert (view.state, view.list, view.party.name) == ("ask", "newsletter", "Acme & Söhne <Ltd>")


async def test_a_refusal_tells_a_customer_nothing_of_a_complaint(api: Api) -> None:
    await requested(api)
    later(api.gateway, minutes=1)
    gateway = api.gateway
    acme, bob = gateway.stores.customers.get("acme").customer, Address.parse(BOB)
    gateway.consents.withdraw(acme, bob, By("admin", operator=True), name="newsletter", reason="complaint")
    with pytest.raises(AskRefused) as refused:
        gateway.confirmations.ask(acme, bob, "newsletter", BY)
    assert refused.value.code == "WITHDRAWN"
    with pytest.raises(AskRefused) as refused:
        gateway.confirmations.ask(acme, bob, "newsletter", By("admin", operator=True))
    assert refused.value.code == "COMPLAINT"


async def test_after_a_complaint_only_this_brings_the_mail_back(api: Api) -> None:
    gateway = api.gateway
    acme, bob = gateway.stores.customers.get("acme").customer, Address.parse(BOB)
    gateway.consents.withdraw(acme, bob, By("admin", operator=True), name="newsletter", reason="complaint")
    later(gateway, minutes=1)
    mail = await mail_of(api)
    assert await reason(api) is not None
    later(gateway, minutes=1)
    gateway.confirmations.confirm(mail, "")
    assert await reason(api) is None
