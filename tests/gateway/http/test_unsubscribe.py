"""The unsubscribe service over HTTP: what shows, what changes something, and what nobody can make it do."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from consent.database import RegistryDown
from consent.store import ConsentStore
from gateway.audit.errors import JournalFull
from gateway.audit.journal import Journal
from gateway.audit.withdrawals import Group, withdrawals
from tests.gateway.http.conftest import Api
from tests.rig.gateway import running
from tests.rig.unsubscribing import (
    BOB,
    ONE_CLICK,
    Parsed,
    events,
    is_ours,
    later,
    opted_in,
    path_of,
    reason,
)


async def test_get_and_head_show_and_change_nothing(public: Api) -> None:
    await opted_in(public)
    path = path_of(public.gateway, BOB)
    headers = {"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender", "X-Moz": "prefetch"}
    for method in ("GET", "HEAD"):
        is_ours(await public.client.request(method, path, headers=headers), 200)
    answer = is_ours(await public.client.get(path), 200)
    page = Parsed(answer)
    assert page.buttons == {
        "list": "Unsubscribe from “newsletter”",
        "all": "Unsubscribe from everything by Acme & Söhne <Ltd>",
    }
    for shown in (
        "1 High Street\nExampletown",
        "postmaster@acme.example",
        "You gave your consent on 20 November 2026.",
    ):
        assert shown in page.text
    assert "<Ltd>" not in answer.text
    assert (len(events(public)), await reason(public)) == (1, None)


@pytest.mark.parametrize("encoding", ["urlencoded", "multipart"])
async def test_one_click_in_both_encodings_stops_the_list_and_no_other(public: Api, encoding: str) -> None:
    await opted_in(public, "newsletter", "spring")
    path = path_of(public.gateway, BOB)
    more: dict[str, Any] = {"data": ONE_CLICK}
    if encoding == "multipart":
        more = {"files": {"List-Unsubscribe": (None, "One-Click")}}
    answer = is_ours(await public.client.post(path, **more), 200)
    assert answer.request.headers["content-type"].startswith(
        "multipart/form-data; boundary=" if encoding == "multipart" else "application/x-www-form-urlencoded"
    )
    assert answer.text == "Unsubscribed\n"
    assert (await reason(public), await reason(public, "spring")) == ("WITHDRAWN", None)
    event = events(public)[-1]
    assert (event.state, event.reason, event.entity, event.list) == (
        "withdrawn",
        "one_click",
        "recipient",
        "newsletter",
    )
    assert event.source == "message 01KAGXYZ0123456789ABCDEFGH"


async def test_a_second_post_is_answered_alike_and_records_nothing(public: Api) -> None:
    await opted_in(public)
    path = path_of(public.gateway, BOB)
    for _ in range(3):
        is_ours(await public.client.post(path, data=ONE_CLICK), 200)
        later(public.gateway, minutes=1)
    is_ours(await public.client.post(path, data={"act": "list"}), 200)
    assert [each.state for each in events(public)] == ["given", "withdrawn"]
    # Another token of the same person is another word of theirs.
    is_ours(await public.client.post(path_of(public.gateway, BOB, reference="0" * 26), data=ONE_CLICK), 200)
    assert len(events(public)) == 3


async def test_who_has_opted_in_anew_can_leave_again_with_the_old_link(public: Api) -> None:
    await opted_in(public)
    path = path_of(public.gateway, BOB)
    is_ours(await public.client.post(path, data=ONE_CLICK), 200)
    later(public.gateway, days=30)
    await opted_in(public)
    is_ours(await public.client.post(path, data=ONE_CLICK), 200)
    assert [each.state for each in events(public)] == ["given", "withdrawn", "given", "withdrawn"]


async def test_everything_stops_every_list_there_is_and_will_be(public: Api) -> None:
    await opted_in(public, "newsletter", "spring")
    answer = is_ours(await public.client.post(path_of(public.gateway, BOB), data={"act": "all"}), 200)
    page = Parsed(answer)
    assert "You get no more mailings from Acme & Söhne <Ltd>." in page.text
    assert page.buttons == {"undo": "Undo: I want this mail"}
    for name in ("newsletter", "spring", "another"):
        assert await reason(public, name) == "WITHDRAWN"
    assert [each.reason for each in events(public)] == ["", "", "web"]


async def test_a_token_without_a_list_is_for_everything(public: Api) -> None:
    await opted_in(public)
    path = path_of(public.gateway, BOB, None)
    assert Parsed(is_ours(await public.client.get(path), 200)).buttons.keys() == {"all"}
    is_ours(await public.client.post(path, data=ONE_CLICK), 200)
    assert events(public)[-1].list == "*"


async def test_who_has_left_the_list_can_still_leave_everything(public: Api) -> None:
    await opted_in(public)
    path = path_of(public.gateway, BOB)
    answer = is_ours(await public.client.post(path, data={"act": "list"}), 200)
    assert Parsed(answer).buttons.keys() == {"undo", "all"}
    later(public.gateway, minutes=1)
    answer = is_ours(await public.client.post(path, data={"act": "all"}), 200)
    assert Parsed(answer).buttons.keys() == {"undo"}
    assert await reason(public, "another") == "WITHDRAWN"


# -- when parts are down


async def test_while_the_registry_is_away_a_click_is_kept_and_holds_when_it_is_back(
    public: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opted_in(public)
    path = path_of(public.gateway, BOB)

    def down(*args: object, **kwargs: object) -> None:
        raise RegistryDown("the registry is away")

    with monkeypatch.context() as away:
        for name in ("write", "known_by_key", "history_by_key", "last_batch", "restore"):
            away.setattr(ConsentStore, name, down)
        page = Parsed(is_ours(await public.client.get(path), 200))
        assert "This cannot be shown at the moment." in page.text
        assert page.buttons.keys() == {"list", "all"}
        assert is_ours(await public.client.post(path, data=ONE_CLICK), 200).text == "Unsubscribed\n"
        is_ours(await public.client.post(path, data={"act": "undo"}), 503)
    assert public.gateway.restore.look() is not None
    assert await reason(public) == "WITHDRAWN"
    assert [each.reason for each in events(public)] == ["", "one_click"]


async def test_what_can_be_written_nowhere_is_not_said_to_be_done(public: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await opted_in(public)
    path = path_of(public.gateway, BOB)

    async def append(*args: object) -> int:
        raise JournalFull("no space")

    def blocking(*args: object) -> int:
        raise JournalFull("no space")

    with monkeypatch.context() as full:
        full.setattr(Journal, "append", append)
        full.setattr(Journal, "append_blocking", blocking)
        answer = is_ours(await public.client.post(path, data=ONE_CLICK), 503)
        assert answer.headers["retry-after"] == "5"
    assert await reason(public) is None


# -- what is no token, no form, or too much


async def test_whatever_is_no_token_gets_one_and_the_same_page(public: Api) -> None:
    path = path_of(public.gateway, BOB)
    wrong = [path[:-1], path[:-1] + ("A" if path[-1] != "A" else "B"), "/u/x", "/u/", "/u/" + "A" * 500, "/other", "/"]
    wrong += [
        path_of(public.gateway, BOB, customer="nobody"),
        "/metrics",
        "/docs",
        "/api/v1/audit",
        path + "/",
        path + "/x",
    ]
    pages = set()
    for each in wrong:
        later(public.gateway, seconds=1)
        answer = await public.client.get(each)
        pages.add(is_ours(answer, 404).text)
        assert len(pages) == 1, each
    for method in ("POST", "HEAD"):
        assert is_ours(await public.client.request(method, "/u/x"), 404).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_other_methods_change_nothing(public: Api, method: str) -> None:
    await opted_in(public)
    answer = is_ours(await public.client.request(method, path_of(public.gateway, BOB)), 405)
    assert set(answer.headers["allow"].split(", ")) >= {"GET"}
    assert await reason(public) is None


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"List-Unsubscribe=one-click", "application/x-www-form-urlencoded"),
        (b"act=nothing", "application/x-www-form-urlencoded"),
        (b"List-Unsubscribe=One-Click", "text/plain"),
        (b'{"List-Unsubscribe": "One-Click"}', "application/json"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"--x\r\nbroken", "multipart/form-data"),
        (
            b"&".join(b"a=%d" % n for n in range(100)) + b"&List-Unsubscribe=One-Click",
            "application/x-www-form-urlencoded",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"; filename="a"\r\n\r\nOne-Click\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
    ],
)
async def test_what_is_no_form_of_ours_changes_nothing(public: Api, content: bytes, kind: str) -> None:
    await opted_in(public)
    path = path_of(public.gateway, BOB)
    is_ours(await public.client.post(path, content=content, headers={"Content-Type": kind}), 400)
    assert await reason(public) is None


async def test_a_large_body_is_refused(public: Api) -> None:
    answer = await public.client.post(path_of(public.gateway, BOB), data={"act": "x" * 20_000})
    assert answer.status_code == 413


async def test_rates_hold_back_scanners_and_guesses_but_no_person(public: Api) -> None:
    await opted_in(public)
    path = path_of(public.gateway, BOB)
    statuses = [(await public.client.get(path)).status_code for _ in range(15)]
    assert statuses[:10] == [200] * 10
    assert statuses[-1] == 429
    is_ours(await public.client.post(path, data=ONE_CLICK), 200)
    assert await reason(public) == "WITHDRAWN"
    for _ in range(15):
        await public.client.get("/u/guess")
    assert is_ours(await public.client.get("/u/guess"), 429).headers["retry-after"]
    # Others behind the same address are not held back.
    is_ours(await public.client.get(path_of(public.gateway, "eve@recipient.example")), 200)


async def test_a_suspended_customers_links_work(public: Api) -> None:
    path = path_of(public.gateway, BOB, customer="stopped")
    assert "Stopped Ltd" in is_ours(await public.client.get(path), 200).text
    is_ours(await public.client.post(path, data=ONE_CLICK), 200)
    key = public.gateway.stores.consents.keys("stopped", b"\x01")
    assert len(key) == 1


async def test_no_host_name_is_believed_or_shown(public: Api) -> None:
    path = path_of(public.gateway, BOB)
    plain = await public.client.get(path)
    branded = await public.client.get(path, headers={"Host": "news.acme.example", "X-Forwarded-Host": "evil.example"})
    assert is_ours(branded, 200).text == plain.text


@pytest.mark.parametrize(
    ("lang", "accept", "expected"),
    [("", "", "en"), ("", "de-AT,de;q=0.9,en;q=0.8", "de"), ("fr", "de", "fr"), ("xx", "es", "es"), ("", "ja,*;q=0.5", "en"),
     ("", "en;q=0.1,fr;q=0.2,;;=,q=9", "fr"), ("<script>", "de;q=x", "en")],
)  # fmt: skip
async def test_the_language_is_the_readers(public: Api, lang: str, accept: str, expected: str) -> None:
    path = path_of(public.gateway, BOB)
    answer = await public.client.get(path, params={"lang": lang} if lang else {}, headers={"Accept-Language": accept})
    assert Parsed(is_ours(answer, 200)).lang == expected == answer.headers["content-language"]
    # The answer to the form is in the language of its page.
    done = await public.client.post(str(answer.request.url), data={"act": "list"}, headers={"Accept-Language": accept})
    assert Parsed(is_ours(done, 200)).lang == expected


async def test_the_public_listener_serves_the_public_alone_and_the_api_not_it(public: Api) -> None:
    assert (await public.client.get("/healthz")).json() == {"status": "ok"}
    assert (await public.client.get("/readyz")).status_code == 404
    api = f"http://{public.gateway.http_address}"
    answer = await public.client.get(api + path_of(public.gateway, BOB))
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_without_a_public_address_it_is_served_beside_the_api(tmp_path: Path) -> None:
    async with running(tmp_path) as (gateway, _, _):
        assert gateway.http_addresses == [gateway.http_address]
        async with httpx.AsyncClient(base_url=f"http://{gateway.http_address}", timeout=300) as client:
            is_ours(await client.post(path_of(gateway, BOB), data=ONE_CLICK), 200)
            is_ours(await client.get("/u/x"), 404)
            assert (await client.get("/readyz")).status_code == 200


async def test_a_withdrawal_stands_in_the_audit_and_is_counted(public: Api) -> None:
    await opted_in(public)
    is_ours(await public.client.post(path_of(public.gateway, BOB), data=ONE_CLICK), 200)
    await public.gateway.stop()
    groups = list(withdrawals(public.gateway.settings.data_dir / "audit", ""))
    assert [each.customer for each in groups if isinstance(each, Group)] == ["acme"]
    assert re.search(rb'postern_unsubscribes_total\{reason="one_click"\} 1.0', public.gateway.metrics.text())
