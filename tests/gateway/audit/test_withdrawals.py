"""Withdrawals in the audit: as they stand, read back, and not believed when they were changed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.address import Address
from consent.keys import key_text
from consent.model import ALL, Event, Kind, Reason, Related, State
from gateway.audit.encoding import encoded
from gateway.audit.record import stamp
from gateway.audit.segments import ZERO, Line, link, segment_path, whole_line
from gateway.audit.verify import verify
from gateway.audit.withdrawals import MOST_ITEMS, Group, Unreadable, Withdrawals, _group, withdrawals
from tests.rig import registry
from tests.rig.audit import MAC_KEY, NOON, act, decision, journal

KEY = b"\x01" + bytes(range(32))
EVENT = Event(
    state=State.WITHDRAWN, party=ALL, list="news", at=1, recorded=2, reason=Reason.WEB, commitments={"ip": "x"}
)


def write(root: Path, *records: Withdrawals, process: str = "gateway") -> None:
    """One journal with these records, among others."""
    audit = journal(root / process)
    audit.open(version="0.1.0")
    for record in records:
        audit.append_blocking(act())
        audit.append_blocking(record)
    audit.append_blocking(decision())
    audit.close_blocking()


def test_what_was_written_is_read_back_from_all_journals(tmp_path: Path) -> None:
    other = Event(
        state=State.SUPPRESSED, party="p", list=ALL, at=None, recorded=3, stops="all", source="Zoë \ud800\u2028"
    )
    write(tmp_path, Withdrawals("acme", ((KEY, EVENT), (KEY, other))), Withdrawals(ALL, ((KEY, EVENT),)))
    write(tmp_path, Withdrawals("nets", ((KEY, EVENT),)), process="cli")
    found = list(withdrawals(tmp_path, ""))
    assert [(each.process, each.customer, list(each.items)) for each in found if isinstance(each, Group)] == [
        ("cli", "nets", [(KEY, EVENT)]),
        ("gateway", "acme", [(KEY, EVENT), (KEY, other)]),
        ("gateway", ALL, [(KEY, EVENT)]),
    ]
    assert verify(tmp_path, MAC_KEY, {}).ok


def test_nothing_was_written_yet(tmp_path: Path) -> None:
    assert list(withdrawals(tmp_path / "audit", "")) == []


def test_it_names_nobody_and_its_key_is_that_of_other_records(tmp_path: Path) -> None:
    record = Withdrawals("acme", ((KEY, EVENT),))
    assert record.addresses == ()
    (item,) = json.loads(b"{" + encoded(record, stamp(NOON), "main", {}))["items"]
    assert item["key"] == "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert item["event"] == {
        "state": "withdrawn", "party": "*", "list": "news", "at": 1, "recorded": 2, "reason": "web",
        "commitments": {"ip": "x"},
    }  # fmt: skip


@given(
    st.builds(
        Event,
        state=st.sampled_from(State),
        party=st.text(),
        list=st.text(),
        at=st.none() | st.integers(-(2**60), 2**60),
        recorded=st.integers(0, 2**60),
        source=st.text(),
        actor=st.text(),
        imported=st.booleans(),
        related=st.none()
        | st.builds(Related, kind=st.sampled_from(Kind), basis=st.text(), ended=st.none() | st.text()),
        commitments=st.dictionaries(st.text(), st.text()),
    )
)
def test_any_event_comes_back_as_it_was(event: Event) -> None:
    body = b'{"n":1,' + encoded(Withdrawals("acme", ((KEY, event),)), stamp(NOON), "main", {})
    line = Line.parse(whole_line(link(ZERO, body), body))
    assert line is not None
    group = _group("main", line, ZERO)
    assert isinstance(group, Group)
    assert list(group.items) == [(KEY, event)]
    assert group.items[0][1].identity == event.identity


def test_a_record_is_bounded_and_only_a_small_one_may_use_the_reserve() -> None:
    with pytest.raises(ValueError, match="500 withdrawals at most"):
        Withdrawals("acme", ((KEY, EVENT),) * (MOST_ITEMS + 1))
    assert Withdrawals("acme", ((KEY, EVENT),)).reserved
    assert not Withdrawals("acme", ((KEY, EVENT),) * MOST_ITEMS).reserved


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (b'"customer":"acme","items"', b'"customer":"nets","items"', "it was changed"),
        (b'"state":"withdrawn"', b'"state":"lifted"   ', "it was changed"),
    ],
)
def test_a_changed_record_is_told_and_not_believed(tmp_path: Path, before: bytes, after: bytes, why: str) -> None:
    write(tmp_path, Withdrawals("acme", ((KEY, EVENT),)), Withdrawals("nets", ((KEY, EVENT),)))
    path = segment_path(tmp_path / "gateway", 1)
    path.write_bytes(path.read_bytes().replace(before, after, 1))
    first, second = withdrawals(tmp_path, "")
    assert isinstance(first, Unreadable)
    assert first.why.startswith(why)
    assert first.n == 3
    assert isinstance(second, Group)


@pytest.mark.parametrize(
    "customer_items",
    [
        ("acme", [{"key": "2:x", "event": {}}]),
        ("acme", [{"event": {}}]),
        ("acme", [{"key": "1:", "event": 3}]),
        ("a", 3),
    ],
)
def test_an_event_of_another_version_is_told(tmp_path: Path, customer_items: tuple[str, object]) -> None:
    class Later(Withdrawals):
        def members(self, sealed: object) -> dict[str, object]:
            return {"customer": customer_items[0], "items": customer_items[1]}

    write(tmp_path, Later("acme", ()))
    (found,) = withdrawals(tmp_path, "")
    assert isinstance(found, Unreadable)
    assert found.why.startswith("it cannot be read by this version")


def test_an_address_has_the_same_key_in_all_records(tmp_path: Path) -> None:
    secrets, ann = registry.secrets(tmp_path), Address.parse("Ann@Other.example")
    record = Withdrawals("acme", ((secrets.subject_octets(ann), EVENT),))
    assert record.members({})["items"][0]["key"] == secrets.address_key(ann) == key_text(secrets.subject_octets(ann))
    assert replace(record, customer="nets").customer == "nets"
