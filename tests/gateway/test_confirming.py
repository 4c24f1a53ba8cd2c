"""Sending confirmation mails: signed, through the customer's next hop, durable, and never more than two."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dkim
import pytest
import pytest_asyncio

from consent.confirmations import Confirmation, ConfirmationStore
from consent.database import RegistryDown
from gateway.app import Gateway
from gateway.confirming import LEASE, PAUSES
from gateway.sign import generate
from gateway.signing import Signing, SigningFailed
from tests.gateway.http.conftest import Api
from tests.gateway.test_webhooks import until
from tests.rig.confirming import api_post, asked, confirming, letter, path_in, requested, sent
from tests.rig.smtpd import CUT, STALL, Smtpd
from tests.rig.unsubscribing import BOB, SHOWN, later


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with confirming(tmp_path) as found:
        yield found


def mails(gateway: Gateway) -> list[Confirmation]:
    from sqlalchemy import select

    from consent.schema import confirmations

    with gateway.stores.consent_database.reading() as connection:
        numbers = connection.execute(select(confirmations.c.id).order_by(confirmations.c.created)).scalars().all()
    return [found for number in numbers if (found := gateway.stores.confirmations.get(number))]


def data_begun(hop: Smtpd) -> bool:
    return any("DATA" in session.commands for session in hop.sessions)


async def test_it_is_signed_with_the_customer_s_key_and_the_reverse_path_is_its_own(api: Api) -> None:
    private, public = generate("rsa")
    store, now = api.gateway.stores.dkim_keys, api.gateway.clock()
    store.activate(store.add("acme", "acme.example", "p1", "rsa", public, private, now), now)
    await api.gateway.refresh()
    await requested(api)
    await asked(api)
    await sent(api)
    (message,) = api.hop.messages
    assert message.reverse_path.split()[0] == "<postmaster@acme.example>"
    record = f"v=DKIM1; k=rsa; p={public}".encode()
    assert dkim.verify(message.content, dnsfunc=lambda name, timeout=5: record)
    assert not dkim.verify(
        message.content.replace(b"confirm it", b"confirm this"), dnsfunc=lambda name, timeout=5: record
    )


async def test_without_a_key_it_goes_unsigned(api: Api) -> None:
    await requested(api)
    await asked(api)
    await sent(api)
    assert letter(api)["DKIM-Signature"] is None


async def test_it_goes_through_the_customer_s_next_hop(tmp_path: Path) -> None:
    async with Smtpd() as other, Smtpd() as first:
        hops = [{"name": "default", "addresses": [first.address]}, {"name": "own", "addresses": [other.address]}]
        customers = [{**SHOWN[0], "next_hop": "own"}, *SHOWN[1:]]
        async with confirming(tmp_path, settings={"next_hops": hops}, customers=customers, hop=first) as api:
            await requested(api)
            await asked(api)
            await sent(api)
        assert (len(first.messages), len(other.messages)) == (0, 1)


async def test_what_is_refused_for_now_is_tried_again_and_is_the_same_mail(api: Api) -> None:
    api.hop.on("RCPT", "450 4.2.0 Later", "250 2.1.5 Ok")
    await requested(api)
    await asked(api)
    await sent(api)
    assert api.hop.messages == []
    (waiting,) = mails(api.gateway)
    assert (waiting.status, waiting.doubtful, waiting.due) == ("waiting", False, api.gateway.clock() + PAUSES[0])
    later(api.gateway, seconds=5)
    await sent(api)
    assert len(api.hop.messages) == 1
    # Nothing was with the next hop before: one mail, counted once.
    assert api.gateway.stores.confirmations.sent("acme", waiting.request) == 1


async def test_what_is_refused_for_good_is_given_up_and_the_customer_can_see_why(api: Api) -> None:
    api.hop.on("RCPT", "550 5.1.1 No such user")
    await requested(api)
    await asked(api)
    await sent(api)
    (mail,) = mails(api.gateway)
    assert (mail.status, "550 5.1.1" in mail.error) == ("failed", True)


async def test_for_a_day_and_no_longer(api: Api) -> None:
    api.hop.on("RCPT", *["450 4.2.0 Later"] * 60)
    await requested(api)
    await asked(api)
    began = api.gateway.clock()
    (mail,) = mails(api.gateway)
    while mail.status == "waiting":
        later(api.gateway, seconds=(mail.due - api.gateway.clock()).total_seconds())
        await sent(api)
        (mail,) = mails(api.gateway)
    assert mail.status == "failed"
    assert timedelta(hours=22) <= api.gateway.clock() - began <= timedelta(hours=24)
    assert 25 <= mail.attempts <= 32


async def test_one_that_waited_a_day_for_us_is_not_sent_any_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as away:
        away.setattr(ConfirmationStore, "claim", lambda *args: ())
        await requested(api)
        await asked(api)
        later(api.gateway, days=1)
    await sent(api)
    assert (mails(api.gateway)[0].status, api.hop.messages) == ("failed", [])


@pytest.mark.parametrize("how", ["consent/withdrawals", "consent/erasures", "suspend"])
async def test_what_is_stopped_while_it_waits_is_not_sent(api: Api, how: str) -> None:
    api.hop.on("RCPT", "450 4.2.0 Later", "250 2.1.5 Ok")
    await requested(api)
    await asked(api)
    await sent(api)
    later(api.gateway, minutes=1)
    body: dict[str, Any] = {"reason": "x"} if how == "suspend" else {"address": BOB}
    assert (await api_post(api, how, "admin", **body)).is_success
    await sent(api)
    (mail,) = mails(api.gateway)
    assert (mail.status, api.hop.messages) == ("failed", [])
    assert mail.error in (
        "the person's data was erased",
        "refused meanwhile: WITHDRAWN",
        "refused meanwhile: TENANT-SUSPENDED",
    )


async def test_a_process_that_died_before_it_sent_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with confirming(tmp_path) as api:
        monkeypatch.setattr(ConfirmationStore, "claim", lambda *args: ())
        await requested(api)
        await asked(api)
        clock = api.gateway.clock
        assert api.hop.messages == []
    monkeypatch.undo()
    async with confirming(tmp_path, clock=clock) as api:
        await until(lambda: bool(api.hop.messages))
        assert path_in(letter(api)).startswith("/c/")
        request = mails(api.gateway)[0].request
        assert api.gateway.stores.confirmations.sent("acme", request) == 1


async def test_one_that_died_while_it_sent_comes_to_two_mails_at_most(api: Api) -> None:
    """A claim that is never given back stands for a process that was killed: nobody knows what became of the mail."""
    api.hop.on("RCPT", "450 4.2.0 Later", "250 2.1.5 Ok", "250 2.1.5 Ok")
    await requested(api)
    await asked(api)
    await sent(api)
    store, clock = api.gateway.stores.confirmations, api.gateway.clock
    later(api.gateway, seconds=-1)  # so that the gateway itself claims nothing meanwhile
    (taken,) = store.claim(clock() + timedelta(minutes=1), LEASE, 8)
    later(api.gateway, seconds=61)
    await sent(api)
    assert api.hop.messages == []
    later(api.gateway, seconds=LEASE.total_seconds())
    await sent(api)
    assert len(api.hop.messages) == 1
    assert store.sent("acme", taken.request) == 2
    # Another is refused, since there may have been two.
    assert (await asked(api)).status_code == 429


async def test_a_mail_that_was_cut_off_twice_is_not_sent_a_third_time(api: Api) -> None:
    api.hop.on("DOT", CUT, CUT, "250 2.0.0 Ok")
    await requested(api)
    await asked(api)
    for _ in range(3):
        await sent(api)
        later(api.gateway, minutes=10)
    (mail,) = mails(api.gateway)
    assert (mail.status, "a cap forbids another" in mail.error, mail.attempts) == ("failed", True, 3)
    assert len(api.hop.messages) == 2


async def test_a_stop_in_the_middle_is_doubtful_at_once(tmp_path: Path) -> None:
    async with Smtpd(script={"DOT": STALL}) as hop:
        async with confirming(tmp_path, hop=hop) as api:
            await requested(api)
            await asked(api)
            await until(lambda: data_begun(hop))
            clock, stores = api.gateway.clock, api.gateway.stores
            number = mails(api.gateway)[0].id
        found = stores.confirmations.get(number)
        stores.close()
        assert found is not None
        assert (found.status, found.doubtful, found.due) == ("waiting", True, clock())


async def test_a_key_that_cannot_be_used_sends_nothing_unsigned(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*args: Any) -> bytes:
        raise SigningFailed("the key cannot be used")

    await requested(api)
    with monkeypatch.context() as away:
        away.setattr(Signing, "sign_ours", broken)
        await asked(api)
        await sent(api)
    (mail,) = mails(api.gateway)
    assert (mail.status, mail.doubtful, "cannot be used" in mail.error) == ("waiting", False, True)
    assert api.hop.messages == []
    later(api.gateway, seconds=5)
    await sent(api)
    assert len(api.hop.messages) == 1


async def test_a_registry_that_is_away_for_a_while_ends_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*args: Any, **kwargs: Any) -> Any:
        raise RegistryDown("away")

    await requested(api)
    gateway = api.gateway
    alarms: list[str] = []
    monkeypatch.setattr(gateway.metrics, "alarm", lambda part, text: alarms.append(f"{part}: {text}"))
    with monkeypatch.context() as away:
        away.setattr(ConfirmationStore, "claim", down)
        await asked(api)
        gateway.confirming.hurry()
        await until(lambda: any("those that wait are not reached" in each for each in alarms))
    with monkeypatch.context() as away:
        away.setattr(ConfirmationStore, "done", down)
        later(gateway, minutes=2)
        gateway.confirming.hurry()
        await until(lambda: any("the registry does not answer" in each for each in alarms))
        await gateway.confirming.idle()
    assert len(api.hop.messages) == 1
    # It was sent, and nobody could note it: it is doubtful, and sent once more, the same mail with the same link.
    later(gateway, seconds=LEASE.total_seconds())
    await sent(api)
    assert len({message.content for message in api.hop.messages}) == 1
    assert mails(gateway)[0].status == "sent"


async def test_a_next_hop_that_hangs_holds_up_only_its_own_customer(tmp_path: Path) -> None:
    async with Smtpd(script={"DOT": STALL}) as slow, Smtpd() as quick:
        hops = [{"name": "default", "addresses": [quick.address]}, {"name": "slow", "addresses": [slow.address]}]
        customers = [{**SHOWN[0], "next_hop": "slow"}, *SHOWN[1:]]
        async with confirming(tmp_path, settings={"next_hops": hops}, customers=customers, hop=quick) as api:
            for number in range(3):
                await requested(api, address=f"reader-{number}@recipient.example")
                await asked(api, address=f"reader-{number}@recipient.example")
            await until(lambda: data_begun(slow))
            await requested(api, "admin", "nets")
            await asked(api, "admin", "nets")
            await until(lambda: bool(quick.messages))
            assert slow.recipients_seen == 1


async def test_the_results_are_counted(api: Api) -> None:
    await requested(api)
    await asked(api)
    await sent(api)
    await api.client.post(path_in(letter(api)), data={"act": "confirm"})
    text = (await api.gateway.exposition()).decode()
    for result in ("sent", "confirmed"):
        assert f'postern_confirmations_total{{result="{result}"}} 1.0' in text
    await asyncio.sleep(0)
