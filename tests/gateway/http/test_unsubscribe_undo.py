"""Undo: within a day, by the same token, what it took and no more."""

from tests.gateway.http.conftest import Api
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
    tell,
)


async def test_undo_gives_back_what_the_token_took(public: Api) -> None:
    await opted_in(public, "newsletter", "spring")
    path = path_of(public.gateway, BOB)
    is_ours(await public.client.post(path, data={"act": "all"}), 200)
    later(public.gateway, hours=23)
    answer = is_ours(await public.client.post(path, data={"act": "undo"}), 200)
    assert "You get the mail again as before." in Parsed(answer).text
    assert [await reason(public, name) for name in ("newsletter", "spring", "another")] == [None, None, "WITHDRAWN"]
    given = events(public)[-2:]
    assert {(each.state, each.grade, each.entity, each.imported) for each in given} == {
        ("confirmed", 3, "recipient", False)
    }
    assert {each.list for each in given} == {"newsletter", "spring"}
    (act,) = public.acts("unsubscribe undo")
    assert act["customer"] == "acme"
    # And again: leaving after that is leaving.
    later(public.gateway, minutes=1)
    is_ours(await public.client.post(path, data=ONE_CLICK), 200)
    assert (await reason(public), await reason(public, "spring")) == ("WITHDRAWN", None)


async def test_undo_works_at_the_very_instant_of_leaving(public: Api) -> None:
    await opted_in(public)
    path = path_of(public.gateway, BOB)
    is_ours(await public.client.post(path, data={"act": "list"}), 200)
    is_ours(await public.client.post(path, data={"act": "undo"}), 200)
    later(public.gateway, seconds=1)
    assert await reason(public) is None


async def test_after_a_day_nothing_can_be_undone(public: Api) -> None:
    await opted_in(public)
    path = path_of(public.gateway, BOB)
    is_ours(await public.client.post(path, data={"act": "list"}), 200)
    later(public.gateway, hours=24)
    assert Parsed(is_ours(await public.client.get(path), 200)).buttons.keys() == {"all"}
    answer = is_ours(await public.client.post(path, data={"act": "undo"}), 200)
    assert "More than 24 hours have passed" in Parsed(answer).text
    assert await reason(public) == "WITHDRAWN"


async def test_undo_lifts_nothing_that_came_by_another_way(public: Api) -> None:
    await opted_in(public)
    path = path_of(public.gateway, BOB)
    is_ours(await public.client.post(path, data={"act": "list"}), 200)
    later(public.gateway, minutes=1)
    other = path_of(public.gateway, BOB, reference="0" * 26)
    await public.client.post(other, data={"act": "undo"})
    assert await reason(public) == "WITHDRAWN"
    await tell(public, "consent/withdrawals", address=BOB, reason="complaint")
    later(public.gateway, minutes=1)
    assert "undo" not in Parsed(is_ours(await public.client.get(path), 200)).buttons
    is_ours(await public.client.post(path, data={"act": "undo"}), 200)
    assert await reason(public) == "COMPLAINT"


async def test_undo_makes_no_ground_where_there_was_none(public: Api) -> None:
    path = path_of(public.gateway, BOB)
    assert "No consent of yours is on file." in Parsed(is_ours(await public.client.get(path), 200)).text
    is_ours(await public.client.post(path, data={"act": "list"}), 200)
    later(public.gateway, minutes=1)
    is_ours(await public.client.post(path, data={"act": "undo"}), 200)
    assert [each.state for each in events(public)] == ["withdrawn"]


async def test_undo_gives_a_relationship_no_longer_life_than_it_had(public: Api) -> None:
    told = {"address": BOB, "kind": "purchase", "basis": "2024-12-20", "reference": "invoice 4711"}
    await tell(public, "relationships", **told)
    later(public.gateway, minutes=1)
    assert await reason(public) is None
    path = path_of(public.gateway, BOB)
    assert "is on file since 20 November 2026" in Parsed(is_ours(await public.client.get(path), 200)).text
    is_ours(await public.client.post(path, data={"act": "list"}), 200)
    later(public.gateway, minutes=1)
    is_ours(await public.client.post(path, data={"act": "undo"}), 200)
    assert await reason(public) is None
    later(public.gateway, days=29)  # 19 December
    assert await reason(public) is None
    later(public.gateway, days=2)
    assert await reason(public) == "WITHDRAWN"
