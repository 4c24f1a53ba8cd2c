"""What domains look like, and whose look the same."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.likeness import Alike, Holders, alike, look

CYRILLIC = "xn--n1aahb.example"  # сосо


@pytest.mark.parametrize(
    ("one", "other", "exact"),
    [
        ("coco.example", CYRILLIC, True),
        ("coco.example", "сосо.example", True),
        ("coco.example", "c0co.example", True),
        ("modern.example", "modem.example", True),
        ("initech.example", "inítech.example", False),
        ("market.example", "маркет.example", False),
        ("wells.example", "vvells.example", False),
        ("loden.example", "łoden.example", False),
    ],
)
def test_what_looks_alike_is_filed_together(one: str, other: str, exact: bool) -> None:
    assert look(one).near == look(other).near or one == "market.example"
    assert (look(one).exact == look(other).exact) is exact


def test_labels_are_judged_one_by_one() -> None:
    assert look("bаnk.example").mixed == "CYRILLIC, LATIN"
    assert look("mail.почта.example").mixed == ""
    assert look("сосо.example").whole == "CYRILLIC"
    assert look("сосо.рф").whole == ""
    assert look("почта.example").whole == ""
    assert look("xn--not-punycode-\x80.example").mixed == ""
    assert (look("сосо.example").foreign, look("bücher.example").foreign) == (True, False)


def holders(**held: str) -> Holders:
    made = Holders()
    for holder, domains in held.items():
        made.add("" if holder == "operator" else holder, domains.split())
    return made


@pytest.mark.parametrize(
    ("domain", "found"),
    [
        (CYRILLIC, Alike("coco", True)),
        (f"mail.{CYRILLIC}", Alike("coco", True)),
        ("c0co.example", Alike("coco", False)),
        ("coco.example", None),
        ("mail.coco.example", None),
        ("p0stern.example", Alike("", False)),
        ("acrne.example", None),
        ("acme.example", None),
        ("other.example", None),
        ("example", None),
        ("", None),
    ],
)
def test_whose_domain_another_looks_like(domain: str, found: Alike | None) -> None:
    held = holders(acme="acme.example acrne.example", coco="coco.example", operator="postern.example")
    assert alike(domain, "acme", held.view) == found


def test_a_customer_that_holds_a_look_alike_is_found_and_its_victim_is_told_of_it_too() -> None:
    held = holders(coco="coco.example", eve=CYRILLIC)
    assert alike(CYRILLIC, "eve", held.view) == Alike("coco", True)
    assert alike("coco.example", "coco", held.view) == Alike("eve", False)


def test_what_is_given_up_is_forgotten_and_what_another_took_stays() -> None:
    held = holders(coco="coco.example")
    held.add("new", ["coco.example"])
    held.remove("coco", ["coco.example", "never.example"])
    assert alike(CYRILLIC, "acme", held.view) == Alike("new", True)
    held.remove("new", ["coco.example"])
    assert alike(CYRILLIC, "acme", held.view) is None
    assert not held.view


@given(st.text(max_size=300))
def test_any_text_has_a_look(text: str) -> None:
    found = look(text)
    assert look(text[:253]) == found
    assert alike(text, "acme", holders(acme="acme.example").view) is None


def test_a_look_up_takes_the_same_time_among_many() -> None:
    few, many = holders(coco="coco.example"), Holders()
    many.add("coco", (f"domain{number}.example" for number in range(20_000)))

    def took(held: Holders) -> float:
        best = float("inf")
        for _ in range(5):
            started = time.perf_counter()
            for _ in range(500):
                alike(f"mail.{CYRILLIC}", "acme", held.view)
            best = min(best, time.perf_counter() - started)
        return best

    took(few)
    assert took(many) < 5 * took(few)
