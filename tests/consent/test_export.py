"""Exports: JSON in the sections of ISO/IEC TS 27560, CSV that no spreadsheet runs, both in portions."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.customers import Customer
from consent.export import COLUMNS, SCHEMA, Shape, safe
from consent.lists import MailingList
from consent.model import ALL, Event, Kind, Related, State, micros
from consent.notices import Notice
from consent.parties import Party, own_party
from consent.records import Recorded
from tests.rig.registry import NOW

T = micros(NOW)
KEY = "1:abc"
ACME = Customer(
    id="acme", name="Acme Ltd", postal_address="1 High Street", contact="post@acme.example", domains=("acme.example",)
)
TENTS = Party(id="tents", name="Tents Inc", phone="+1 555 0100")
SPRING = MailingList(
    id="spring", party="acme", list_id="spring.acme.example", name="Spring offers", language="en",
    retention="two years", storage="Paris", third_parties="Printers Ltd", withdrawal=("web", "one_click"),
)  # fmt: skip
SIGNUP = Notice(id="signup-3", text="Yes, please.", language="en", recorded=T)
SHAPE = Shape.of(ACME, (own_party(ACME), TENTS), (SPRING,), (SIGNUP,))


def event(state: State = State.GIVEN, **changes: Any) -> Event:
    values: dict[str, Any] = {"state": state, "party": "acme", "list": "spring", "at": T, "recorded": T, **changes}
    return Event(**values)


CONSENT = Recorded(
    7,
    event(
        grade=2, imported=True, zone="+02:00", method="web_form", notice="signup-3", source="https://acme.example/join",
        origin="import:mailchimp", import_id="1f2e", line=12, country="fr", entity="recipient", actor="ann@gw1",
        commitments={"ip": "c29tZQ"},
    ),
    {"address": "bob@recipient.example", "ip": "192.0.2.7"},
    3,
)  # fmt: skip
STOP = Recorded(
    9,
    event(State.WITHDRAWN, list=ALL, reason="one_click", at=None, entity="recipient"),
    {"address": "bob@recipient.example"},
    4,
)
BOUGHT = Recorded(
    11,
    event(
        State.RELATED, party="tents", list=ALL, grade=1,
        related=Related(kind=Kind.PURCHASE, basis="2026-01-05", ongoing=True),
    ),
    {"address": "bob@recipient.example"},
    5,
)  # fmt: skip
HISTORY = (CONSENT, STOP, BOUGHT)


def each() -> Iterator[tuple[str, Sequence[Recorded]]]:
    yield KEY, HISTORY
    yield "1:def", (Recorded(12, event(State.ERASED, list=ALL), None, 6),)


def test_a_record_has_the_four_sections_and_their_mandatory_members() -> None:
    record = SHAPE.records(KEY, HISTORY)[0]
    assert list(record) == ["header", "processing", "parties", "events"]
    assert record["header"]["schema_version"] == SCHEMA
    assert record["header"]["pii_principal_id"] == KEY
    processing = record["processing"]
    assert processing["privacy_notices"][0]["text"] == "Yes, please."
    assert processing["purposes"][0] == {
        "purpose_id": "spring", "purpose": "Spring offers", "purpose_type": "marketing", "list_id": "spring.acme.example",
    }  # fmt: skip
    assert processing["pii_information"] == [{"pii_type": "email"}, {"pii_type": "ip"}]
    assert (processing["language"], processing["jurisdiction"], processing["pii_controllers"]) == ("en", "fr", ["acme"])
    assert (processing["storage_locations"], processing["retention_period"]) == (["Paris"], "two years")
    assert processing["recipient_third_parties"] == ["Printers Ltd"]
    assert processing["withdrawal_methods"] == ["web", "one_click"]
    (party,) = record["parties"]
    assert {name: party[f"party_{name}"] for name in ("id", "name", "address", "contact", "type")} == {
        "id": "acme", "name": "Acme Ltd", "address": "1 High Street", "contact": "post@acme.example", "type": "controller",
    }  # fmt: skip


def test_an_event_tells_time_state_validity_and_entity_and_on_what_it_rests() -> None:
    (found,) = SHAPE.records(KEY, HISTORY)[0]["events"]
    assert (found["event_id"], found["event_time"], found["event_time_zone"]) == (7, NOW.isoformat(), "+02:00")
    assert (found["event_type"], found["event_state"], found["state"]) == ("expressed", "given", "given")
    assert (found["validity_duration"], found["entity_id"]) == ("until withdrawn", "recipient")
    assert (found["evidence_grade"], found["witnessed"], found["imported"]) == ("E2", False, True)
    assert (found["batch"], found["personal"]["ip"], found["line"]) == (3, "192.0.2.7", 12)
    assert found["commitments"] == {"ip": "c29tZQ"}
    assert found["actor"] == "the operator"


@pytest.mark.parametrize("state", State)
def test_every_event_says_how_long_it_holds(state: State) -> None:
    (found,) = SHAPE.records(KEY, [Recorded(1, event(state), {}, 1)])[0]["events"]
    consents = (State.GIVEN, State.CONFIRMED, State.REQUESTED, State.RELATED)
    assert (found["validity_duration"] == "until withdrawn") is (state in consents)
    (found,) = SHAPE.records(KEY, [Recorded(1, event(state, until=T), {}, 1)])[0]["events"]
    assert found["validity_duration"] == f"until {NOW.isoformat()}"


def test_who_complained_and_whose_hand_it_was_is_for_the_operator_only() -> None:
    complaint = Recorded(
        1, event(State.WITHDRAWN, reason="complaint", entity="mailbox_provider", actor="ann@gw1"), {}, 1
    )
    for public, reason, actor in ((True, "unsubscribe", None), (False, "complaint", "ann@gw1")):
        shape = Shape.of(ACME, (own_party(ACME),), (SPRING,), (), public=public)
        (found,) = shape.records(KEY, [complaint])[0]["events"]
        assert (found["reason"], found.get("actor")) == (reason, actor)
        (row,) = csv.DictReader(io.StringIO("".join(shape.csv([(KEY, [complaint])]))))
        assert row["reason"] == reason


def test_each_party_and_list_is_a_record_of_its_own_with_a_lasting_id() -> None:
    first, second = SHAPE.records(KEY, HISTORY), SHAPE.records(KEY, HISTORY[:2])
    assert [(each["parties"][0]["party_id"], each["processing"]["purposes"][0]["purpose_id"]) for each in first] == [
        ("acme", "spring"), ("acme", ALL), ("tents", ALL),
    ]  # fmt: skip
    assert len({each["header"]["record_id"] for each in first}) == 3
    assert [each["header"]["record_id"] for each in second] == [each["header"]["record_id"] for each in first[:2]]
    assert first[1]["events"][0]["event_state"] == "withdrawn"
    assert first[2]["events"][0]["event_type"] == "implied"
    assert first[2]["events"][0]["related"]["basis"] == "2026-01-05"


def test_one_list_s_export_holds_what_covers_everything_too() -> None:
    records = SHAPE.records(KEY, HISTORY, "other")
    assert [each["processing"]["purposes"][0]["purpose_id"] for each in records] == [ALL, ALL]


def test_what_is_on_file_nowhere_is_told_by_its_id() -> None:
    strange = Recorded(1, event(party="gone", list="Gone List", notice="old-1"), {"address": "a@b.example"}, 1)
    (record,) = SHAPE.records(KEY, [strange])
    assert (record["parties"][0]["party_id"], record["parties"][0]["party_name"]) == ("gone", "gone")
    assert record["processing"]["purposes"][0]["purpose"] == "Gone List"
    assert record["processing"]["privacy_notices"] == [{"notice_id": "old-1", "text": None, "on_file": False}]
    everywhere = Recorded(2, event(State.SUPPRESSED, party=ALL, list=ALL), {"domain": "b.example"}, 1)
    (record,) = SHAPE.records(KEY, [everywhere])
    assert [party["party_id"] for party in record["parties"]] == ["acme", "tents"]
    assert record["events"][0]["event_state"] == "unknown"


def test_json_is_one_document_in_portions() -> None:
    portions = list(SHAPE.json(each(), NOW))
    assert len(portions) > 4
    document = json.loads("".join(portions))
    assert (document["schema"], document["customer"], document["exported"]) == (SCHEMA, "acme", NOW.isoformat())
    assert len(document["records"]) == 4
    assert document["records"][3]["events"][0] | {} == document["records"][3]["events"][0]
    assert document["records"][3]["events"][0]["erased"] is True
    assert json.loads("".join(SHAPE.json(iter(()), NOW, "spring")))["records"] == []


def test_csv_has_a_line_per_event() -> None:
    rows = list(csv.DictReader(io.StringIO("".join(SHAPE.csv(each())))))
    assert [row["event"] for row in rows] == ["7", "9", "11", "12"]
    first = rows[0]
    assert (first["address"], first["grade"], first["zone"]) == ("bob@recipient.example", "E2", "UTC+02:00")
    assert (first["ip"], first["import"], first["line"], first["imported"]) == ("192.0.2.7", "1f2e", "12", "yes")
    assert (rows[2]["relationship"], rows[2]["basis"], rows[2]["ongoing"]) == ("purchase", "2026-01-05", "yes")
    assert (rows[3]["address"], rows[3]["state"]) == ("", "erased")
    assert [row["event"] for row in csv.DictReader(io.StringIO("".join(SHAPE.csv(each(), "other"))))] == [
        "9",
        "11",
        "12",
    ]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "=cmd|'/C calc'!A0"])
def test_a_cell_that_begins_like_a_formula_is_text(cell: str) -> None:
    assert safe(cell) == f"'{cell}"
    assert safe(f"a{cell}") == f"a{cell}"


def test_a_cell_that_begins_like_a_formula_where_lines_are_split_at_semicolons_is_text() -> None:
    assert safe("Mozilla;=HYPERLINK(A1);+1; +http://a.example") == "Mozilla;'=HYPERLINK(A1);'+1; +http://a.example"


@given(
    st.text(),
    st.text(),
    st.text(),
    st.dictionaries(st.sampled_from(["address", "ip", "user_agent", "form_url"]), st.text()),
)
def test_whatever_a_file_told_no_cell_of_the_csv_is_a_formula(
    source: str, zone: str, name: str, personal: dict[str, str]
) -> None:
    found = Recorded(1, event(list=name, source=source, zone=zone, language=source), personal, 1)
    text = "".join(SHAPE.csv([(KEY, [found])]))
    header, row = csv.reader(io.StringIO(text, newline=""))
    assert tuple(header) == COLUMNS
    assert len(row) == len(COLUMNS)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in row)
    json.loads("".join(SHAPE.json([(KEY, [found])], NOW)))
