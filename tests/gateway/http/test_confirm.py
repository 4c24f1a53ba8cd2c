"""The public end of double opt-in: what shows, what confirms, and what nobody can make it do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from consent.address import Address
from consent.database import RegistryDown
from consent.store import ConsentStore
from gateway.audit.errors import JournalFull
from gateway.audit.journal import Journal
from gateway.audit.search import Query
from gateway.http.confirm import from_where
from tests.gateway.http.conftest import Api
from tests.rig.confirming import api_post, asked, confirming, letter, mailed, path_in, sent
from tests.rig.gateway import running
from tests.rig.unsubscribing import BOB, Parsed, events, is_ours, later, reason

CONFIRM = {"act": "confirm"}


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with confirming(tmp_path) as found:
        yield found


async def test_get_and_head_show_and_change_nothing(api: Api) -> None:
    path = await mailed(api)
    headers = {"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender", "X-Moz": "prefetch"}
    for query in ("", "?act=confirm", "?lang=fr"):
        for method in ("GET", "HEAD"):
            is_ours(await api.client.request(method, path + query, headers=headers), 200)
    page = Parsed(is_ours(await api.client.get(path), 200))
    assert page.buttons == {"confirm": "Yes, I want this mail"}
    for shown in ("Acme & Söhne <Ltd>", "1 High Street\nExampletown", "newsletter", "20 November 2026"):
        assert shown in page.text
    assert ([each.state for each in events(api)], await reason(api)) == (["requested"], "UNCONFIRMED")


async def test_the_button_records_a_consent_that_we_witnessed(api: Api) -> None:
    await api_post(api, "notices", id="signup-3", text="Yes, send me the news.", language="en", default_checked=False)
    path = await mailed(api)
    assert "Yes, send me the news." in (await api.client.get(path)).text
    later(api.gateway, minutes=5)
    answer = is_ours(await api.client.post(path, data=CONFIRM), 200)
    assert "Confirmed" in Parsed(answer).text
    assert not Parsed(answer).buttons
    assert await reason(api) is None
    asked_for, event = events(api)
    assert (event.state, event.grade, event.method, event.entity, event.actor, event.imported) == (
        "confirmed", 4, "coi", "recipient", "gateway", False,
    )  # fmt: skip
    assert (event.notice, event.list, event.party, event.ground) == ("signup-3", "newsletter", "acme", "express")
    assert event.at == event.recorded == asked_for.recorded + 300_000_000
    url = f"http://{api.gateway.http_address}/api/v1/customers/acme/consent/{BOB}"
    looked = (await api.client.get(url, headers=api.as_("own"))).json()
    assert looked["lists"][0]["ground"]["grade"] == "E4"
    evidence = looked["records"][0]["events"][-1]
    assert evidence["personal"]["coi_message_id"] == letter(api)["Message-ID"]
    assert evidence["personal"]["coi_sent_at"].startswith("2026-11-20T10:00")
    assert evidence["personal"]["coi_confirmed_at"].startswith("2026-11-20T10:05")
    assert evidence["personal"]["coi_delivered_reply"].startswith("250 ")
    assert len(evidence["personal"]["coi_token_hash"]) == 64
    # It came from a proxy that nobody has named: from where is not known, and not guessed.
    assert "coi_confirmed_ip" not in evidence["personal"]


async def test_it_is_in_the_audit_before_it_is_in_the_registry(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await mailed(api)
    seen: list[int] = []
    real = ConsentStore.append

    def append(self: ConsentStore, *args: Any, **kwargs: Any) -> Any:
        seen.append(
            sum(each["act"] == "opt-in confirmed" for each in api.gateway.evidence.search(Query(kind="action")))
        )
        return real(self, *args, **kwargs)

    monkeypatch.setattr(ConsentStore, "append", append)
    is_ours(await api.client.post(path, data=CONFIRM), 200)
    assert seen == [1]
    (act,) = api.acts("opt-in confirmed")
    assert (act["customer"], act["details"]["list"], act["target"]) == ("acme", "newsletter", BOB)
    segments = api.gateway.settings.data_dir.glob("audit/*/*.jsonl")
    assert not any("recipient.example" in each.read_text() for each in segments)
    (mail,) = api.acts("confirmation mail sent")
    assert mail["details"]["confirmation"] == act["details"]["confirmation"]


async def test_used_twice_it_says_that_it_is_confirmed(api: Api) -> None:
    path = await mailed(api)
    is_ours(await api.client.post(path, data=CONFIRM), 200)
    later(api.gateway, days=3)
    for method in ("POST", "GET", "POST"):
        page = Parsed(is_ours(await api.client.request(method, path, data=CONFIRM if method == "POST" else None), 200))
        assert "Confirmed already" in page.text
        assert "You confirmed on 20 November 2026" in page.text
        assert not page.buttons
    later(api.gateway, days=30)
    assert "Confirmed already" in (await api.client.get(path)).text
    assert [each.state for each in events(api)] == ["requested", "confirmed"]


async def test_at_once_it_is_confirmed_once(api: Api) -> None:
    path = await mailed(api)
    answers = await asyncio.gather(*(api.client.post(path, data=CONFIRM) for _ in range(8)))
    assert {each.status_code for each in answers} == {200}
    assert [each.state for each in events(api)] == ["requested", "confirmed"]


async def test_an_expired_link_says_so_and_confirms_nothing(api: Api) -> None:
    path = await mailed(api)
    later(api.gateway, days=7)
    for method in ("GET", "POST"):
        page = Parsed(is_ours(await api.client.request(method, path, data=CONFIRM if method == "POST" else None), 410))
        assert "This link has expired" in page.text
        assert not page.buttons
    assert await reason(api) == "UNCONFIRMED"
    # When nothing at all is known of it any more, the link is like one that was cut off.
    later(api.gateway, days=60)
    await api.gateway.confirming.purge()
    assert "not valid" in is_ours(await api.client.get(path), 410).text


async def test_to_the_last_second_it_confirms(api: Api) -> None:
    path = await mailed(api)
    later(api.gateway, days=7, seconds=-1)
    is_ours(await api.client.post(path, data=CONFIRM), 200)
    assert await reason(api) is None


@pytest.mark.parametrize("how", ["withdrawals", "complaint", "everything", "erasures"])
async def test_a_later_withdrawal_is_not_confirmed_away(api: Api, how: str) -> None:
    path = await mailed(api)
    later(api.gateway, minutes=1)
    if how == "erasures":
        assert (await api_post(api, "consent/erasures", address=BOB)).is_success
    else:
        more = {"list": "newsletter"} if how == "withdrawals" else {"reason": "complaint"} if how == "complaint" else {}
        assert (await api_post(api, "consent/withdrawals", address=BOB, **more)).is_success
    before = len(events(api))
    for method in ("GET", "POST"):
        page = Parsed(is_ours(await api.client.request(method, path, data=CONFIRM if method == "POST" else None), 410))
        assert "Not confirmed" in page.text
        assert not page.buttons
    assert len(events(api)) == before
    assert await reason(api) in ("WITHDRAWN", "COMPLAINT")


async def test_who_came_back_after_a_withdrawal_confirms_and_gets_it_again(api: Api) -> None:
    await api_post(api, "consent/withdrawals", address=BOB)
    later(api.gateway, minutes=1)
    path = await mailed(api)
    later(api.gateway, minutes=1)
    assert await reason(api) == "WITHDRAWN"
    is_ours(await api.client.post(path, data=CONFIRM), 200)
    assert await reason(api) is None
    # And leaves again: what the old link says then is that.
    later(api.gateway, minutes=1)
    await api_post(api, "consent/withdrawals", address=BOB)
    assert "Not confirmed" in is_ours(await api.client.post(path, data=CONFIRM), 410).text


async def test_another_list_s_withdrawal_is_no_matter(api: Api) -> None:
    path = await mailed(api)
    later(api.gateway, minutes=1)
    await api_post(api, "consent/withdrawals", address=BOB, list="another")
    is_ours(await api.client.post(path, data=CONFIRM), 200)
    assert await reason(api) is None


async def test_the_second_mail_s_link_and_the_first_s_are_both_good(api: Api) -> None:
    first = await mailed(api)
    assert (await asked(api)).status_code == 201
    await sent(api)
    second = path_in(letter(api))
    assert first != second
    is_ours(await api.client.post(first, data=CONFIRM), 200)
    is_ours(await api.client.post(second, data=CONFIRM), 200)
    assert await reason(api) is None


async def test_what_is_no_link_of_ours_is_one_and_the_same_404(api: Api) -> None:
    path = await mailed(api)
    swapped = path[:-1] + ("A" if path[-1] != "A" else "B")
    texts = set()
    for wrong in (swapped, "/c/x", "/c/" + "A" * 43, path + "A", "/c/%00", path.replace("/c/", "/u/")):
        for method in ("GET", "POST"):
            texts.add(is_ours(await api.client.request(method, wrong), 404).text)
    assert len(texts) == 1
    assert await reason(api) == "UNCONFIRMED"
    # Neither does an unsubscribe token confirm, nor this one unsubscribe.
    for other in ("/c/", "/c", path + "/"):
        is_ours(await api.client.get(other), 404)
    assert (await api.client.put(path)).status_code == 405


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"data": {"act": "list"}},
        {"data": {"List-Unsubscribe": "One-Click"}},
        {"json": {"act": "confirm"}},
        {"content": b"act=confirm", "headers": {"Content-Type": "text/plain"}},
        {"content": b"\xff\xfe", "headers": {"Content-Type": "multipart/form-data"}},
        {"data": {f"f{number}": "x" for number in range(50)}},
    ],
)
async def test_a_post_without_the_button_is_not_understood(api: Api, more: Any) -> None:
    path = await mailed(api)
    is_ours(await api.client.post(path, **more), 400)
    assert [each.state for each in events(api)] == ["requested"]


async def test_too_many_requests_for_a_link_or_without_one_are_told_so(api: Api) -> None:
    path = await mailed(api)
    answers = [await api.client.get(path) for _ in range(12)]
    assert [each.status_code for each in answers].count(429) >= 1
    assert answers[-1].headers["retry-after"]
    # Who is kept from looking is not kept from confirming.
    is_ours(await api.client.post(path, data=CONFIRM), 200)
    assert (await asyncio.gather(*(api.client.get("/c/nothing") for _ in range(15))))[-1].status_code in (404, 429)
    codes = [(await api.client.get("/c/nothing")).status_code for _ in range(12)]
    assert 429 in codes


async def test_while_nothing_can_be_recorded_nothing_is_confirmed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await mailed(api)

    def down(*args: Any, **kwargs: Any) -> Any:
        raise RegistryDown("away")

    def full(*args: Any, **kwargs: Any) -> Any:
        raise JournalFull("no space")

    for place, name, fault in (
        (ConsentStore, "history_by_key", down),
        (ConsentStore, "append", down),
        (Journal, "append_blocking", full),
    ):
        with monkeypatch.context() as away:
            away.setattr(place, name, fault)
            answer = is_ours(await api.client.post(path, data=CONFIRM), 503)
            assert "Nothing was changed" in answer.text
            assert answer.headers["retry-after"]
        assert [each.state for each in events(api)] == ["requested"]
    later(api.gateway, hours=1)
    is_ours(await api.client.post(path, data=CONFIRM), 200)
    assert [each.state for each in events(api)] == ["requested", "confirmed"]
    assert await reason(api) is None


async def test_in_the_reader_s_language(api: Api) -> None:
    path = await mailed(api)
    for language, words in (("fr", "Voulez-vous"), ("de", "Möchten Sie"), ("es", "¿Quiere")):
        answer = is_ours(await api.client.get(path, headers={"Accept-Language": language}), 200)
        assert words in answer.text
        assert answer.headers["content-language"] == language
    assert "Do you want" in (await api.client.get(f"{path}?lang=en", headers={"Accept-Language": "de"})).text


async def test_on_one_listener_it_is_served_beside_the_api(tmp_path: Path) -> None:
    async with confirming(tmp_path) as found:
        path = await mailed(found)
    url = {"address": "127.0.0.1:0", "public_url": "https://lists.gw.example"}
    async with running(tmp_path, settings={"http": url}) as (gateway, hop, _):
        async with httpx.AsyncClient(base_url=f"http://{gateway.http_address}", timeout=300) as client:
            assert "Do you want" in is_ours(await client.get(path), 200).text


def test_from_where_a_person_confirms() -> None:
    proxies = ("127.0.0.1/32", "10.0.0.0/8")
    assert from_where("8.8.4.4", [], ()) == "8.8.4.4"
    assert from_where("::ffff:8.8.4.4", ["1.2.3.4"], ()) != "1.2.3.4"
    # Nobody else is believed, and an inner address is a proxy that nobody has named.
    assert from_where("8.8.4.4", ["1.2.3.4"], proxies) == "8.8.4.4"
    assert from_where("127.0.0.1", ["1.2.3.4"], ()) == ""
    assert from_where("127.0.0.1", ["6.6.6.6, 1.2.3.4"], proxies) == "1.2.3.4"
    assert from_where("::ffff:10.1.2.3", ["6.6.6.6", "1.2.3.4"], proxies) == "1.2.3.4"
    for told in ([], [""], ["unknown"], ["1.2.3.4, evil"], ["[::1]:80"]):
        assert from_where("127.0.0.1", told, proxies) == ""
    assert from_where("", [], proxies) == ""


async def test_a_named_proxy_says_from_where(tmp_path: Path) -> None:
    async with confirming(tmp_path, http={"proxies": ["127.0.0.1"]}) as api:
        path = await mailed(api)
        await api.client.post(path, data=CONFIRM, headers={"X-Forwarded-For": "6.6.6.6, 198.51.100.9"})
        found = api.gateway.stores.consents.history("acme", Address.parse(BOB))
        assert (found[-1].personal or {})["coi_confirmed_ip"] == "198.51.100.9"
