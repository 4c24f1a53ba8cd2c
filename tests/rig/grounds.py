"""People who may be written to, for reasons of every kind, and people who may not: as files for `postern consent import`.

Of each 100 recipients 70 have a ground, 20 have none, and 10 have withdrawn or what they agreed to is over. What is on
file of them comes the way a customer brings it: platforms' exports and tables in the generic format.
"""

import csv
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from consent.refusals import refusal

LIST = "spring"
NOTICE = "signup-3"
DOMAINS = ("people.example", "persons.example")
PROFILES = ["us", "ca", "eu", "uk", "au", "nz"]
"""Of a customer who writes to all of them."""
_SIGN_UP = "https://www.acme.example/signup"
_GENERIC = (
    "email", "event_state", "event_time", "collection_method", "source_ref", "ip", "notice_id", "country",
    "valid_until", "relationship_type", "basis_at", "ongoing", "similar_products", "optout_offered",
    "no_unsolicited_statement", "relevant", "negotiation", "document_ref",
)  # fmt: skip
_MAILCHIMP = (
    "Email Address", "First Name", "Last Name", "MEMBER_RATING", "OPTIN_TIME", "OPTIN_IP", "CONFIRM_TIME", "CONFIRM_IP",
    "LATITUDE", "LONGITUDE", "GMTOFF", "DSTOFF", "TIMEZONE", "CC", "REGION", "LAST_CHANGED", "LEID", "EUID", "NOTES",
    "TAGS",
)  # fmt: skip
_NOTHING: Mapping[str, str] = {}
_SUPPRESSIONS = ("email", "reason", "scope", "since")


@dataclass(frozen=True, slots=True)
class Person:
    """A recipient."""

    number: int
    address: str
    kind: "Kind"


