"""The outbox, on SQLite and on a real PostgreSQL: nothing is lost, nothing told twice, nobody waits for another."""

import json
import multiprocessing
import threading
from datetime import timedelta

import pytest

from consent import outbox as module
from consent.database import Database
from consent.outbox import DELIVERED_KEPT, FAILED_KEPT, TRIED_FOR, Dispatch, Outbox, OutboxFull, UnknownDispatch
from consent.schema import dispatch_marks
from tests.rig.registry import NOW

pytest_plugins = ("tests.rig.contracts",)

LEASE = timedelta(seconds=150)
HOUR = timedelta(hours=1)


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


def add(outbox: Outbox, customer: str = "acme", **data: object) -> str:
    number = outbox.add(customer, "test", data, NOW)
    assert number is not None
    return number


def claim(outbox: Outbox, count: int = 8, without: tuple[str, ...] = (), **later: float) -> list[Dispatch]:
    return list(outbox.claim(NOW + timedelta(**later), LEASE, count, without))


def test_what_is_added_is_claimed_as_it_was(outbox: Outbox) -> None:
    number = add(outbox, used=9)
    (found,) = claim(outbox)
    assert (found.id, found.customer, found.type, found.status, found.attempts) == (
        number,
        "acme",
        "test",
        "waiting",
        1,
    )
    assert (found.created, found.due, found.until) == (NOW, NOW + LEASE, NOW + TRIED_FOR)
    body = json.loads(found.body)
    assert body == {"id": number, "type": "test", "timestamp": "2026-03-04T05:06:07.891+00:00", "data": {"used": 9}}


def test_a_claim_is_nobody_elses_until_its_lease_is_over(outbox: Outbox) -> None:
    add(outbox)
    (first,) = claim(outbox)
    assert claim(outbox) == []
    assert claim(outbox, seconds=149) == []
    (second,) = claim(outbox, seconds=150)
    assert (second.id, second.body, second.attempts) == (first.id, first.body, 2)


def test_who_was_too_slow_changes_nothing(outbox: Outbox) -> None:
    add(outbox)
    (slow,) = claim(outbox)
    (other,) = claim(outbox, seconds=150)
    assert not outbox.failed(slow, NOW, "too late")
    assert not outbox.again(slow, NOW, "too late")
    assert not outbox.delivered(slow, NOW)
    assert outbox.delivered(other, NOW)
    assert not outbox.delivered(other, NOW)
    (kept,) = outbox.list()
    assert (kept.status, kept.ended, kept.error) == ("delivered", NOW, "")


def test_what_failed_comes_back_when_it_is_due(outbox: Outbox) -> None:
    add(outbox)
    (first,) = claim(outbox)
    assert outbox.again(first, NOW + HOUR, "answered 500" * 100)
    assert claim(outbox, minutes=59) == []
    (second,) = claim(outbox, hours=1)
    assert second.attempts == 2
    assert second.error.startswith("answered 500")
    assert len(second.error) == 300


def test_one_of_each_customer_and_none_of_those_that_are_busy(outbox: Outbox) -> None:
    for _ in range(module._LOOKED_AT + 1):
        add(outbox, "flood")
    outbox.add("other", "test", {}, NOW + timedelta(seconds=1))
    assert [each.customer for each in claim(outbox, seconds=1)] == ["flood"]
    assert [each.customer for each in claim(outbox, seconds=1, without=("flood",))] == ["other"]


def test_no_more_than_there_is_room_for(outbox: Outbox) -> None:
    for name in ("a", "b", "c"):
        add(outbox, name)
    assert len(claim(outbox, count=2)) == 2
    assert len(claim(outbox, count=2)) == 1


def test_what_was_told_is_told_again_only_when_its_time_is_over(outbox: Outbox) -> None:
    def tell(minutes: float, *keys: str) -> bool:
        now = NOW + timedelta(minutes=minutes)
        return outbox.add("acme", "test", {}, now, once=keys, until=now + HOUR) is not None

    assert tell(0, "90")
    assert not tell(59, "90")
    assert tell(60, "90")
    assert outbox.add("other", "test", {}, NOW, once=["90"], until=NOW + HOUR), "each customer has its own"
    assert tell(61, "100", "90"), "the first key decides"
    assert not tell(120.5, "90"), "and takes the others with it"
    assert len(outbox.list(customer="acme")) == 3


def test_a_key_alone_tells_nobody(outbox: Outbox) -> None:
    assert outbox.add("acme", "test", {}, NOW, once=["x"], until=NOW + HOUR, deliver=False)
    assert outbox.list() == ()
    assert outbox.add("acme", "test", {}, NOW, once=["x"], until=NOW + HOUR) is None


