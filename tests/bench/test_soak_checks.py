"""The soak finds what is wrong: each case is a history with one fault in it, beside the same history without."""

from dataclasses import replace
from typing import Any

import pytest

from tests.bench.soak_checks import Evidence, Fault, Found, Record, judged, over_limit

REFERENCES = ["01KAGXYZ0123456789ABCDEFG" + each for each in "ABCD"]
WHO = "person1@r1.example"
KILLED = Fault("killed", 100.0, 104.0)


def attempt(said: str, *, to: str = WHO, begun: float = 10.0, node: int = 0, **more: Any) -> dict[str, Any]:
    told = {"id": 1, "kind": "one", "customer": "alpha", "expected": "", "node": node, "try": 0, "begun": begun}
    return {**told, "ended": begun + 0.1, "to": [to], "said": [said], "trouble": "", "size": 100, **more}


def taken(number: int = 0) -> str:
    return f"250 2.0.0 Accepted; ref {REFERENCES[number]}; next hop: 2.0.0 Ok: kept"


def arrival(number: int = 0, at: float = 10.05, to: str = WHO) -> dict[str, Any]:
    return {"at": at, "id": 1, "to": [to], "ref": REFERENCES[number], "told": True}


def record(at: float = 10.01, node: int = 0, outcome: str = "accepted") -> Record:
    return Record(node, at, outcome)


def told(
    log: list[dict[str, Any]], arrivals: list[dict[str, Any]], records: list[Record], *faults: Fault
) -> Found:  # fmt: skip
    return judged(Evidence(log, arrivals, dict(zip(REFERENCES, records, strict=False)), faults))


def test_one_that_was_taken_and_arrived_is_as_it_must_be() -> None:
    found = told([attempt(taken())], [arrival()], [record()])
    assert not found.wrong
    assert (found.counts["taken"], found.counts["arrived"]) == (1, 1)


@pytest.mark.parametrize(
    ("what", "log", "arrivals", "records"),
    [
        ("lost", [attempt(taken())], [], [record()]),
        ("taken without a record", [attempt(taken())], [arrival()], []),
        ("refused", [attempt("550 5.7.1 No")], [], []),
        ("never answered", [attempt("451 4.3.0 Later")], [], []),
        ("passed", [attempt(taken(), expected="550 5.7.1")], [arrival()], [record()]),
        ("refused", [attempt("554 5.6.0 Other", expected="550 5.7.1")], [], []),
        ("double", [attempt(taken())], [arrival(), arrival(1)], [record(), record()]),
        ("told another reference", [attempt(taken())], [arrival(1)], [record(), record()]),
        ("put off without a fault", [attempt("451 4.3.0 Later"), attempt(taken(), begun=12.0)], [arrival(at=12.05)], [record(12.01)]),
        ("put off without a fault", [attempt(""), attempt(taken(), begun=12.0)], [arrival(at=12.05)], [record(12.01)]),
    ],
)  # fmt: skip
def test_what_must_not_be_is_found(
    what: str, log: list[dict[str, Any]], arrivals: list[dict[str, Any]], records: list[Record]
) -> None:
    assert what in told(log, arrivals, records).wrong


def test_people_without_a_ground_are_refused_and_must_not_be_reached() -> None:
    stranger = attempt("550 5.7.1 No consent", to="stranger1@people.example", kind="bulk")
    reached = arrival(to="stranger1@people.example")
    assert not told([stranger], [], []).wrong
    assert "passed" in told([stranger], [reached], [record()]).wrong
    assert "refused" in told([stranger | {"to": ["reader1@people.example"]}], [], []).wrong


def test_who_has_unsubscribed_is_refused_five_seconds_after_at_the_latest() -> None:
    reader = "reader1@people.example"
    click = {"click": reader, "customer": "alpha", "begun": 3.0, "ended": 4.0, "said": ""}
    refused, passed = attempt("550 5.7.1 No", to=reader, kind="bulk"), attempt(taken(), to=reader, kind="bulk")
    arrivals, records = [arrival(to=reader)], [record()]
    assert not told([refused, click], [], []).wrong
    assert "passed" in told([passed, click], arrivals, records).wrong
    assert not told([passed, click | {"ended": 6.0}], arrivals, records).wrong
    assert "refused" in told([refused, click | {"begun": 11.0, "ended": 12.0}], [], []).wrong


def doubled(*, killed_at: float = 100.0, outcome: str = "unknown", said: str = "", node: int = 1) -> Found:
    """The first copy went by the second node, which was killed before it could say so; the other node took the second."""
    log = [attempt(said, begun=99.9, node=node), attempt(taken(1), begun=101.0)]
    arrivals = [arrival(at=99.95), arrival(1, at=101.05)]
    fault = replace(KILLED, begun=killed_at, ended=killed_at + 4)
    return told(log, arrivals, [record(99.91, node, outcome), record(101.01)], fault)


def test_a_double_is_explained_by_the_node_that_was_killed_just_then() -> None:
    found = doubled()
    assert not found.wrong
    assert found.doubles == {"killed": 1}


@pytest.mark.parametrize("more", [{"killed_at": 95.0}, {"outcome": "refused"}, {"said": taken()}, {"node": 0}])
def test_a_double_is_not_explained_by(more: dict[str, Any]) -> None:
    assert "double" in doubled(**more).wrong


def test_a_limit_holds_in_every_minute_in_which_nothing_was_away() -> None:
    log = [attempt(taken(), id=number, kind="capped") for number in range(12)]
    arrivals = [arrival(at=200.0 + number) | {"id": number} for number in range(12)]
    calm = Evidence(log, arrivals, {}, [])
    assert list(over_limit(calm, 10, 2, since=0.0)) == [("calm", 12, 10)]
    away = Evidence(log, arrivals, {}, [Fault("redis-forgot", 205.0, 208.0)])
    assert list(over_limit(away, 10, 2, since=0.0)) == [("redis-forgot", 12, 25)]
