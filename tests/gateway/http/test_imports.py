"""Files given to the API: what is answered at once, what is a job, and what is refused."""

import asyncio
from typing import Any

import httpx
import pytest

from gateway.http import imports
from gateway.jobs import Jobs, JobsFull
from tests.gateway.http.conftest import GENERIC, Api, is_problem, row

BOB = "bob@recipient.example"
ANN = "ann@recipient.example"
FILE = GENERIC + row(BOB)


async def bring(api: Api, content: str | bytes = FILE, who: str = "own", **query: Any) -> httpx.Response:
    """POST a file for the list `newsletter`."""
    return await api.ask("POST", "consent/imports", who, params={"list": "newsletter"} | query, content=content)


async def test_a_small_file_is_answered_when_it_is_done(api: Api) -> None:
    found = (
        await bring(api, GENERIC + row(BOB) + row("nobody") + row(ANN, "other"), attestation="signed up here")
    ).json()
    assert {name: found[name] for name in ("status", "rows", "accepted", "refused", "progress", "list")} == {
        "status": "done", "rows": 3, "accepted": 1, "refused": 2, "progress": 1.0, "list": "newsletter",
    }  # fmt: skip
    assert [error["line"] for error in found["errors"]] == [3, 4]
    assert all(set(error) == {"line", "reason"} for error in found["errors"])
    assert "nobody" not in str(found["errors"])
    assert (found["attestation"], found["uploader"]) == ("signed up here", f"token:{api.tokens['own'].split('_')[1]}")
    assert await api.allowed(BOB) is None
    assert await api.allowed(ANN) == "NO-CONSENT"
    (act,) = api.acts("consent import")
    assert act["details"]["import"] == found["id"]


async def test_a_form_with_the_file_is_the_same(api: Api) -> None:
    answer = await api.client.post(
        "/api/v1/customers/acme/consent/imports",
        params={"list": "newsletter"},
        files={"file": ("C:\\exports\\members.csv", FILE.encode(), "text/csv")},
        data={"note": "what else a form may hold"},
        headers=api.as_("own"),
    )
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)


async def test_a_file_told_apart_by_its_name_alone_takes_it_from_the_form_or_the_query(api: Api) -> None:
    content = "email,created\nbob@recipient.example,1700000000\n"
    assert "filename" in str(is_problem(await bring(api, content), 422)["detail"])
    found = await api.client.post(
        "/api/v1/customers/acme/consent/imports",
        params={"list": "newsletter"},
        files={"file": ("global_unsubscribes.csv", content.encode())},
        headers=api.as_("own"),
    )
    assert (found.status_code, found.json()["facts"]["withdrawals"]) == (200, 1), found.text
    assert (await bring(api, content, filename="spam_reports.csv")).json()["format"].startswith("sendgrid")


async def test_a_file_that_must_be_told_more_of_is_refused_with_the_question(api: Api) -> None:
    header = "Email Address,First Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LEID,EUID\n"
    content = header + "bob@recipient.example,Bob,2,2026-03-01 10:00:00,203.0.113.7,,,1,a\n"
    assert "tz" in str(is_problem(await bring(api, content, filename="subscribed.csv"), 422)["detail"])
    assert (await bring(api, content, filename="subscribed.csv", tz="Europe/Paris")).json()["zone"] == "Europe/Paris"


async def test_the_same_file_twice_changes_nothing(api: Api) -> None:
    first, again = [(await bring(api)).json() for _ in range(2)]
    assert (again["already_imported"], again["repeats"]) == (True, first["id"])


async def test_a_dry_run_says_what_would_change_and_changes_nothing(api: Api) -> None:
    found = (await bring(api, dry_run="true")).json()
    assert (found["dry_run"], found["status"], found["accepted"]) == (True, "done", 1)
    assert found["diff"]
    assert await api.allowed(BOB) == "NO-CONSENT"
    assert api.acts("consent import") == []


async def test_the_scope_of_withdrawals_can_be_everything(api: Api) -> None:
    await api.ask("POST", "consent/imports", "own", params={"list": "offers"}, content=GENERIC + row(BOB, "offers"))
    gone = "email,list_id,event_state,event_time\nbob@recipient.example,newsletter,withdrawn,2026-04-01T00:00:00Z\n"
    assert (await bring(api, gone)).json()["facts"]["withdrawals"] == 1
    assert await api.allowed(BOB, "offers") is None
    await bring(api, gone, scope="all")
    assert await api.allowed(BOB, "offers") == "WITHDRAWN"


