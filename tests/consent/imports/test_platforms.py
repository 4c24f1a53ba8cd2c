"""All platforms together: no file is taken for another platform's, and no cell makes a reader fail or tell on anybody."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.imports import (
    activecampaign,
    brevo,
    constant_contact,
    hubspot,
    kit,
    klaviyo,
    listmonk,
    mailchimp,
    mailup,
    sendgrid,
    single_column,
    telnyx,
)
from consent.imports.formats import detect
from consent.imports.row import Format, ImportRefused, Row
from consent.model import Grade, State
from tests.rig.import_cases import ImportCase, import_cases, recognised

MODULES = {
    "activecampaign": activecampaign,
    "brevo": brevo,
    "constant_contact": constant_contact,
    "hubspot": hubspot,
    "kit": kit,
    "klaviyo": klaviyo,
    "listmonk": listmonk,
    "mailchimp": mailchimp,
    "mailup": mailup,
    "sendgrid": sendgrid,
    "single_column": single_column,
    "telnyx": telnyx,
}
FORMATS: tuple[Format, ...] = tuple(format_ for module in MODULES.values() for format_ in module.FORMATS)
CASES = [(name, case) for name in MODULES for case in import_cases(name)]
READABLE = [case for _name, case in CASES if not case.refused and case.format != "none"]
TIMES = (
    "2024-05-01 10:00:00",
    "2024-05-01T10:00:00Z",
    "2099-01-01",
    "31-12-2023",
    "1714557600",
    "03/04/2024",
    "0000-00-00",
)
WORDS = (
    "TRUE", "Yes", "1", "2", "8", "16", "subscribed", "unsubscribed", "cleaned", "pending", "active", "blocklisted",
    "bounced", "complained", "spam", "HARD_BOUNCE", "5.1.1", "5.7.1", "hard_bounce", "unsubscribe", "group", "removed",
    "User clicked confirmation", "Express", "purchased", "192.0.2.1", "::1", "FR",
)  # fmt: skip
CELLS = st.one_of(st.sampled_from((*TIMES, *WORDS, "", " ", "ann.person@example.com")), st.text(max_size=12))


def test_names_are_given_once() -> None:
    names = [format_.name for format_ in FORMATS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("platform", "case"), CASES, ids=lambda value: getattr(value, "path", value))
def test_a_file_is_recognised_by_its_own_platform_only(platform: str, case: ImportCase) -> None:
    columns = case.table().columns
    for name, module in MODULES.items():
        found = recognised(module.FORMATS, columns, case.filename)
        if name == platform:
            assert (found.name if found else "none") == case.format
        elif case.path.stem not in ("klaviyo_suppressed_emails", "opt-out-list"):
            assert found is None, f"{name} takes it for {found.name}"


@pytest.mark.parametrize(("platform", "case"), CASES, ids=lambda value: getattr(value, "path", value))
def test_among_all_formats_it_is_the_same_one(platform: str, case: ImportCase) -> None:
    header = case.table().header
    if case.format == "none":
        with pytest.raises(ImportRefused):
            detect(header, case.filename)
    else:
        assert detect(header, case.filename).name == case.format


@given(
    st.lists(
        st.sampled_from(("email", "status", "created", "reason", "euid", "optin_time")) | st.text(max_size=9),
        max_size=6,
    ),
    st.text(max_size=20),
)
def test_any_header_is_recognised_or_not(header: list[str], filename: str) -> None:
    for format_ in FORMATS:
        assert format_.matches(header, filename) in (True, False)


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.path.name)
def test_any_cells_come_to_something_and_errors_tell_on_nobody(case: ImportCase) -> None:
    columns = case.table().columns
    found = recognised(FORMATS, columns, case.filename)
    assert found is not None
    read = found.reader(columns, replace(case.context, notice="n1"))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(CELLS, max_size=len(columns) + 2))
    def whatever(cells: list[str]) -> None:
        outcomes = list(read(cells, 5))
        assert outcomes
        for outcome in outcomes:
            assert outcome.line == 5
            if not isinstance(outcome, Row):
                assert "ann.person" not in outcome.reason
                continue
            event = outcome.event
            assert event.imported
            assert event.grade <= Grade.E3
            assert event.grade < Grade.E3 or event.state is State.CONFIRMED
            assert event.state in (State.GIVEN, State.CONFIRMED) or event.grade == 0
            assert "ann.person" not in event.source
            if event.state in (State.GIVEN, State.CONFIRMED, State.REQUESTED):
                assert event.at is not None
                assert event.list == "newsletter" or case.list_id != "newsletter"
            elif event.at is not None:
                assert event.at <= event.recorded
            if event.state is State.WITHDRAWN:
                assert event.until is None

    whatever()
