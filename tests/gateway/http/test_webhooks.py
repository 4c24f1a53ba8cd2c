"""What customers are told, over HTTP: who sees which of it, and what was given up is tried again."""

from tests.gateway.http.conftest import Api, is_problem


def given_up(api: Api, customer: str, number: int) -> str:
    """The id of an event that was given up."""
    outbox, now = api.gateway.stores.outbox, api.gateway.clock()
    name = outbox.add(customer, "test", {"number": number}, now)
    assert name is not None
    (dispatch,) = (each for each in outbox.list(customer=customer) if each.id == name)
    assert outbox.failed(dispatch, now, "status 500")
    return name


async def test_a_customer_sees_what_it_was_told_and_the_operator_all_of_it(api: Api) -> None:
    ours, theirs = given_up(api, "acme", 1), given_up(api, "nets", 2)
    (shown,) = (await api.ask("GET", "webhooks", "own")).json()["dispatches"]
    assert (shown["id"], shown["customer"], shown["type"], shown["status"]) == (ours, "acme", "test", "failed")
    assert (shown["error"], shown["next"]) == ("status 500", None)
    assert shown["ended"] is not None and "body" not in shown
    everything = (await api.ask("GET", "/api/v1/webhooks", "auditor")).json()["dispatches"]
    assert {each["id"] for each in everything} == {ours, theirs}
    assert (await api.ask("GET", "webhooks?status=waiting", "own")).json() == {"dispatches": []}
    is_problem(await api.ask("GET", "webhooks?status=lost", "own"), 422)


async def test_one_event_or_all_that_were_given_up_are_tried_again_and_recorded(api: Api) -> None:
    one, two, theirs = given_up(api, "acme", 1), given_up(api, "acme", 2), given_up(api, "nets", 3)
    (again,) = (await api.tell("webhooks/retry", "admin", id=one))["dispatches"]
    assert (again["id"], again["status"], again["attempts"]) == (one, "waiting", 0)
    assert again["next"] is not None
    assert [each["id"] for each in (await api.tell("webhooks/retry", "admin"))["dispatches"]] == [two]
    assert (await api.tell("webhooks/retry", "admin"))["dispatches"] == [], "what waits is left as it is"
    is_problem(await api.post("/api/v1/customers/acme/webhooks/retry", "admin", id=theirs), 404)
    is_problem(await api.post("/api/v1/customers/acme/webhooks/retry", "own", id=one), 403)
    acts = api.acts("webhooks retry")
    assert [(each["customer"], each["details"]) for each in acts] == [
        ("acme", {"dispatches": [one], "count": 1}),
        ("acme", {"dispatches": [two], "count": 1}),
    ]