async def test_a_large_file_is_a_job_that_can_be_asked_after(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "AT_ONCE", 100)
    answer = await bring(api, GENERIC + "".join(row(f"r{n}@recipient.example") for n in range(50)))
    assert answer.status_code == 202
    where = answer.headers["location"]
    assert where == f"/api/v1/jobs/{answer.json()['id']}"
    found: dict[str, Any] = {}
    for _ in range(1200):
        found = (await api.ask("GET", where, "own")).json()
        assert 0 <= found["progress"] <= 1
        if found["status"] == "done":
            break
        await asyncio.sleep(0.05)
    assert (found["status"], found["accepted"], found["progress"]) == ("done", 50, 1.0)
    listed = (await api.ask("GET", "consent/imports", "own")).json()["imports"]
    assert [each["id"] for each in listed] == [found["id"]]


async def test_what_takes_too_long_is_a_job_too(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "_ANSWER_SECONDS", 0.0)
    answer = await bring(api)
    assert (answer.status_code, "location" in answer.headers) == (202, True)
    await api.gateway.jobs.wait(answer.json()["id"])


async def test_the_operators_hands_are_not_named_to_a_customer(api: Api) -> None:
    order = (await bring(api, who="admin")).json()
    shown = (await api.ask("GET", f"/api/v1/jobs/{order['id']}", "own")).json()
    assert shown["uploader"].startswith("token:")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"list": "NO"}, "list: "),
        ({"format": "punchcards"}, "no such format"),
        ({"tz": "Mars/Olympus"}, "Mars/Olympus"),
        ({"notice": "no such id"}, "notice: "),
        ({"scope": "some"}, "scope: "),
        ({"filename": "a\x00b"}, "filename: "),
        ({"dry_run": "perhaps"}, "dry_run: "),
    ],
)
async def test_what_is_wrong_with_a_question_is_named(api: Api, query: dict[str, str], named: str) -> None:
    assert named in str(is_problem(await bring(api, **query), 422)["detail"])
    assert api.gateway.jobs.waiting == 0


async def test_a_list_is_required(api: Api) -> None:
    problem = is_problem(await api.ask("POST", "consent/imports", "own", content=FILE), 422)
    assert str(problem["detail"]).startswith("list: ")


async def test_too_many_imports_are_asked_to_wait(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Jobs, customer: str) -> None:
        raise JobsFull("100 imports wait already: try again when some of them have ended")

    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "reserve", full)
        answer = await bring(api)
    assert "wait already" in str(is_problem(answer, 503)["detail"])
    assert answer.headers["retry-after"]


async def test_a_job_that_is_none_is_404(api: Api) -> None:
    assert (
        is_problem(await api.ask("GET", f"/api/v1/jobs/{'0' * 24}", "admin"), 404)["detail"] == f"no job '{'0' * 24}'"
    )
    is_problem(await api.ask("GET", "/api/v1/jobs/x", "admin"), 422)


async def test_a_sender_that_hangs_up_leaves_nothing_behind(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    host, _, port = api.gateway.http_address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = "POST /api/v1/customers/acme/consent/imports?list=a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
    writer.write(f"{head}Authorization: Bearer {api.tokens['own']}\r\n\r\nhalf".encode())
    await writer.drain()
    folder = api.gateway.settings.data_dir / "imports"
    for begun in (True, False):
        for _ in range(3000):
            if bool(list(folder.iterdir())) == begun:
                break
            await asyncio.sleep(0.02)
        assert bool(list(folder.iterdir())) == begun
        writer.close()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_beyond_ten_megabytes_what_is_wrong_with_the_file_is_told_by_its_job(api: Api) -> None:
    assert (await bring(api, b"x" * imports.AT_ONCE)).status_code == 422
    answer = await bring(api, b"x" * (imports.AT_ONCE + 1))
    assert answer.status_code == 202, answer.text
    found = await api.gateway.jobs.wait(answer.json()["id"])
    shown = (await api.ask("GET", answer.headers["location"], "own")).json()
    assert (found.status, shown["status"], shown["progress"]) == ("refused", "refused", 1.0)
    assert shown["reason"]
