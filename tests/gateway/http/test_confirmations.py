"""Having people asked to confirm, by the API: only who has asked, only so often, and each refusal says what to do."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from consent.confirmations import Confirmation
from tests.gateway.http.conftest import Api, is_problem
from tests.gateway.test_webhooks import until
from tests.rig.confirming import REQUEST, api_post, asked, confirming, letter, path_in, requested, sent
from tests.rig.gateway import CUSTOMERS
from tests.rig.unsubscribing import BOB, SHOWN, events, later, reason


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with confirming(tmp_path) as found:
        yield found


async def shown(api: Api, number: str, who: str = "own", customer: str = "acme") -> Any:
    url = f"http://{api.gateway.http_address}/api/v1/customers/{customer}/confirmations/{number}"
    return await api.client.get(url, headers=api.as_(who))


async def test_a_request_on_file_is_answered_by_one_mail(api: Api) -> None:
    told = await requested(api)
    answer = await asked(api)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["list"], made["request"], made["status"], made["used"]) == ("newsletter", told["id"], "waiting", None)
    assert (made["created"], made["expires"]) == ("2026-11-20T10:00:00Z", "2026-11-27T10:00:00Z")
    await sent(api)
    (message,) = api.hop.messages
    assert message.recipients == (BOB,)
    found = (await shown(api, made["id"])).json()
    assert (found["status"], found["attempts"], found["error"]) == ("sent", 1, None)
    # What a customer sees makes no link.
    assert path_in(letter(api)).removeprefix("/c/") not in str(found)
    await sent(api)
    assert len(api.hop.messages) == 1
    assert api.acts("consent confirm") == []


async def test_it_goes_by_itself_and_at_once(api: Api) -> None:
    await requested(api)
    await asked(api)
    await until(lambda: bool(api.hop.messages))


async def test_without_a_request_it_says_how_to_record_one(api: Api) -> None:
    await api_post(api, "consent/events", **{**REQUEST, "state": "given", "address": "ann@recipient.example"})
    for address in (BOB, "ann@recipient.example"):
        problem = is_problem(await asked(api, address=address), 409)
        assert "no request of the last 7 days" in str(problem["detail"])
        assert "/consent/events" in str(problem["detail"])
    assert is_problem(await asked(api, list="never-named"), 404)
    await sent(api)
    assert api.hop.messages == []


@pytest.mark.parametrize("changes", [{"list": "another"}, {"address": "ann@recipient.example"}])
async def test_a_request_for_another_list_or_by_another_is_none(api: Api, changes: dict[str, str]) -> None:
    await requested(api)
    await requested(api, address="eve@recipient.example", list="another")
    is_problem(await asked(api, **changes), 409)


async def test_a_request_is_good_for_seven_days(api: Api) -> None:
    await requested(api)
    later(api.gateway, days=7)
    assert (await asked(api)).status_code == 201
    await sent(api)
    later(api.gateway, seconds=1)
    is_problem(await asked(api), 409)


async def test_one_told_too_late_is_none(api: Api) -> None:
    await requested(api, at="2026-11-20T09:30:00Z")
    is_problem(await asked(api), 409)


async def test_who_has_confirmed_is_not_asked_again(api: Api) -> None:
    await requested(api)
    await asked(api)
    await sent(api)
    await api.client.post(path_in(letter(api)), data={"act": "confirm"})
    assert await reason(api) is None
    later(api.gateway, minutes=1)
    assert "confirmed already" in str(is_problem(await asked(api), 409)["detail"])


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("consent/withdrawals", {"list": "newsletter"}, "unsubscribed"),
        ("consent/withdrawals", {"reason": "complaint"}, "unsubscribed"),
        ("consent/erasures", {}, "unsubscribed"),
        ("suppressions", {"reason": "hard_bounce"}, "undeliverable"),
    ],
)
async def test_what_stops_mail_stops_this_too(api: Api, path: str, body: dict[str, Any], words: str) -> None:
    await requested(api)
    later(api.gateway, minutes=1)
    told = await api_post(api, path, address=BOB, **body)
    assert told.is_success, told.text
    assert words in str(is_problem(await asked(api), 409)["detail"]).lower()


async def test_a_suspended_customer_asks_nobody(api: Api) -> None:
    await requested(api)
    assert (await api_post(api, "suspend", "admin", reason="complaints")).is_success
    assert "suspended" in str(is_problem(await asked(api), 409)["detail"])


async def test_a_box_that_was_ticked_in_advance_is_no_request(api: Api) -> None:
    await api_post(api, "notices", id="signup-3", text="Send me all.", language="en", default_checked=True)
    await requested(api)
    assert "ticked in advance" in str(is_problem(await asked(api), 409)["detail"])


async def test_an_address_that_no_next_hop_need_take_is_refused(api: Api) -> None:
    await requested(api, address="jörg@recipient.example")
    assert "not ASCII" in str(is_problem(await asked(api, address="jörg@recipient.example"), 409)["detail"])
    await requested(api, address="bob@bücher.example")
    assert (await asked(api, address="bob@bücher.example")).status_code == 201
    await sent(api)
    assert api.hop.messages[0].recipients == ("bob@xn--bcher-kva.example",)


async def test_while_one_waits_asking_again_makes_no_second(api: Api) -> None:
    api.hop.on("RCPT", "450 4.2.0 Later", "450 4.2.0 Later")
    await requested(api)
    first, second = await asked(api), await asked(api)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    await sent(api)
    found = (await shown(api, first.json()["id"])).json()
    assert (found["status"], "450" in found["error"], found["sent"]) == ("waiting", True, None)


async def test_two_mails_for_one_request(api: Api) -> None:
    await requested(api)
    for _ in range(2):
        assert (await asked(api)).status_code == 201
        await sent(api)
    answer = await asked(api)
    assert "two confirmation mails were sent in answer to this request" in str(is_problem(answer, 429)["detail"])
    assert "retry-after" not in answer.headers
    assert len(api.hop.messages) == 2


async def test_a_bomb_of_fifty_forms_gives_two_mails(tmp_path: Path) -> None:
    forms = [
        {"id": f"form-{number}", "name": f"Form {number}", "domains": [f"form-{number}.example"], "credentials": []}
        for number in range(50)
    ]
    async with confirming(tmp_path, customers=[*SHOWN, *forms]) as api:
        answers = []
        for number in range(50):
            await requested(api, "admin", f"form-{number}")
            answers.append(await asked(api, "admin", f"form-{number}"))
        codes, answer = [each.status_code for each in answers], answers[-1]
        assert (codes.count(201), codes.count(429)) == (2, 48)
        assert "by all senders together" in str(is_problem(answer, 429)["detail"])
        assert int(answer.headers["retry-after"]) == 7 * 86_400
        await sent(api)
        later(api.gateway, hours=1)
        await sent(api)
        assert len(api.hop.messages) == 2
        assert len({path_in(letter(api, place)) for place in range(2)}) == 2


async def test_a_customer_has_so_many_in_an_hour(tmp_path: Path) -> None:
    async with confirming(tmp_path, settings={"limits": {"confirmations_per_hour": 2}}) as api:
        answers = []
        for number in range(3):
            await requested(api, address=f"reader-{number}@recipient.example")
            answers.append(await asked(api, address=f"reader-{number}@recipient.example"))
        codes, answer = [each.status_code for each in answers], answers[-1]
        assert codes == [201, 201, 429]
        assert "confirmations_per_hour" in str(is_problem(answer, 429)["detail"])
        assert answer.headers["retry-after"] == "3600"


async def test_without_an_address_of_its_own_on_the_web_nothing_is_sent(tmp_path: Path) -> None:
    async with confirming(tmp_path, http={"public_url": ""}) as api:
        await requested(api)
        assert "public_url" in str(is_problem(await asked(api), 409)["detail"])


async def test_without_a_mailbox_nothing_is_sent(tmp_path: Path) -> None:
    async with confirming(tmp_path, customers=CUSTOMERS, settings={"operator": {}}) as api:
        await requested(api)
        assert "no mailbox to send from" in str(is_problem(await asked(api), 409)["detail"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"address": "bob"}, "address"),
        ({"list": "No List"}, "list"),
        ({"list": None}, "list"),
        ({"more": 1}, "more"),
        ({"address": None}, "address"),
    ],
)
async def test_what_is_no_question_names_the_field(api: Api, body: dict[str, Any], words: str) -> None:
    assert words in str(is_problem(await asked(api, **body), 422)["detail"])


async def test_who_may_ask_and_see(api: Api) -> None:
    await requested(api)
    made = (await asked(api)).json()
    _, api.tokens["auditor"] = api.gateway.stores.tokens.create("auditor", None, api.gateway.clock())
    _, api.tokens["other"] = api.gateway.stores.tokens.create("customer", "nets", api.gateway.clock())
    is_problem(await asked(api, "auditor"), 403)
    is_problem(await asked(api, "other"), 404)
    is_problem(await asked(api, "none"), 401)
    assert (await shown(api, made["id"], "auditor")).status_code == 200
    is_problem(await shown(api, made["id"], "other"), 404)
    is_problem(await shown(api, made["id"], "other", "nets"), 404)
    is_problem(await shown(api, "0" * 32), 404)
    is_problem(await shown(api, "x"), 422)


async def test_what_the_operator_has_sent_stands_in_the_audit(api: Api) -> None:
    await requested(api, "admin")
    made = (await asked(api, "admin")).json()
    (act,) = api.acts("consent confirm")
    assert (act["target"], act["details"]["list"], act["details"]["request"]) == (BOB, "newsletter", made["request"])
    assert len(events(api)) == 1
    assert isinstance(api.gateway.stores.confirmations.get(made["id"]), Confirmation)
