"""Formats: each file is recognised, and what is in doubt is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.imports.formats import FORMATS, detect, unread
from consent.imports.row import Format, ImportRefused
from tests.rig.import_cases import FIXTURES, ImportCase, import_cases

CASES = [case for folder in sorted(FIXTURES.iterdir()) for case in import_cases(folder.name) if case.format != "none"]


def test_every_format_has_a_name_and_a_title_of_its_own() -> None:
    assert len({each.name for each in FORMATS}) == len({each.title for each in FORMATS}) == len(FORMATS)
    assert all(each.name == each.name.casefold() and " " not in each.name for each in FORMATS)


def test_a_format_without_a_header_comes_after_all_with_one() -> None:
    with_header = [each for each in FORMATS if not each.headerless]
    assert {each.name for each in FORMATS if each.headerless} == {"ses-bulk", "cloudflare"}
    assert all("@" not in "".join(each.columns) for each in with_header)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.path.parent.name}-{case.path.stem}")
def test_a_file_of_each_platform_is_recognised_among_all_formats(case: ImportCase) -> None:
    assert detect(case.table().header, case.filename).name == case.format


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
def test_a_format_that_is_named_is_taken(each: Format) -> None:
    if not any(other.name.startswith(f"{each.name}-") for other in FORMATS):
        assert detect(("whatever",), "", each.name) is each
        assert detect(("whatever",), "", each.name.upper().replace("-", "_")) is each


def test_a_platform_that_is_named_leaves_its_formats_to_the_header() -> None:
    members = ("Email Address", "OPTIN_TIME", "OPTIN_IP", "CONFIRM_TIME", "MEMBER_RATING", "EUID")
    assert detect(members, "subscribed_members.csv", "mailchimp").name == "mailchimp-subscribed"
    assert detect(members, "", "mailchimp").name == "mailchimp"
    assert detect(("email", "reason"), "", "generic").name == "generic-suppression"
    assert detect(("email", "name"), "", "generic").name == "generic"
    with pytest.raises(ImportRefused, match="none of klaviyo-list, klaviyo-suppressed"):
        detect(("email", "name"), "", "klaviyo")


@pytest.mark.parametrize(
    ("wanted", "near"),
    [("mailchip", "mailchimp"), ("klaviyo-lists", "klaviyo-list"), ("sendgrid-bounce", "sendgrid-bounces")],
)
def test_a_name_that_is_none_is_answered_with_the_nearest(wanted: str, near: str) -> None:
    with pytest.raises(ImportRefused, match=f"did you mean.*{near}"):
        detect(("email",), "", wanted)
    with pytest.raises(ImportRefused, match=r"^no such format: The formats are generic, "):
        detect(("email",), "", "zzzzzz")


@pytest.mark.parametrize(
    ("header", "question"),
    [
        (("email", "name", "shoe size"), '"email", "name", "shoe size". No format'),
        (("ann@example.com",), "bare list of addresses.*generic-suppression"),
        (("ann@example.com", "Ann", "Paris"), "no header line.*--format"),
        (tuple(f"column {n}" for n in range(99)), 'column 29" …'),
    ],
)
def test_an_unknown_file_is_asked_about_and_nobody_in_it_is_named(header: tuple[str, ...], question: str) -> None:
    with pytest.raises(ImportRefused, match=question) as refused:
        detect(header)
    assert "ann@example" not in str(refused.value)
    with pytest.raises(ImportRefused) as refused:
        detect(header, "", "klaviyo")
    assert "ann@example" not in str(refused.value)


def test_columns_that_are_not_read_are_told() -> None:
    header = ("Email", "Favourite colour", "event_state", "shoe size")
    assert unread(detect(header), header) == ["Favourite colour", "shoe size"]
    assert unread(detect(("email", "reason", "created")), ("email", "reason", "created")) == []


def test_header_cells_are_matched_whatever_their_case_blanks_and_marks() -> None:
    assert detect(("\ufeff E-Mail ".replace("-", ""), " Event_State ")).name == "generic"


@given(
    st.lists(st.text(max_size=12), max_size=6), st.text(max_size=12), st.sampled_from(["auto", "", "mailchimp", "x"])
)
def test_any_header_is_a_format_or_refused(header: list[str], filename: str, wanted: str) -> None:
    try:
        assert detect(header, filename, wanted) in FORMATS
    except ImportRefused as refused:
        assert str(refused)
