"""Records: their members, and that no address stands in clear."""

from datetime import datetime, timedelta, timezone

import pytest

from consent.address import Address
from gateway.audit.encoding import encoded, sealed_members
from gateway.audit.record import Decision, stamp
from tests.rig.audit import NOON, Vault, act, decision, outcome


def test_a_decision_shows_no_address_in_clear() -> None:
    record = decision(header_from=(Address.parse("Zoë@acme.example"),))
    data = encoded(record, stamp(NOON), "main", sealed_members(record.addresses, Vault().seal))
    assert not any(part in data for part in (b"bounce@", b"ann@", b"@acme.example,", "Zoë".encode(), b"Zo\\u"))


def test_the_null_reverse_path_stands_as_null() -> None:
    record = decision(reverse_path=None)
    assert b'"reverse_path":null' in encoded(
        record, stamp(NOON), "main", sealed_members(record.addresses, Vault().seal)
    )


def test_only_an_accepted_message_waits_for_an_outcome() -> None:
    assert [decision("R", verdict=verdict).opens for verdict in ("accept", "defer", "reject")] == ["R", None, None]
    assert outcome("R").closes == "R"


@pytest.mark.parametrize("change", [{"verdict": "maybe"}, {"phase": "ehlo"}])
def test_a_decision_cannot_be_built_with_what_no_verdict_or_phase_is(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no such phase or verdict"):
        decision(**change)


def test_an_outcome_cannot_be_built_with_what_no_outcome_is() -> None:
    with pytest.raises(ValueError, match="no such outcome"):
        outcome(outcome="lost")


def test_an_act_seals_its_target_and_the_addresses_in_its_details() -> None:
    ann, bob = Address.parse("ann@other.example"), Address.parse("bob@other.example")
    record = act(target=ann, details={"also": bob, "count": 2})
    members = record.members(sealed_members(record.addresses, Vault().seal))
    assert record.addresses == (ann, bob)
    assert members["target"].keys() == members["details"]["also"].keys() == {"key", "sealed"}
    assert members["details"]["count"] == 2


def test_times_are_utc_with_offset_and_always_as_long() -> None:
    east = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5)))
    assert stamp(east) == "2026-01-01T22:04:05.000000+00:00"
    with pytest.raises(ValueError, match="aware"):
        stamp(datetime(2026, 1, 1))  # noqa: DTZ001 - the naive time is the point


def test_the_members_of_r_231_are_there() -> None:
    record: Decision = decision()
    members = record.members(sealed_members(record.addresses, Vault().seal))
    fields = {name for name in Decision.__struct_fields__ if name not in ("kind", "reserved", "message_class")}
    assert set(members) == fields | {"class"}
