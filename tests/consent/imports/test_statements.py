"""Statements: what is the same about every imported event, and what a date that cannot be read does."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from consent.address import Address
from consent.imports.row import Context, ImportRefused, RowError
from consent.imports.statements import Statements, nothing, undated, zone_needed
from consent.model import ALL, Grade, Reason, State

CONTEXT = Context(
    import_id="01IMPORT",
    list="news",
    party="acme",
    recorded=1_800_000_000_000_000,
    actor="ann@desk",
    zone=ZoneInfo("Europe/Paris"),
    zone_name="Europe/Paris",
    notice="n1",
)
ANN = Address.parse("ann@example.com")
MAY = 1_714_557_600_000_000  # 2024-05-01T10:00:00Z


def say(context: Context = CONTEXT) -> Statements:
    return Statements(context, "some", "Some")


def test_a_consent_carries_where_it_came_from_and_what_proves_it() -> None:
    row = say().given(7, ANN, MAY, source="form", zone="+02:00", ip="192.0.2.1", country="fr", personal={"x": "y"})
    event = row.event
    assert (row.line, row.subject, row.personal) == (7, ANN, {"x": "y", "ip": "192.0.2.1"})
    assert (event.state, event.list, event.party, event.at, event.zone) == (State.GIVEN, "news", "acme", MAY, "+02:00")
    assert (event.grade, event.ground, event.method, event.imported) == (Grade.E2, "express", "import", True)
    assert (event.notice, event.source, event.origin, event.country) == ("n1", "form", "import:some", "fr")
    assert (event.import_id, event.line, event.actor) == ("01IMPORT", 7, "ann@desk")
    assert event.recorded == CONTEXT.recorded


def test_one_row_leaves_no_trace_in_the_next() -> None:
    one = say()
    first = one.given(2, ANN, MAY, source="form", zone="UTC", ip="192.0.2.1", confirmed=True, country="fr")
    second = one.given(3, ANN, MAY, source="", zone="")
    assert (first.event.state, first.event.grade) == (State.CONFIRMED, Grade.E3)
    assert (second.event.state, second.event.grade, second.event.country, second.personal) == (State.GIVEN, 1, "", {})


def test_a_consent_that_is_yet_to_come_proves_nothing() -> None:
    event = say().given(2, ANN, CONTEXT.recorded + 1, source="form", zone="", ip="192.0.2.1", confirmed=True).event
    assert event.grade == Grade.E1


def test_without_a_notice_an_address_is_not_enough() -> None:
    row = say(replace(CONTEXT, notice="")).given(2, ANN, MAY, source="form", zone="", ip="192.0.2.1")
    assert row.event.grade == Grade.E1


@pytest.mark.parametrize(
    ("source", "flaw"), [("form", ""), ("purchased", "banned_source"), ("Rented", "banned_source")]
)
def test_a_source_that_is_banned_is_a_flaw(source: str, flaw: str) -> None:
    one = say()
    assert [one.given(2, ANN, MAY, source=source, zone="").event.flaw for _ in range(2)] == [flaw, flaw]


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("Footer form", "Footer form"),
        ("", "Some"),
        (" two \n lines ", "two lines"),
        ("https://acme.example/join?email=ann%40example.com&x=1", "https://acme.example/join"),
        ("/join#ann@example.com", "/join"),
        ("added by ann@example.com", "Some"),
        ("https://acme.example/u/ann%40example.com", "Some"),
        ("x" * 300, "x" * 200),
    ],
)
def test_a_source_names_nobody(told: str, kept: str) -> None:
    one = say()
    assert one.given(2, ANN, MAY, source=told, zone="").event.source == kept
    assert one.requested(2, ANN, MAY, source=told, zone="").event.source == kept


def test_a_pre_ticked_notice_is_a_flaw_of_every_consent() -> None:
    row = say(replace(CONTEXT, notice_default_checked=True)).given(2, ANN, MAY, source="form", zone="")
    assert row.event.flaw == "default_checked"


def test_many_sources_are_judged_without_being_remembered_for_ever() -> None:
    one = say()
    for number in range(1500):
        one.given(2, ANN, MAY, source=f"form {number}", zone="")
    assert one.given(2, ANN, MAY, source="purchased", zone="").event.flaw == "banned_source"
    assert len(one._sources) <= 1000


@pytest.mark.parametrize("when", ["", "  ", "yesterday", "03/04/2024", "2099-01-01T00:00:00Z"])
def test_a_withdrawal_is_kept_whatever_its_date_looks_like(when: str) -> None:
    event = say().withdrawn(2, ANN, when).event
    assert (event.state, event.at, event.zone, event.list, event.reason) == (
        State.WITHDRAWN, None, "", "news", Reason.UNSUBSCRIBE,
    )  # fmt: skip


def test_what_covers_what() -> None:
    one, all_of_it = say(), say(replace(CONTEXT, scope_all=True))
    assert one.withdrawn(2, ANN, "", everything=True).event.list == ALL
    assert all_of_it.withdrawn(2, ANN, "").event.list == ALL
    assert one.complained(2, ANN, "").event.list == ALL
    assert one.undeliverable(2, ANN, "").event.list == ALL
    assert one.suppressed(2, ANN, "", Reason.INVALID, everything=False).event.list == "news"
    assert all_of_it.suppressed(2, ANN, "", Reason.INVALID, everything=False).event.list == ALL


def test_a_mailbox_that_does_not_exist_stops_all_mail_and_the_rest_bulk_only() -> None:
    one = say()
    assert one.undeliverable(2, ANN, "").event.stops == "all"
    stops = {row.event.stops for row in (one.withdrawn(2, ANN, ""), one.complained(2, ANN, ""))}
    assert stops | {one.suppressed(2, ANN, "", Reason.MANUAL, everything=True).event.stops} == {"marketing"}


def test_the_same_undated_withdrawal_told_again_is_the_same_fact() -> None:
    later = replace(CONTEXT, import_id="02IMPORT", recorded=CONTEXT.recorded + 1)
    assert say().withdrawn(2, ANN, "").event.identity == say(later).withdrawn(9, ANN, "").event.identity
    other = Statements(CONTEXT, "other", "Other").withdrawn(2, ANN, "").event
    assert say().withdrawn(2, ANN, "").event.identity != other.identity


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("2024-05-01 10:00:00", "Europe/Paris"), ("2024-05-01", "Europe/Paris"), ("20240501T100000", "Europe/Paris"),
        ("31-12-2023 10:30", "Europe/Paris"), ("2024-05-01T10:00:00Z", "+00:00"), ("2024-05-01 10:00 UTC", "+00:00"),
        ("2024-05-01T10:00:00.123-05:30", "-05:30"), ("2024-05-01 10:00:00 -0400", "-04:00"),
        ("2024-05-01 10:00:00.123 +0200 +0200", "+02:00"), ("1714557600", "+00:00"), ("1714557600000", "+00:00"),
        ("20240501T100000+0200", "+02:00"), ("2024-05-01T10:00+02:00", "+02:00"),
    ],
)  # fmt: skip
def test_the_zone_in_which_a_time_was_told(text: str, zone: str) -> None:
    assert say().zone(text) == zone


def test_a_date_of_a_consent_is_read_missing_or_an_error() -> None:
    one = say()
    assert one.date(" 2024-05-01 12:00:00 ", "when", 2) == MAY
    assert one.date(" ", "when", 2) is None
    error = one.date("03/04/2024", "when", 2)
    assert isinstance(error, RowError)
    assert error.reason.startswith('column "when": ')
    assert undated(3, "when") == RowError(3, 'column "when" is empty: a consent needs the date on which it was given')


def test_errors_do_not_repeat_what_names_a_person() -> None:
    error = say().address("ann at example.com", 4)
    assert isinstance(error, RowError)
    assert "ann" not in error.reason
    assert isinstance(say().address(" ", 4), RowError)
    assert say().address(" ann@example.com ", 4) == ANN
    assert nothing(4, "why").reason == "nothing to record: why"


def test_the_zone_is_asked_for() -> None:
    zone_needed(CONTEXT, "Some file")
    with pytest.raises(ImportRefused, match=r"Some file: the times in this file name no zone.*--tz"):
        zone_needed(replace(CONTEXT, zone=None), "Some file")


def test_an_end_that_cannot_be_read_is_none() -> None:
    assert say().end("2024-05-01T10:00:00Z") == MAY
    assert say().end("") is None
    assert say().end("next year") is None
