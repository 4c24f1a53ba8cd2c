"""Times: each form that is read, each that is refused, and why."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.imports.times import parse_time, zone_named
from consent.model import micros, moment

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-05-01T10:11:12Z", "2024-05-01T10:11:12"),
        ("2024-05-01t10:11:12z", "2024-05-01T10:11:12"),
        ("2024-05-01T10:11:12+02:00", "2024-05-01T08:11:12"),
        ("2024-05-01T10:11:12+0200", "2024-05-01T08:11:12"),
        ("2024-05-01T10:11:12+02", "2024-05-01T08:11:12"),
        ("2024-05-01T10:11:12-14:00", "2024-05-02T00:11:12"),
        ("2024-05-01T10:11:12.5Z", "2024-05-01T10:11:12.5"),
        ("2024-05-01T10:11:12.123456789Z", "2024-05-01T10:11:12.123456"),
        ("2024-05-01T10:11:12,5Z", "2024-05-01T10:11:12.5"),
        ("  2024-05-01 10:11:12 UTC ", "2024-05-01T10:11:12"),
        ("2024-05-01 10:11:12 GMT", "2024-05-01T10:11:12"),
        # local times, in Paris
        ("2024-05-01 10:11:12", "2024-05-01T08:11:12"),
        ("2024-05-01 10:11", "2024-05-01T08:11:00"),
        ("2024-05-01", "2024-04-30T22:00:00"),
        ("2024/05/01 10:11:12", "2024-05-01T08:11:12"),
        ("2024-5-1 9:11", "2024-05-01T07:11:00"),
        ("2024-05-01 03:15 PM", "2024-05-01T13:15:00"),
        ("2024-05-01 12:15 am", "2024-04-30T22:15:00"),
        ("20110122T111244", "2011-01-22T10:12:44"),
        ("20110122T111244Z", "2011-01-22T11:12:44"),
        ("20110122111244", "2011-01-22T10:12:44"),
        ("20110122", "2011-01-21T23:00:00"),
        # seconds and milliseconds since 1970
        ("1443651154", "2015-09-30T22:12:34"),
        ("1443651154.25", "2015-09-30T22:12:34.25"),
        ("1443651154123", "2015-09-30T22:12:34.123"),
        ("999999999", "2001-09-09T01:46:39"),
        # Go's Time.String()
        ("2023-05-04 10:11:12.123 +0000 UTC", "2023-05-04T10:11:12.123"),
        ("2023-05-04 10:11:12.123456789 +0000 UTC", "2023-05-04T10:11:12.123456"),
        ("2023-05-04 10:11:12 +0000 +0000", "2023-05-04T10:11:12"),
        ("2023-05-04 10:11:12 +0200 +0200", "2023-05-04T08:11:12"),
        ("2023-05-04 10:11:12 +0200 CEST", "2023-05-04T08:11:12"),
        ("2023-05-04 10:11:12 +0200 CEST m=+0.003", "2023-05-04T08:11:12"),
        ("2020-09-25 16:45:13 -0400", "2020-09-25T20:45:13"),
        # names of months, and dots, leave no doubt
        ("Mon, 04 Mar 2024 10:00:00 +0100", "2024-03-04T09:00:00"),
        ("4 March 2024 10:00", "2024-03-04T09:00:00"),
        ("04-Mar-2024", "2024-03-03T23:00:00"),
        ("Mar 4, 2024 3:15 pm", "2024-03-04T14:15:00"),
        ("Sept. 4th 2024 at 10:00", "2024-09-04T08:00:00"),
        ("31.12.2024 10:00", "2024-12-31T09:00:00"),
        ("03.04.2024", "2024-04-02T22:00:00"),
        # a leap second belongs to the one before it
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00"),
    ],
)
def test_one_instant_is_read(text: str, instant: str) -> None:
    assert moment(parse_time(text, PARIS)) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("03-04-2024", "2024-04-03T00:00:00"),
        ("03/04/2024 10:11", "2024-04-03T10:11:00"),
        ("3/4/2024 10:11:12", "2024-04-03T10:11:12"),
        ("31-12-2024 10:11:12.5", "2024-12-31T10:11:12.5"),
        ("2024-04-03 10:11:12", "2024-04-03T10:11:12"),
    ],
)
def test_the_day_comes_first_where_the_format_writes_it_so(text: str, instant: str) -> None:
    assert moment(parse_time(text, UTC, True)) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no time"),
        ("yesterday", "time that can be read"),
        ("03/04/2024", "which is meant"),
        ("3-4-2024 10:00", "which is meant"),
        ("25/12/2024", "which is meant"),
        ("3/4/24", "two digits"),
        ("31.12.24", "two digits"),
        ("2024-02-30", "no such day"),
        ("2023-02-29T00:00:00Z", "no such day"),
        ("2024-05-01T24:00:01Z", "no such day"),
        ("2024-05-01T10:60:00Z", "no such day"),
        ("2024-05-01T10:00:61Z", "no such day"),
        ("2024-05-01 13:00 pm", "am or pm"),
        ("2024-05-01 10:11:12 EST", "abbreviation"),
        ("2024-05-01 10:11:12 CST", "abbreviation"),
        ("2024-05-01T10:11:12+15:00", "14 hours"),
        ("2024-05-01T10:11:12+23:59", "14 hours"),
        ("2023-05-04 10:11:12 +0200 UTC", "differ"),
        ("2023-05-04 10:11:12 +0200 +0100", "differ"),
        ("0000-00-00 00:00:00", "no such day"),
        ("1970-01-01 00:00:00", "plausible"),
        ("1899-12-30", "plausible"),
        ("2100-01-01", "plausible"),
        ("99991231", "plausible"),
        ("0", "time that can be read"),
        ("0001-01-01T00:00:00+14:00", "plausible"),
        ("9999-12-31T23:59:59-14:00", "plausible"),
        ("100000000000", "plausible"),
        ("9999999999999", "plausible"),
        ("12345678901", "time that can be read"),
        ("2024-W01-1", "time that can be read"),
        ("2024-05-01x10:11:12Z", "time that can be read"),
        ("２０２４-05-01T10:11:12Z", "time that can be read"),
        ("2024-05-01T10:11:12Z; ann@example.com", "time that can be read"),
        ("1" * 5000, "too long"),
    ],
)
def test_what_is_no_single_instant_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        parse_time(text, UTC)
    assert "@" not in str(refused.value)


@pytest.mark.parametrize("text", ["2024-05-01 10:11:12", "2024-05-01", "20110122T111244", "Mar 4, 2024", "31.12.2024"])
def test_a_time_without_a_zone_asks_for_it(text: str) -> None:
    with pytest.raises(ValueError, match="--tz"):
        parse_time(text, None)


@pytest.mark.parametrize("text", ["2024-05-01T10:11:12Z", "1443651154", "2023-05-04 10:11:12 +0000 UTC"])
def test_a_time_that_names_its_zone_needs_no_other(text: str) -> None:
    assert parse_time(text, None) == parse_time(text, PARIS)


def test_an_hour_that_occurs_twice_is_the_first_of_the_two() -> None:
    assert moment(parse_time("2024-10-27 02:30:00", PARIS)) == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)


def test_an_hour_that_does_not_occur_is_read_with_the_offset_before_it() -> None:
    assert moment(parse_time("2024-03-31 02:30:00", PARIS)) == datetime(2024, 3, 31, 1, 30, tzinfo=UTC)


@given(st.text(max_size=100), st.booleans())
def test_any_text_is_an_instant_or_refused(text: str, day_first: bool) -> None:
    try:
        found = parse_time(text, UTC, day_first)
    except ValueError as refused:
        assert str(refused).isprintable()
    else:
        assert 1990 <= moment(found).year < 2100


@given(st.text(alphabet="0123456789-/.: TZ+utcampmjn,", max_size=40))
def test_text_that_looks_like_a_time_is_an_instant_or_refused(text: str) -> None:
    test_any_text_is_an_instant_or_refused.hypothesis.inner_test(text, False)  # type: ignore[attr-defined]


@given(
    st.integers(631_238_400_000_000, 4_102_185_600_000_000).map(moment),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["iso", "space", "go", "compact"]),
)
def test_what_is_written_is_read_back(instant: datetime, offset: int, form: str) -> None:
    local = instant.astimezone(timezone(timedelta(minutes=offset)))
    written = {
        "iso": local.isoformat(),
        "space": f"{local:%Y-%m-%d %H:%M:%S.%f %z}",
        "go": f"{local:%Y-%m-%d %H:%M:%S.%f %z %z}",
        "compact": f"{local:%Y%m%dT%H%M%S.%f%z}",
    }[form]
    if form == "compact":
        written = written.replace(f".{local:%f}", "")
        instant = instant.replace(microsecond=0)
    assert parse_time(written, None) == micros(instant)


@pytest.mark.parametrize("name", ["Europe/Paris", "America/Argentina/Buenos_Aires", "UTC", "utc", "Z", "GMT", "Japan"])
def test_a_zone_is_named(name: str) -> None:
    assert moment(0).astimezone(zone_named(name)).utcoffset() is not None


def test_an_offset_is_a_zone() -> None:
    assert zone_named("+05:30").utcoffset(None) == timedelta(hours=5, minutes=30)
    assert zone_named("-0400").utcoffset(None) == timedelta(hours=-4)
    assert zone_named("+00:00") is UTC


@pytest.mark.parametrize(
    "name",
    ["", "CEST", "EST", "cet", "Europe", "../etc/passwd", "/etc/localtime", "Europe/Atlantis", "+25:00", "x" * 999],
)
def test_what_is_no_zone_or_several_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        zone_named(name)


@given(st.text(max_size=30))
def test_any_text_is_a_zone_or_refused(name: str) -> None:
    try:
        zone_named(name)
    except ValueError as refused:
        assert name not in str(refused) or len(name) < 25
