"""Fields: the types that several nouns of the API share, each with its bounds and an example."""

import ipaddress
from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from consent.address import Address

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _writable(time: datetime) -> datetime:
    """The same time in UTC; raises ValueError at the ends of the calendar, where there is none."""
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("is beyond the calendar") from None


def _plausible(time: datetime) -> datetime:
    """The same time; raises ValueError for one that no event can have."""
    if not _EARLIEST <= _writable(time) <= _LATEST:
        raise ValueError("must lie between 1970 and 2200")
    return time


def _plausible_day(day: date) -> date:
    if not 1900 <= day.year <= 2200:
        raise ValueError("must lie between 1900 and 2200")
    return day


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be printable text on one line")
    return text


def _address(text: str) -> str:
    # AddressError is a ValueError, and says why without repeating the address.
    Address.parse(text)
    return text


def _ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("must be an IPv4 or IPv6 address, such as 203.0.113.7") from None


CustomerId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", examples=["acme"])]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
"""A list's or party's id."""
NoticeId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Time = Annotated[AwareDatetime, AfterValidator(_writable)]
"""In UTC."""
When = Annotated[AwareDatetime, AfterValidator(_plausible)]
"""With the offset it was told in."""
Day = Annotated[date, AfterValidator(_plausible_day)]
AddressText = Annotated[
    str,
    Field(min_length=3, max_length=254, examples=["bob@recipient.example"], json_schema_extra={"format": "email"}),
    AfterValidator(_address),
]
"""A mailbox; `Address.parse` takes it."""
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(_printable)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_printable)]
Link = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_printable)]
Ip = Annotated[str, AfterValidator(_ip)]
Country = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[A-Za-z]{2}$")]
"""ISO 3166 code, or `eu`."""
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$")]
"""BCP 47."""
