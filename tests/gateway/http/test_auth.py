"""Every endpoint, asked by every kind of caller."""

import statistics
import time

import pytest

from gateway.http.auth import authenticate
from gateway.http.problems import Problem
from tests.gateway.http.conftest import Api, is_problem

UNKNOWN = ("none", "wrong", "garbage", "revoked")
SUSPEND, RESUME, AUDIT = "/api/v1/customers/acme/suspend", "/api/v1/customers/acme/resume", "/api/v1/audit"
ALLOWED = {
    ("POST", SUSPEND): ("admin",),
    ("POST", RESUME): ("admin",),
    ("GET", AUDIT): ("admin", "auditor", "own", "other"),
}
OPEN = ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json")


async def test_each_endpoint_answers_each_role_as_it_should(api: Api) -> None:
    for (method, path), allowed in ALLOWED.items():
        body = {"reason": "test"} if method == "POST" else None
        for who in (*UNKNOWN, "auditor", "own", "other", "admin"):
            answer = await api.client.request(method, path, json=body, headers=api.as_(who))
            if who in UNKNOWN:
                is_problem(answer, 401)
                assert answer.headers["www-authenticate"].startswith('Bearer realm="postern"')
                assert ("invalid_token" in answer.headers["www-authenticate"]) == (who != "none")
            elif who in allowed:
                assert answer.status_code == 200, (method, path, who, answer.text)
            else:
                is_problem(answer, 403)
                assert "insufficient_scope" in answer.headers["www-authenticate"]


async def test_health_metrics_and_description_need_no_token(api: Api) -> None:
    for path in OPEN:
        assert (await api.client.get(path)).status_code == 200


async def test_without_a_token_nothing_is_learnt_about_the_request(api: Api) -> None:
    for path in (SUSPEND, "/api/v1/customers/nobody/suspend", "/api/v1/customers/NOT AN ID/suspend"):
        for content in (b"{", b"", b'{"reason": ""}', b'{"reason": "x"}'):
            answer = await api.client.post(path, content=content, headers={"Content-Type": "application/json"})
            is_problem(answer, 401)


async def test_unknown_wrong_and_revoked_tokens_are_answered_alike(api: Api) -> None:
    answers = [await api.audit(who) for who in ("wrong", "garbage", "revoked")]
    assert len({answer.text for answer in answers}) == 1
    assert len({answer.headers["www-authenticate"] for answer in answers}) == 1


async def test_other_authorization_fields_are_no_token(api: Api) -> None:
    for field in ("Basic YTpi", "Bearer", "Bearer  x y", "postern", "Bearer " + "x" * 9000, "Bearer \xff"):
        is_problem(await api.client.get(AUDIT, headers=[(b"Authorization", field.encode("latin-1"))]), 401)


async def test_the_scheme_is_taken_in_any_case(api: Api) -> None:
    answer = await api.client.get(AUDIT, headers={"Authorization": f"bEARER {api.tokens['auditor']}"})
    assert answer.status_code == 200


async def test_a_token_revoked_meanwhile_no_longer_counts(api: Api) -> None:
    assert (await api.audit("auditor")).status_code == 200
    number = api.tokens["auditor"].split("_")[1]
    api.gateway.stores.tokens.revoke(number, api.gateway.clock())
    is_problem(await api.audit("auditor"), 401)


async def test_a_wrong_secret_takes_as_long_as_an_unknown_token(api: Api) -> None:
    """Coarse on purpose: it finds a look-up that is skipped, not nanoseconds."""

    async def seconds(token: str) -> float:
        begun = time.perf_counter()
        with pytest.raises(Problem):
            await authenticate(api.gateway.stores.tokens, ("admin",), f"Bearer {token}")
        return time.perf_counter() - begun

    unknown = "postern_" + "0" * 12 + "_" + "x" * 43
    found: dict[str, list[float]] = {"known": [], "unknown": []}
    for _ in range(60):
        found["known"].append(await seconds(api.tokens["wrong"]))
        found["unknown"].append(await seconds(unknown))
    ratio = statistics.median(found["known"]) / statistics.median(found["unknown"])
    assert 0.4 < ratio < 2.5