@dataclass(frozen=True, slots=True)
class File:
    """What is imported together."""

    name: str
    """As the platform calls it."""
    header: tuple[str, ...]
    list: str = LIST
    options: tuple[str, ...] = ()
    """More of `postern consent import`."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one person has in a file."""

    file: File
    cells: Callable[[Person, datetime], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """People of whom the same is on file."""

    name: str
    percent: int
    """Of all recipients."""
    rows: tuple[Row, ...]
    ground: str = ""
    """Kind and grade of what mail to them rests on; "" where there is nothing."""
    reason: str = ""
    """Otherwise the reason code of the refusal (`consent.refusals`)."""

    @property
    def said(self) -> str:
        """The text of the refusal."""
        return refusal(self.reason).text

    @property
    def lasting(self) -> bool:
        """Whether they are refused at once, also where mail is put off until grounds are recorded."""
        return self.reason in ("WITHDRAWN", "COMPLAINT", "SUPPRESSED", "RCPT-INVALID")


CONSENTS = File("consents.csv", _GENERIC)
RELATIONSHIPS = File("relationships.csv", _GENERIC)
SUBSCRIBED = File(
    "subscribed_members_export_1.csv", _MAILCHIMP, options=("--notice", NOTICE, "--tz", "America/New_York")
)
SUMMER = File("summer.csv", _GENERIC, list="summer")
SUPPRESSED = File("suppressions.csv", _SUPPRESSIONS)
FILES = (CONSENTS, RELATIONSHIPS, SUBSCRIBED, SUMMER, SUPPRESSED)


def _at(person: Person, now: datetime) -> datetime:
    """When it was: no two have the same time."""
    return now - timedelta(days=40 + person.number % 200, seconds=person.number)


def _ip(person: Person) -> str:
    return f"198.51.{person.number // 250}.{1 + person.number % 250}"


def _given(*without: str, file: File = CONSENTS, **more: str) -> Row:
    """A box that was ticked, with its proof."""

    def cells(person: Person, now: datetime) -> dict[str, str]:
        whole = {
            "email": person.address, "event_state": "given", "event_time": _at(person, now).isoformat(),
            "collection_method": "web_form", "source_ref": _SIGN_UP, "ip": _ip(person), "notice_id": NOTICE,
            "country": "us", **more,
        }  # fmt: skip
        return {name: value for name, value in whole.items() if name not in without}

    return Row(file, cells)


def _over(person: Person, now: datetime) -> dict[str, str]:
    """A consent that was for a month."""
    until = _at(person, now) + timedelta(days=30)
    return {**_given().cells(person, now), "valid_until": until.isoformat()}


def _confirmed(person: Person, now: datetime) -> dict[str, str]:
    """A double opt-in, as Mailchimp tells it."""
    at = _at(person, now)
    asked, answered = (f"{each:%Y-%m-%d %H:%M:%S}" for each in (at, at + timedelta(minutes=7)))
    return {
        "Email Address": person.address, "OPTIN_TIME": asked, "OPTIN_IP": _ip(person), "CONFIRM_TIME": answered,
        "CONFIRM_IP": _ip(person), "LAST_CHANGED": answered, "CC": "US", "LEID": str(person.number),
        "EUID": f"e{person.number}",
    }  # fmt: skip


def _related(kind: str, country: str, months: int, more: Mapping[str, str] = _NOTHING, days: int = 0) -> Row:
    """A relationship that began so long ago."""

    def cells(person: Person, now: datetime) -> dict[str, str]:
        basis = months_before(now.date(), months) - timedelta(days=days)
        return {
            "email": person.address, "relationship_type": kind, "basis_at": basis.isoformat(), "country": country,
            "document_ref": f"INV-{person.number}", **more,
        }  # fmt: skip

    return Row(RELATIONSHIPS, cells)


def _stopped(reason: str) -> Row:
    def cells(person: Person, now: datetime) -> dict[str, str]:
        since = now - timedelta(days=20, seconds=person.number)
        return {"email": person.address, "reason": reason, "since": since.isoformat()}

    return Row(SUPPRESSED, cells)


def months_before(day: date, months: int) -> date:
    """The same day of the month so many months earlier, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


_GOES_ON = {"ongoing": "yes"}
_SOLD = {"similar_products": "yes", "optout_offered": "yes"}
_PUBLISHED = {"relevant": "yes", "no_unsolicited_statement": "no"}
KINDS = (
    Kind("a box ticked, with its proof", 25, (_given(),), "express E2"),
    Kind("double opt-in, of Mailchimp", 15, (Row(SUBSCRIBED, _confirmed),), "express E3"),
    Kind("purchase, US", 7, (_related("purchase", "us", 9),), "aup_relationship R1"),
    Kind("member for years, US", 3, (_related("membership", "us", 70, _GOES_ON),), "aup_relationship R1"),
    Kind("purchase 23 months ago, Canada", 4, (_related("purchase", "ca", 23),), "implied R1"),
    Kind("inquiry 5 months ago, Canada", 3, (_related("inquiry", "ca", 5),), "implied R1"),
    Kind("address published, Canada", 2, (_related("professional_published", "ca", 8, _PUBLISHED),), "implied R1"),
    Kind("soft opt-in, Germany", 5, (_related("purchase", "de", 14, _SOLD),), "soft_opt_in R1"),
    Kind("negotiations, UK", 3, (_related("inquiry", "gb", 3, {"negotiation": "yes", **_SOLD}),), "soft_opt_in R1"),
    Kind("contract, Australia", 2, (_related("contract", "au", 30, _GOES_ON),), "implied R1"),
    Kind("purchase, New Zealand", 1, (_related("purchase", "nz", 10),), "implied R1"),
    Kind("nothing on file", 12, (), reason="NO-CONSENT"),
    Kind("a box ticked, without proof", 2, (_given("ip", "notice_id"),), reason="EVIDENCE-LOW"),
    Kind("a box ticked, for another list", 2, (_given(file=SUMMER),), reason="SCOPE"),
    Kind("purchase without a way to object, Germany", 2, (_related("purchase", "de", 14),), reason="GROUND-INCOMPLETE"),
    Kind("address published, Germany", 1, (_related("professional_published", "de", 8, _PUBLISHED),),
         reason="NO-CONSENT"),
    Kind("has asked, never confirmed", 1, (_given(event_state="requested"),), reason="UNCONFIRMED"),
    Kind("unsubscribed", 3, (_given(), _stopped("unsubscribe")), reason="WITHDRAWN"),
    Kind("complained", 1, (_given(), _stopped("complaint")), reason="COMPLAINT"),
    Kind("on the suppression list", 1, (_given(), _stopped("manual")), reason="SUPPRESSED"),
    Kind("bounced", 1, (_given(), _stopped("hard_bounce")), reason="RCPT-INVALID"),
    Kind("consent of a month that is over", 2, (Row(CONSENTS, _over),), reason="CONSENT-EXPIRED"),
    Kind("purchase 24 months and a day ago, Canada", 1, (_related("purchase", "ca", 24, days=1),), reason="REL-EXPIRED"),
    Kind("inquiry 7 months ago, Canada", 1, (_related("inquiry", "ca", 7),), reason="REL-EXPIRED"),
)  # fmt: skip
"""First who has a ground, then who never had one, then who withdrew and whose ground is over."""


def people(count: int) -> list[Person]:
    """So many, a multiple of 100, mixed."""
    assert count % 100 == 0
    kinds = [kind for kind in KINDS for _ in range(kind.percent * count // 100)]
    random.Random(7).shuffle(kinds)
    return [Person(at, f"reader{at:05}@{DOMAINS[at % len(DOMAINS)]}", kind) for at, kind in enumerate(kinds)]


def write(folder: Path, everybody: Sequence[Person], now: datetime) -> Iterator[tuple[File, Path, int]]:
    """Each file, where it is, and how many rows it has."""
    for file in FILES:
        path = folder / file.name
        rows = [row.cells(each, now) for each in everybody for row in each.kind.rows if row.file is file]
        with path.open("w", newline="") as out:
            table = csv.DictWriter(out, file.header)
            table.writeheader()
            table.writerows(rows)
        yield file, path, len(rows)


def grounds(everybody: Sequence[Person]) -> Counter[str]:
    """How many rest on what."""
    return Counter(each.kind.ground for each in everybody if each.kind.ground)
