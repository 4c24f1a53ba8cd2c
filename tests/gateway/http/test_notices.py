"""Notices over HTTP."""

from consent.notices import MOST_CHARACTERS
from tests.gateway.http.conftest import Api, is_problem

NOTICE = {"id": "signup-3", "text": "I want the newsletter.\nI can withdraw.", "language": "en"}


async def test_a_notice_is_kept_and_never_changed(api: Api) -> None:
    kept = await api.tell("notices", **NOTICE)
    assert (kept["text"], kept["default_checked"]) == (NOTICE["text"], False)
    assert await api.tell("notices", **NOTICE) == kept
    problem = is_problem(await api.ask("POST", "notices", "own", json=NOTICE | {"text": "Another."}), 409)
    assert "new id" in str(problem["detail"])
    assert (await api.ask("GET", "notices/signup-3", "auditor")).json() == kept
    assert (await api.ask("GET", "notices", "own")).json() == {"notices": [kept]}
    assert [act["details"]["sha256"] for act in api.acts("notices add")] == [kept["sha256"]]


async def test_a_long_text_fits_however_it_is_written(api: Api) -> None:
    text = "\N{GRINNING FACE}" * MOST_CHARACTERS
    body = '{"id": "long", "text": "' + "\\ud83d\\ude00" * MOST_CHARACTERS + '"}'
    answer = await api.ask("POST", "notices", "own", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["text"] == text) == (201, True)
    is_problem(await api.ask("POST", "notices", "own", json={"id": "x", "text": text + "x"}), 422)
    is_problem(await api.ask("POST", "notices", "own", content=b" " * 2_100_000), 413)


async def test_what_is_wrong_is_named(api: Api) -> None:
    wrong = {"id": "no id", "text": " ", "language": "?", "url": "javascript:x", "html_sha256": "x"}
    for name, value in wrong.items():
        answer = await api.ask("POST", "notices", "own", json=NOTICE | {name: value})
        assert name in str(is_problem(answer, 422)["detail"])
    assert is_problem(await api.ask("GET", "notices/none", "own"), 404)["detail"] == (
        "customer 'acme' has no notice 'none' on file"
    )
