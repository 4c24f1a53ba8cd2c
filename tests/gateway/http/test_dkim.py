"""DKIM keys over HTTP: what to publish, and nothing private."""

import base64

from gateway.sign import generate
from tests.gateway.http.conftest import Api, is_problem


async def test_a_customer_sees_its_keys_and_what_to_publish(api: Api) -> None:
    assert (await api.ask("GET", "dkim", "own")).json() == {"keys": []}
    private, public = generate("rsa")
    store, now = api.gateway.stores.dkim_keys, api.gateway.clock()
    made = store.add("acme", "acme.example", "p1", "rsa", public, private, now)
    answer = await api.ask("GET", "dkim", "own")
    (key,) = answer.json()["keys"]
    assert (key["name"], key["state"], key["needed_until"]) == ("p1._domainkey.acme.example", "pending", None)
    assert "".join(key["strings"]) == key["record"] == made.record
    assert set(key).isdisjoint({"sealed", "private", "owner"})
    assert base64.b64encode(private).decode()[-30:] not in answer.text
    store.activate(made, now)
    (key,) = (await api.ask("GET", "dkim", "auditor")).json()["keys"]
    assert (key["state"], key["activated"] is not None) == ("active", True)


async def test_another_customer_sees_none_of_them(api: Api) -> None:
    is_problem(await api.ask("GET", "dkim", "other"), 404)
    is_problem(await api.ask("GET", "dkim", "none"), 401)
