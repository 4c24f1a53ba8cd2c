"""Jurisdictions: the shipped figures, and what a file of one's own may hold."""

from datetime import date
from pathlib import Path

import pytest

from consent.model import Kind
from consent.profiles import Implied, applicable, asked, read, shipped

PROFILES = shipped()
EU = [
    "at",
    "be",
    "bg",
    "cy",
    "cz",
    "de",
    "dk",
    "ee",
    "es",
    "fi",
    "fr",
    "gr",
    "hr",
    "hu",
    "ie",
    "it",
    "lt",
    "lu",
    "lv",
    "mt",
    "nl",
    "pl",
    "pt",
    "ro",
    "se",
    "si",
    "sk",
]
PLAIN = """
[xx]
title = "Nowhere"
version = 2
effective = 2026-11-21
sign_off = "R. Roe, counsel, 2026-11-19"
strictness = 5
countries = ["xx"]
basis = ""
honour = ""
content = []
burden = ""
source = ""
grounds = [{ kinds = ["purchase"], ground = "implied", months = 3, since = 2026-02-05, needs = ["relevant"] }]
"""


def test_the_profiles_are_those_of_the_specification() -> None:
    assert sorted(PROFILES) == ["au", "ca", "eu", "nz", "sg", "uk", "us"]
    assert all(profile.name == name and profile.title and profile.source for name, profile in PROFILES.items())
    # Nobody has signed what is shipped: that is the operator's to have done.
    assert {(profile.version, profile.sign_off) for profile in PROFILES.values()} == {(1, "")}


@pytest.mark.parametrize(
    ("name", "honour", "mechanism"),
    [
        ("us", "10 business days", 30),
        ("ca", "10 business days, without delay", 60),
        ("eu", "at any time, at once", None),
        ("uk", "promptly", None),
        ("au", "5 working days", 30),
        ("nz", "5 working days", 30),
        ("sg", "10 business days", 30),
    ],
)
def test_how_long_an_unsubscribe_may_take_and_must_work(name: str, honour: str, mechanism: int | None) -> None:
    assert (PROFILES[name].honour, PROFILES[name].mechanism_days) == (honour, mechanism)


@pytest.mark.parametrize(
    ("kind", "months", "ongoing"),
    [
        *(
            (kind, 24, True)
            for kind in ("purchase", "lease", "barter", "opportunity_accepted", "contract", "membership")
        ),
        *((kind, 24, False) for kind in ("donation", "volunteer", "meeting_attended")),
        *((kind, 6, False) for kind in ("inquiry", "application", "quote_request")),
    ],
)
def test_the_periods_of_canada(kind: str, months: int, ongoing: bool) -> None:
    assert PROFILES["ca"].grounds[kind] == Implied("implied", months, ongoing)


def test_only_canada_has_periods_of_its_own() -> None:
    assert {name for name, profile in PROFILES.items() for each in profile.grounds.values() if each.months} == {"ca"}


@pytest.mark.parametrize("name", ["eu", "uk"])
def test_the_soft_opt_in_needs_a_sale_similar_products_and_an_offered_opt_out(name: str) -> None:
    assert PROFILES[name].grounds["purchase"] == Implied(
        "soft_opt_in", ongoing=True, needs=("similar_products", "optout_offered")
    )


def test_personal_relationships_need_a_person_and_messages_both_ways() -> None:
    for profile in PROFILES.values():
        for kind in (Kind.PERSONAL, Kind.FAMILY):
            assert kind not in profile.grounds or profile.grounds[kind].needs == ("person", "two_way")


def test_published_addresses_need_relevance_and_no_refusal() -> None:
    for profile in PROFILES.values():
        for kind in (Kind.PROFESSIONAL_PUBLISHED, Kind.PROFESSIONAL_DISCLOSED):
            if kind in profile.grounds:
                assert set(profile.grounds[kind].needs) >= {"relevant", "no_refusal"}


def test_a_referral_is_good_for_one_message_and_in_canada_only() -> None:
    assert {
        name: profile.grounds["referral"].once for name, profile in PROFILES.items() if "referral" in profile.grounds
    } == ({"ca": True})


