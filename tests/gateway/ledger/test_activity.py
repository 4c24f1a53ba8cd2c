"""Activity in memory: what is bounded, and what it costs in Redis; the contract is tests/test_contracts_activity.py."""

from dataclasses import replace

from filters.activity import KEPT_DAYS, Measured
from gateway.ledger.activity import COUNTERS, DAY, ActivityMemory, Kind, Passage, Watch, activity_of, message

ONE = Passage(("ann",), ("acme",), "192.0.2.0/24", "body", 1)


def watch(kind: Kind, credential: str = "app", passage: Passage | None = ONE) -> Watch:
    return Watch(kind, "acme", credential, passage)


def test_of_too_many_credentials_the_one_unused_longest_is_as_new() -> None:
    memory = ActivityMemory(2)
    for name in ("first", "second", "first", "third"):
        memory.do(watch(Kind.COUNT, name), 0)
    numbers = {name: activity_of(memory.do(watch(Kind.LOOK, name), 0)) for name in ("first", "second", "third")}
    assert {name: each.recipients for name, each in numbers.items()} == {
        "first": Measured(3, 0), "second": Measured(1, 0), "third": Measured(2, 0),
    }  # fmt: skip


def test_looking_makes_no_credential_known() -> None:
    memory = ActivityMemory()
    memory.do(watch(Kind.LOOK), 0)
    assert not memory._credentials


def test_the_past_is_pruned() -> None:
    memory = ActivityMemory()
    for day in range(3 * KEPT_DAYS):
        memory.do(watch(Kind.COUNT), day * DAY)
    (held,) = memory._credentials.values()
    assert len(held.days) == KEPT_DAYS + 1


def test_all_keys_of_a_credential_are_on_one_server_and_no_two_are_alike() -> None:
    names = [watch(Kind.LOOK, name).key for name in ("app", "app:1", "app=past", "")]
    assert len({f"{each}={counter}" for each in names for counter in COUNTERS}) == 24
    assert len({each[: each.index("}:")] for each in names}) == 1
    keys, packed = message(0, [watch(Kind.LOOK), replace(watch(Kind.SETTLE), passage=None)])
    assert len(keys) == 2
    assert b"192.0.2.0/24" in packed
