"""Times: the instants that exported files name, read only where they can mean one thing.

Read are ISO 8601 in its usual forms (extended and compact, with `T` or a blank, fractions cut to microseconds, a date
alone for the start of that day), seconds and milliseconds since 1970, Go's `Time.String()`, dates with the English name
of the month, `31.12.2024` (written with dots the day always comes first) and, where the format is known to write it so,
other dates with the day first.

Refused, with what to do about it, is what can mean two things: `03/04/2024`, years of two digits, zones named by an
abbreviation only (CST is three zones), a time without a zone when none was told.

A local time that a change of clocks makes happen twice is the first of the two (a consent is never taken for later than
it was; a withdrawal counts from its import anyway); one that it skips is read with the offset that held before it.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST = (datetime(1990, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
"""Nobody consented to anything by e-mail before this; exports write 0, 1899-12-30 or 1970-01-01 for "none"."""
_LAST = (datetime(2100, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LONGEST = 80

_OFFSET = "[+-](?:0[0-9]|1[0-4]):?[0-5][0-9]"
_CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
_COMMON = re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[T ]{_CLOCK}(?:Z|{_OFFSET})?)?").fullmatch
_SPACED = re.compile(rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK}) ({_OFFSET})(?: (?:\2|(UTC)))?").fullmatch
"""Go's, and the one with a blank before the offset."""
_DAY_FIRST = re.compile(rf"([0-9]{{2}})[-/.]([0-9]{{2}})[-/.]([0-9]{{4}})(?: ({_CLOCK}))?").fullmatch
_SINCE_1970 = re.compile(r"([0-9]{9,10})(?:\.([0-9]{1,9}))?|([0-9]{12,13})").fullmatch
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
_TIME = r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)?"
_ANY = re.compile(
    rf"""
    (?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{{0,6}},?[ ]+)?
    (?:
        (?P<year>[0-9]{{4}})(?P<mark>[-/.])(?P<month>[0-9]{{1,2}})(?P=mark)(?P<day>[0-9]{{1,2}})
      | (?P<year_c>[0-9]{{4}})(?P<month_c>[0-9]{{2}})(?P<day_c>[0-9]{{2}})
      | (?P<left_l>[0-9]{{1,2}})(?P<mark_l>[-/.])(?P<middle_l>[0-9]{{1,2}})(?P=mark_l)
        (?P<year_l>[0-9]{{2}}(?:[0-9]{{2}})?)
      | (?P<day_n>[0-9]{{1,2}})(?:[ ]+|-)(?P<month_n>{_MONTH})\.?,?(?:[ ]+|-)(?P<year_n>[0-9]{{4}})
      | (?P<month_m>{_MONTH})\.?[ ]+(?P<day_m>[0-9]{{1,2}})(?:st|nd|rd|th)?,?[ ]+(?P<year_m>[0-9]{{4}})
    )
    (?:
        (?:[ ]*t[ ]*|,?[ ]+(?:at[ ]+)?)?
        (?:{_TIME}|(?P<hour_c>[0-9]{{2}})(?P<minute_c>[0-9]{{2}})(?P<second_c>[0-9]{{2}})?)
        (?:[ ]*(?P<half>[ap])\.?m\.?)?
    )?
    (?:[ ]*(?P<offset>z|utc|gmt|[+-][0-9]{{2}}(?::?[0-9]{{2}})?))?
    (?:[ ]+(?P<again>utc|gmt|z|[+-][0-9]{{2}}:?[0-9]{{2}}))?
    (?:[ ]+\(?(?P<abbreviation>[a-z]{{2,6}})\)?)?
    (?:[ ]+m=[+-][0-9.]{{1,24}})?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
).fullmatch
_NO_ZONE = "the time names no zone: say in which zone it was written with --tz or &tz=, for example Europe/Paris"


def parse_time(text: str, zone: tzinfo | None, day_first: bool = False) -> int:
    """The instant in `text` (surrounding blanks allowed), in microseconds since 1970 (`consent.model.micros`).

    `zone` is for times that name none; `day_first` allows `31-12-2024` and `31/12/2024`. Raises ValueError, whose text
    is for whoever uploaded the file and never repeats more than a date.
    """
    text = text.strip()
    plain = _plain(text, day_first)
    if not plain:
        return _other(text, zone, day_first)
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError:
        return _other(text, zone, day_first)
    if moment.tzinfo is None:
        if zone is None:
            raise ValueError(_NO_ZONE)
        moment = moment.replace(tzinfo=zone)
    return _plausible((moment - _EPOCH) // _MICROSECOND)


def _plain(text: str, day_first: bool) -> str:
    """One of the commonest forms, as ISO 8601; "" for others."""
    if _COMMON(text):
        return text
    if (spaced := _SPACED(text)) and not (spaced[3] and spaced[2][1:].strip("0:")):
        return spaced[1] + spaced[2]
    if day_first and (turned := _DAY_FIRST(text)):
        day, month, year, clock = turned.groups()
        return f"{year}-{month}-{day} {clock or '00:00'}"
    return ""


def zone_named(name: str) -> tzinfo:
    """The zone that `--tz` or a `tz` column names: of the IANA data base (`Europe/Paris`), `UTC`, or an offset
    (`+02:00`). Raises ValueError with a text for whoever named it."""
    name = name.strip()
    if name.upper() in ("UTC", "Z", "GMT"):
        return UTC
    if re.fullmatch(r"[+-][0-9]{2}:?[0-9]{2}", name):
        return _offset(name)
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_+/-]{1,60}", name) and ("/" in name or name.upper() not in _ABBREVIATIONS):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError, ValueError):
            pass
    raise ValueError("not a time zone: name one such as Europe/Paris, UTC or +02:00")


_ABBREVIATIONS = frozenset({"EST", "MST", "HST", "CET", "MET", "EET", "WET"})
"""The data base knows these, but not all of them mean what most people mean by them (EST has no summer time)."""


def _plausible(value: int) -> int:
    if _FIRST <= value < _LAST:
        return value
    raise ValueError("not a plausible time: its year lies before 1990 or after 2099")


def _other(text: str, zone: tzinfo | None, day_first: bool) -> int:
    """Everything but the commonest form."""
    if not text:
        raise ValueError("no time")
    if len(text) > _LONGEST:
        raise ValueError("not a time: too long")
    if since := _SINCE_1970(text):
        seconds, part, milliseconds = since.groups()
        if milliseconds:
            return _plausible(int(milliseconds) * 1000)
        return _plausible(int(seconds) * 1_000_000 + _fraction(part))
    found = _ANY(text)
    if found is None:
        raise ValueError("not a time that can be read: write it as 2024-12-31T23:59:59+01:00")
    parts = {name.partition("_")[0]: value for name, value in found.groupdict().items() if value and "_l" not in name}
    year, month, day = _date(found, parts, day_first)
    return _instant(year, month, day, parts, zone)


def _date(found: "re.Match[str]", parts: dict[str, str], day_first: bool) -> tuple[int, int, int]:
    """Year, month and day; raises ValueError when they could be others."""
    if found["left_l"] is None:
        month = parts["month"]
        number = int(month) if month.isdigit() else _MONTHS.index(month[:3].lower()) + 1
        return int(parts["year"]), number, int(parts["day"])
    if len(found["year_l"]) != 4:
        raise ValueError("the year has two digits: write the date as 2024-12-31")
    if not day_first and found["mark_l"] != ".":
        raise ValueError(
            "the date can be read in two ways, as day/month or month/day: which is meant? Write it as 2024-12-31"
        )
    return int(found["year_l"]), int(found["middle_l"]), int(found["left_l"])


def _instant(year: int, month: int, day: int, parts: dict[str, str], zone: tzinfo | None) -> int:
    hour, minute = int(parts.get("hour", 0)), int(parts.get("minute", 0))
    second = int(parts.get("second", 0))
    if second == 60:  # a leap second: it belongs to the second before it
        second = 59
    half = parts.get("half", "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError("not a time: the hour does not go with am or pm")
        hour = hour % 12 + (12 if half == "p" else 0)
    told = _told_zone(parts)
    if told is None:
        if "abbreviation" in parts:
            raise ValueError("the zone is named by an abbreviation, which can mean several: write the offset (+01:00)")
        if zone is None:
            raise ValueError(_NO_ZONE)
        told = zone
    try:
        moment = datetime(year, month, day, hour, minute, second, _fraction(parts.get("part")), told)
        return _plausible((moment - _EPOCH) // _MICROSECOND)
    except OverflowError:
        raise ValueError("not a plausible time: its year lies before 1990 or after 2099") from None
    except ValueError as error:
        if "plausible" in str(error):
            raise
        raise ValueError("not a time: there is no such day or hour") from None


def _told_zone(parts: dict[str, str]) -> tzinfo | None:
    """The zone that the text itself names; Go names it twice, which must agree."""
    if "offset" not in parts:
        return None
    told = _offset(parts["offset"])
    if "again" in parts and _offset(parts["again"]) != told:
        raise ValueError("the time names two zones that differ: write one offset (+01:00)")
    if parts.get("abbreviation", "").lower() in ("utc", "gmt") and told is not UTC:
        raise ValueError("the time names two zones that differ: write one offset (+01:00)")
    return told


def _offset(text: str) -> tzinfo:
    if text[0] not in "+-" or not text.strip("+-0:"):
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 14 or minutes > 59:
        raise ValueError("not an offset from UTC: it is at most 14 hours")
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if text[0] == "-" else size)


def _fraction(digits: str | None) -> int:
    """Microseconds; what is smaller is cut off."""
    return int(digits[:6].ljust(6, "0")) if digits else 0