def test_singapore_takes_consent_only() -> None:
    assert not PROFILES["sg"].grounds


@pytest.mark.parametrize("country", [*EU, "eu", "el", "is", "li", "no"])
def test_members_of_the_union_and_the_eea(country: str) -> None:
    profile = applicable(country, ("us",), PROFILES)
    assert profile is PROFILES["eu"]


@pytest.mark.parametrize(
    ("country", "name"),
    [("us", "us"), ("pr", "us"), ("ca", "ca"), ("gb", "uk"), ("uk", "uk"), ("au", "au"), ("nz", "nz"), ("sg", "sg")],
)
def test_the_recipients_country_goes_first(country: str, name: str) -> None:
    assert applicable(country, ("eu", "us"), PROFILES) is PROFILES[name]


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (("us",), "us"),
        (("us", "eu"), "eu"),
        (("eu", "us"), "eu"),
        (("ca", "uk"), "uk"),
        (("us", "ca"), "ca"),
        (("us", "xx"), "us"),
        (("xx",), "sg"),
        ((), "sg"),
    ],
)
@pytest.mark.parametrize("country", ["", "br"])
def test_an_unknown_jurisdiction_takes_the_customers_strictest(country: str, names: tuple[str, ...], name: str) -> None:
    assert applicable(country, names, PROFILES) is PROFILES[name]


def test_without_profiles_there_is_none() -> None:
    assert applicable("us", ("us",), {}) is None


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(PLAIN)
    (profile,) = read(path).values()
    assert (profile.name, profile.countries, profile.mechanism_days) == ("xx", frozenset(("xx",)), None)
    assert (profile.version, profile.effective) == (2, date(2026, 11, 21))
    assert profile.sign_off == "R. Roe, counsel, 2026-11-19"
    assert profile.grounds == {"purchase": Implied("implied", 3, since="2026-02-05", needs=("relevant",))}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"purchase"', '"theft"', "profile 'xx': 'theft' is not a valid Kind"),
        ('"purchase"', '"purchase", "purchase"', "profile 'xx': kind 'purchase' stands twice"),
        ('"implied"', '"hope"', "profile 'xx': ground 'hope' is none of"),
        ('"relevant"', '"luck"', "profile 'xx': need 'luck' is none of"),
        ("months = 3", "weeks = 3", "profile 'xx': .*weeks"),
        ('title = "Nowhere"', "", "profile 'xx': .*title"),
        ('title = "Nowhere"', 'titel = "Nowhere"', "profile 'xx': .*titel"),
        ("version = 2", "", "profile 'xx': 'version'"),
        ("version = 2", "version = 0", "profile 'xx': version: must be a whole number from 1"),
        ("version = 2", "version = true", "profile 'xx': version: must be a whole number from 1"),
        ("2026-11-21", '"2026-11-21"', "profile 'xx': effective: must be a date such as 2026-11-21, without quotes"),
        ("2026-11-21", "2026-11-21T00:00:00Z", "profile 'xx': effective: must be a date"),
        ('"R. Roe, counsel, 2026-11-19"', "false", "profile 'xx': sign_off: must be text on one line"),
        ('sign_off = "R. Roe, counsel, 2026-11-19"', "", "profile 'xx': 'sign_off'"),
        ('countries = ["xx"]', "", "profile 'xx': 'countries'"),
        ('countries = ["xx"]', 'countries = ["xx", "us"]', "country 'us' stands twice"),
        ("strictness = 5", "strictness = 10", "strictness 10 stands twice"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert before in PLAIN
    path = tmp_path / "own.toml"
    us = PLAIN.replace("[xx]", "[us]").replace('["xx"]', '["us"]').replace("strictness = 5", "strictness = 10")
    path.write_text(us + PLAIN.replace(before, after))
    with pytest.raises(ValueError, match=said):
        read(path)


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("")
    with pytest.raises(ValueError, match="no profile"):
        read(path)


def test_what_a_message_must_hold_is_that_of_all_its_profiles() -> None:
    profiles = shipped()
    assert asked(("us", "nz", "nowhere"), profiles) == {"postal_address", "sender_name"}
    assert all(profile.held for profile in profiles.values())
