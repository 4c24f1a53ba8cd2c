"""Events for tests of the consent registry."""

from collections.abc import Iterable
from typing import Any

from consent.address import Address
from consent.imports.row import Subject
from consent.model import ALL, Event, State, micros
from consent.records import Entry
from tests.rig.registry import NOW

AT = micros(NOW)
HOUR = 3_600_000_000
ANN, BOB = Address.parse("Ann@Acme.example"), Address.parse("bob@brand.example")


def given(number: int = 0, **more: Any) -> Event:
    """A consent, `number` hours after NOW."""
    values: dict[str, Any] = {
        "state": State.GIVEN,
        "party": "acme",
        "list": "news",
        "at": AT + number * HOUR,
        "recorded": AT + number * HOUR,
        "grade": 2,
        "ground": "express",
        "method": "web_form",
    }
    return Event(**(values | more))


def withdrawn(number: int = 0, **more: Any) -> Event:
    """A withdrawal of everything, `number` hours after NOW."""
    return given(number, **({"state": State.WITHDRAWN, "list": ALL, "party": ALL, "reason": "unsubscribe"} | more))


def entry(subject: Subject, event: Event | None = None, **personal: str) -> Entry:
    """An entry with an IP address, unless told other personal fields."""
    return Entry(subject, event or given(), personal or {"ip": "192.0.2.7"})


def many(numbers: Iterable[int], **more: Any) -> list[Entry]:
    """A consent of each of these addresses."""
    return [entry(Address.parse(f"user{number}@list.example"), given(line=number + 2, **more)) for number in numbers]
