"""Profiles: what the law of a recipient's country lets be a ground beside express consent, and what it asks (R-104)."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from consent.model import Kind

GROUNDS = ("implied", "soft_opt_in", "aup_relationship")
SAID = ("similar_products", "optout_offered", "relevant", "negotiation")
"""Needs that are a fact of the relationship (`consent.model.Related`) which must be said to be so."""
HELD = ("postal_address", "sender_name", "second_contact")
"""What bulk mail may be asked to hold, by which the CONTENT rules go."""
NEEDS = (*SAID, "no_refusal", "sale", "charity", "uk_corporate", "person", "two_way")
"""All that a ground may need; jurisdictions.toml says what each means."""


@dataclass(frozen=True, slots=True)
class Implied:
    """When a relationship of some kind is a ground."""

    ground: str
    """One of GROUNDS."""
    months: int | None = None
    """Calendar months for which it lasts, the last day included; None: no period of the law's own."""
    ongoing: bool = False
    """No period runs while the relationship goes on; then it runs from its end (CASL 10(14))."""
    since: str = ""
    """ISO date; an earlier basis date is no ground."""
    once: bool = False
    """Good for one message."""
    needs: tuple[str, ...] = ()
    """Of NEEDS, all of which must hold."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One jurisdiction's figures (spec/consent.md section 3.5)."""

    name: str
    title: str
    version: int
    """Counts its changes, from 1 (R-136)."""
    effective: date
    """The day from which this version is to hold; it switches nothing."""
    sign_off: str
    """Who, with the right to say so, has found it right; "" is nobody yet."""
    strictness: int
    """Greater is stricter; no two profiles share one."""
    countries: frozenset[str]
    """ISO 3166 codes in lower case, and `eu`, `uk`, `el`."""
    basis: str
    honour: str
    """By when the law wants an unsubscribe to work. Here it works at once."""
    mechanism_days: int | None
    """Days after sending for which the unsubscribe must work."""
    contact_days: int | None
    """Days after sending for which the sender must be reachable."""
    content: tuple[str, ...]
    held: frozenset[str]
    """Of HELD: what each bulk message must hold."""
    burden: str
    """Who must prove consent."""
    source: str
    grounds: Mapping[str, Implied]
    """Kind of relationship -> when it is a ground. A kind that is missing is none."""


def shipped() -> Mapping[str, Profile]:
    """The profiles of jurisdictions.toml beside this file, by name."""
    return read(Path(__file__).with_name("jurisdictions.toml"))


def read(path: Path) -> Mapping[str, Profile]:
    """The profiles in a file; raises ValueError that names what is wrong, OSError."""
    with path.open("rb") as file:
        tables = tomllib.load(file)
    profiles = {name: _profile(name, table) for name, table in tables.items()}
    if not profiles:
        raise ValueError(f"{path.name}: no profile")
    _unique("strictness", [profile.strictness for profile in profiles.values()])
    _unique("country", [country for profile in profiles.values() for country in sorted(profile.countries)])
    return MappingProxyType(profiles)


def applicable(country: str, names: Iterable[str], profiles: Mapping[str, Profile]) -> Profile | None:
    """The profile of a recipient's country (lower case, "" when not known).

    When no profile names the country, the strictest of the customer's `names`, and when none of these is known, of
    all (R-104). None only when there are no profiles at all.
    """
    if country:
        for profile in profiles.values():
            if country in profile.countries:
                return profile
    named = [profiles[name] for name in names if name in profiles]
    return max(named or profiles.values(), key=lambda profile: profile.strictness, default=None)


def _profile(name: str, table: dict[str, Any]) -> Profile:
    fields = dict(table)
    try:
        grounds: dict[str, Implied] = {}
        for entry in fields.pop("grounds"):
            kinds, implied = _implied(entry)
            _unique("kind", [*grounds, *kinds])
            grounds.update(dict.fromkeys(kinds, implied))
        return Profile(
            name=name,
            countries=frozenset(fields.pop("countries")),
            content=tuple(fields.pop("content")),
            held=_held(fields.pop("held", [])),
            mechanism_days=fields.pop("mechanism_days", None),
            contact_days=fields.pop("contact_days", None),
            grounds=MappingProxyType(grounds),
            version=_version(fields.pop("version")),
            effective=_day(fields.pop("effective")),
            sign_off=_text(fields.pop("sign_off")),
            **fields,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"profile {name!r}: {error}") from None


def asked(names: Iterable[str], profiles: Mapping[str, Profile]) -> frozenset[str]:
    """What bulk mail must hold by any of these profiles: of HELD."""
    return frozenset(what for name in names if name in profiles for what in profiles[name].held)


def _version(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("version: must be a whole number from 1")
    return value


def _day(value: object) -> date:
    # A datetime is a date to Python, and would be a time in some zone.
    if type(value) is not date:
        raise ValueError("effective: must be a date such as 2026-11-21, without quotes")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("sign_off: must be text on one line")
    return value


def _held(names: list[str]) -> frozenset[str]:
    unknown = sorted(set(names) - set(HELD))
    if unknown:
        raise ValueError(f"held {unknown[0]!r} is none of {', '.join(HELD)}")
    return frozenset(names)


def _implied(entry: dict[str, Any]) -> tuple[list[str], Implied]:
    fields = dict(entry)
    kinds = [Kind(kind).value for kind in fields.pop("kinds")]
    since: date | None = fields.pop("since", None)
    needs = tuple(fields.pop("needs", ()))
    implied = Implied(needs=needs, since=since.isoformat() if since else "", **fields)
    if implied.ground not in GROUNDS:
        raise ValueError(f"ground {implied.ground!r} is none of {', '.join(GROUNDS)}")
    unknown = sorted(set(needs) - set(NEEDS))
    if unknown:
        raise ValueError(f"need {unknown[0]!r} is none of {', '.join(NEEDS)}")
    return kinds, implied


def _unique(what: str, values: list[Any]) -> None:
    doubled = [value for value in values if values.count(value) > 1]
    if doubled:
        raise ValueError(f"{what} {doubled[0]!r} stands twice")