def test_a_full_outbox_takes_nothing_and_no_key(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    add(outbox)
    add(outbox)
    with pytest.raises(OutboxFull, match="'acme': 2 dispatches wait already"):
        outbox.add("acme", "test", {}, NOW, once=["x"], until=NOW + HOUR)
    add(outbox, "other")
    (one,) = claim(outbox, count=1, without=("other",))
    outbox.delivered(one, NOW)
    assert outbox.add("acme", "test", {}, NOW, once=["x"], until=NOW + HOUR)


def test_a_body_is_bounded(outbox: Outbox) -> None:
    with pytest.raises(ValueError, match="more than 20000 octets"):
        outbox.add("acme", "test", {"x": "y" * 20_000}, NOW)
    assert outbox.list() == ()


def test_what_was_given_up_is_tried_again_for_three_days_when_asked(outbox: Outbox) -> None:
    first, second, other = add(outbox), add(outbox), add(outbox, "other")
    lost = [*claim(outbox, without=("other",)), *claim(outbox, without=("other",)), *claim(outbox, without=("acme",))]
    assert len(lost) == 3
    for each in lost:
        outbox.failed(each, NOW, "answered 500")
    later = NOW + timedelta(days=4)
    (again,) = outbox.retry(later, number=first)
    assert (again.status, again.due, again.until, again.attempts) == ("waiting", later, later + TRIED_FOR, 0)
    assert outbox.retry(later, number=first) == (), "it waits"
    assert [each.id for each in outbox.retry(later, customer="acme")] == [second]
    assert [each.id for each in outbox.list(status="failed")] == [other]
    with pytest.raises(UnknownDispatch, match="no dispatch 'evt_0'"):
        outbox.retry(later, number="evt_0")


def test_how_the_outbox_is(outbox: Outbox) -> None:
    assert (outbox.waiting().waiting, outbox.waiting().failed, outbox.waiting().oldest) == (0, 0, None)
    for name in ("a", "b", "c"):
        add(outbox, name)
    one, two = claim(outbox, count=2)
    outbox.delivered(one, NOW)
    outbox.failed(two, NOW, "x")
    found = outbox.waiting()
    assert (found.waiting, found.failed, found.oldest) == (1, 1, NOW)


def test_what_ended_long_ago_is_forgotten_and_nothing_that_waits(outbox: Outbox) -> None:
    for name in ("a", "b", "c"):
        add(outbox, name)
    one, two = claim(outbox, count=2)
    outbox.delivered(one, NOW)
    outbox.failed(two, NOW, "x")
    second = timedelta(seconds=1)
    for days, left in ((DELIVERED_KEPT, 3), (DELIVERED_KEPT + second, 2), (FAILED_KEPT, 2), (FAILED_KEPT + second, 1)):
        outbox.purge(NOW + days)
        assert len(outbox.list()) == left
    assert outbox.list()[0].status == "waiting"


def test_keys_are_forgotten_with_their_time(outbox: Outbox, database: Database) -> None:
    outbox.add("acme", "test", {}, NOW, once=["x"], until=NOW + HOUR)
    for later, left in ((HOUR - timedelta(seconds=1), 1), (HOUR, 0)):
        outbox.purge(NOW + later)
        with database.reading() as connection:
            assert len(connection.execute(dispatch_marks.select()).all()) == left


def _deliver_all(url: str, start: threading.Barrier, told: "multiprocessing.Queue[list[str]]") -> None:
    """In a process of its own: claim and deliver until nothing is left."""
    database = Database(url)
    outbox, mine = Outbox(database), []
    start.wait(60)
    while claimed := outbox.claim(NOW, LEASE, 8):
        for dispatch in claimed:
            assert outbox.delivered(dispatch, NOW)
            mine.append(dispatch.id)
    told.put(mine)
    database.close()


def test_processes_that_share_it_deliver_each_once(outbox: Outbox, url: str) -> None:
    ids = {add(outbox, f"customer-{number % 10}") for number in range(60)}
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(3), context.Queue()
    workers = [context.Process(target=_deliver_all, args=(url, start, told)) for _ in range(3)]
    for worker in workers:
        worker.start()
    delivered = [number for _ in workers for number in told.get(timeout=120)]
    for worker in workers:
        worker.join(60)
    # Who finds all that is left locked by another ends early: what is left is with that other.
    assert len(delivered) == len(set(delivered))
    assert set(delivered) == ids


def test_one_of_many_that_say_the_same_at_once_is_told(outbox: Outbox) -> None:
    found: list[str | None] = []
    start = threading.Barrier(6)

    def tell() -> None:
        start.wait(30)
        found.append(outbox.add("acme", "test", {}, NOW, once=["90"], until=NOW + HOUR))

    threads = [threading.Thread(target=tell) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(each is not None for each in found) == 1
    assert len(outbox.list()) == 1


def test_what_was_told_is_known_by_its_keys(outbox: Outbox) -> None:
    outbox.add("acme", "test", {}, NOW, once=["a"], until=NOW + HOUR)
    assert outbox.told("acme", ["a", "b"]) == {"a"}
    assert outbox.told("brand", ["a"]) == outbox.told("acme", []) == set()
