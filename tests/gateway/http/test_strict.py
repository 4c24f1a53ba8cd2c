"""Nothing that was asked is passed over."""

import json

from tests.gateway.http.conftest import ACME, GENERIC, Api, is_problem, row

EVENT = {"address": "bob@recipient.example", "state": "given", "list": "newsletter"}
IMPORTS = "consent/imports?list=newsletter"
UNREADABLE = [
    (b"[" * 30_000 + b"]" * 30_000, "nested too deeply"),
    (b'{"address": %s}' % (b"9" * 5000), "digits"),
    (b'{"address": "\xe9@recipient.example"}', "UTF-8"),
    (b'{"list": "one", "list": "two"}', "'list' stands twice"),
    (b'{"list": {"a": 1, "a": 1}}', "'a' stands twice"),
    (b"{", "not JSON: Expecting property name"),
]


async def test_a_body_that_cannot_be_read_is_422_and_says_why(api: Api) -> None:
    for content, named in UNREADABLE:
        for path in ("consent/events", "check"):
            headers = {"Content-Type": "application/json"}
            answer = await api.ask("POST", path, "own", content=content, headers=headers)
            assert named in str(is_problem(answer, 422)["detail"]), content[:40]


async def test_a_body_that_is_not_sent_as_json_is_told_how(api: Api) -> None:
    for kind in ("application/x-www-form-urlencoded", "text/plain", "*"):
        for content in (json.dumps(EVENT).encode(), b""):
            headers = {"Content-Type": kind}
            answer = await api.ask("POST", "consent/events", "own", content=content, headers=headers)
            detail = "body: must be a JSON object, sent with Content-Type: application/json"
            assert is_problem(answer, 422)["detail"] == detail


async def test_a_misspelt_parameter_is_refused_and_nothing_is_imported(api: Api) -> None:
    content = (GENERIC + row("bob@recipient.example")).encode()
    answer = await api.ask("POST", f"{IMPORTS}&dry-run=true", "own", content=content)
    detail = is_problem(answer, 422)["detail"]
    assert detail == "query: there is no parameter 'dry-run'; did you mean 'dry_run'?"
    assert (await api.ask("GET", "consent/imports", "own")).json() == {"imports": []}
    assert (await api.ask("GET", "lists?x=1", "own")).status_code == 422


async def test_a_parameter_that_stands_twice_is_refused(api: Api) -> None:
    answer = await api.ask("POST", f"{IMPORTS}&list=other", "own", content=b"email\n")
    assert is_problem(answer, 422)["detail"] == "list: stands twice in the query; give it once"


async def test_who_may_not_ask_learns_nothing_about_parameters(api: Api) -> None:
    is_problem(await api.client.get(f"{ACME}/lists?x=1"), 401)
    is_problem(await api.ask("GET", "lists?x=1", "other"), 404)
