"""Domains over HTTP: on the operator's word or by a token, one holder, in force at once, in the audit."""

import pytest

from tests.gateway.http.conftest import Api, is_problem
from tests.rig.dns import Dns

SHOP = {"domain": "shop.example"}
NAME = "_postern-challenge.shop.example"


async def sources(api: Api) -> dict[str, str]:
    answer = await api.ask("GET", "domains", "auditor")
    return {each["domain"]: each["source"] for each in answer.json()["domains"]}


async def test_a_domain_is_added_on_the_operators_word_and_removed(api: Api) -> None:
    made = await api.tell("domains", "admin", domain="SHOP.example.", reason="contract 4711")
    assert (made["domain"], made["source"], made["reason"]) == ("shop.example", "assertion", "contract 4711")
    assert api.gateway.directory.holders["shop.example"] == "acme"
    assert await api.tell("domains", "admin", **SHOP, reason="again") == made
    assert await api.tell("domains/remove", "admin", **SHOP, reason="contract ended") == made
    assert "shop.example" not in api.gateway.directory.holders
    (added,), (removed,) = api.acts("domains add"), api.acts("domains remove")
    assert (added["target"], added["reason"], added["details"]["source"]) == (
        "shop.example", "contract 4711", "assertion",
    )  # fmt: skip
    assert removed["reason"] == "contract ended"


async def test_a_token_in_the_zone_proves_a_domain(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = await api.ask("POST", "domains", "admin", json=SHOP)
    detail = str(is_problem(answer, 409)["detail"])
    assert "no [dns] servers are set" in detail and "_postern-challenge.shop.example. IN TXT" in detail
    with Dns().serving() as server:
        settings = api.gateway.settings
        dns = settings.dns.model_copy(update={"servers": (server.address,)})
        monkeypatch.setattr(api.gateway, "settings", settings.model_copy(update={"dns": dns}))
        detail = str(is_problem(await api.ask("POST", "domains", "admin", json=SHOP), 409)["detail"])
        assert "the DNS does not hold the token yet; nothing was added: publish " in detail
        server.trouble[NAME] = "SERVFAIL"
        answer = await api.ask("POST", "domains", "admin", json=SHOP)
        assert "nothing was added" in str(is_problem(answer, 503)["detail"])
        assert "shop.example" not in await sources(api)
        server.trouble.clear()
        server.texts(NAME, detail.partition('IN TXT "')[2].partition('"')[0])
        assert (await api.tell("domains", "admin", **SHOP))["source"] == "dns"
    assert api.acts("domains add")[0]["details"]["name"] == NAME


async def test_what_another_holds_what_stands_in_the_file_and_what_is_not_held(api: Api) -> None:
    for path, domain, status, words in [
        ("domains", "nets.example", 409, "is held by customer 'nets'"),
        ("domains/remove", "acme.example", 409, "stands in the file"),
        ("domains/remove", "shop.example", 404, "nothing was changed"),
        ("domains", "shop", 422, "domain: "),
    ]:
        answer = await api.ask("POST", path, "admin", json={"domain": domain, "reason": "x"})
        assert words in str(is_problem(answer, status)["detail"]), path
        if status != 422:
            answer = await api.ask(
                "POST", f"/api/v1/customers/nobody/{path}", "admin", json={"domain": domain, "reason": "x"}
            )
            is_problem(answer, 404)
    assert api.acts("domains add") == api.acts("domains remove") == []
