"""The journal's own records."""

import json

from gateway.audit.encoding import encoded
from gateway.audit.record import stamp
from gateway.audit.upkeep import Recovered, Refusals, Refused, Retired, Segment, Start
from tests.rig.audit import NOON


def members(record: Recovered | Refused | Retired | Segment | Start) -> dict[str, object]:
    found: dict[str, object] = json.loads(b"{" + encoded(record, stamp(NOON), "main", {}))
    return found


def test_each_names_its_kind_time_and_process() -> None:
    record = members(Start("0.1.0"))
    assert record.pop("time") == stamp(NOON)
    assert record == {"kind": "start", "process": "main", "version": "0.1.0", "after": None}


def test_refusals_are_listed_by_client_and_reason() -> None:
    record = members(Refused(NOON, NOON, 5, (Refusals("192.0.2.1", "530", "", 3),), 2))
    assert (record["total"], record["other"]) == (5, 2)
    assert record["counts"] == [{"client": "192.0.2.1", "reason": "530", "count": 3}]


def test_what_was_set_aside_and_what_was_retired_are_named() -> None:
    assert members(Recovered("000001.torn-7", 12, "ab", 7))["from"] == 7
    assert members(Retired((1, 2), 90, "ab", NOON))["segments"] == [1, 2]
    assert members(Segment(("R",), None, None))["open"] == ["R"]


def test_only_counts_of_strangers_have_no_right_to_the_reserve() -> None:
    kinds = (
        Recovered("000001.torn-7", 12, "ab", 7),
        Retired((1, 2), 90, "ab", NOON),
        Segment((), None, None),
        Start("1"),
    )
    assert all(kind.reserved for kind in kinds)
    assert not Refused(NOON, NOON, 0, (), 0).reserved
