"""Which list a reverse-path means, and whose a From domain is."""

from collections.abc import Mapping, Sequence
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.address import Address
from consent.lists import MailingList
from consent.parties import Party
from gateway.roll import Roll
from tests.rig.registry import customer

ACME = customer("acme")


def roll(patterns: Mapping[str, Sequence[str]]) -> Roll:
    lists = [
        MailingList(id=name, party="acme", list_id=f"{name.upper()}.acme.example", reverse_paths=tuple(each))
        for name, each in patterns.items()
    ]
    parties = [
        Party(id="acme", name="Acme", email="a@acme.example", domains=("acme.example",)),
        Party(id="brand", name="Brand", email="b@acme.example", domains=("brand.example",)),
    ]
    return Roll.of(ACME, lists, parties)


FOUR = {
    "spring": ["spring@acme.example", "bounce-*@acme.example"],
    "autumn": ["bounce-autumn-*@acme.example", "*@autumn.acme.example"],
    "winter": ["*-winter@acme.example", "ab*ba@acme.example"],
}


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("spring@acme.example", "spring"),
        ("Spring@ACME.example", "spring"),
        ("xspring@acme.example", None),
        ("bounce-7=bob@acme.example", "spring"),
        ("bounce-@acme.example", "spring"),
        ("bounce@acme.example", None),
        ("bounce-autumn-7@acme.example", "autumn"),
        ("bounce-7@other.example", None),
        ("bounce-7@acme.example.other.example", None),
        ("bounce-7@x.acme.example", None),
        ("anybody@autumn.acme.example", "autumn"),
        ("bounce-autumn-7-winter@acme.example", "autumn"),
        ("7-winter@acme.example", "winter"),
        ("abba@acme.example", "winter"),
        ("aba@acme.example", None),
    ],
)
def test_a_reverse_path_means_the_list_of_the_longest_pattern(address: str, name: str | None) -> None:
    assert roll(FOUR).by_reverse_path(Address.parse(address)) == name


def test_the_null_reverse_path_means_no_list() -> None:
    assert roll(FOUR).by_reverse_path(None) is None


def test_a_mailbox_goes_before_any_pattern() -> None:
    both = roll({"spring": ["bounce@acme.example"], "autumn": ["bounce*@acme.example"]})
    assert both.by_reverse_path(Address.parse("bounce@acme.example")) == "spring"


LOCAL = st.text("ab-", max_size=6)


@given(st.lists(st.tuples(LOCAL, LOCAL), max_size=8, unique=True), LOCAL.filter(bool))
def test_it_is_what_trying_each_pattern_gives(patterns: list[tuple[str, str]], local: str) -> None:
    made = roll({f"l{at}": [f"{first}*{last}@acme.example"] for at, (first, last) in enumerate(patterns)})
    fits = [
        len(first) + len(last)
        for first, last in patterns
        if len(local) >= len(first) + len(last) and local.startswith(first) and local.endswith(last)
    ]
    found = made.by_reverse_path(Address(f"{local}@acme.example", f"{local}@acme.example"))
    assert (found is None) == (not fits)
    if found is not None:
        first, last = patterns[int(found[1:])]
        assert len(first) + len(last) == max(fits)


def test_what_it_costs_does_not_grow_with_the_patterns() -> None:
    many = {f"l{at}": [f"{'a' * (at % 40)}{at}-{each}*@acme.example" for each in range(20)] for at in range(2000)}
    large, small = roll(many), roll({"spring": ["bounce-*@acme.example"]})
    address = Address.parse(f"{'a' * 60}@acme.example")

    def cost(asked: Roll) -> float:
        return min(_time(asked, address) for _ in range(20))

    assert cost(large) < 100 * cost(small)


def _time(asked: Roll, address: Address) -> float:
    begin = perf_counter()
    asked.by_reverse_path(address)
    return perf_counter() - begin


def test_lists_are_found_by_id_and_list_id() -> None:
    made = roll(FOUR)
    assert made.list_ids == {f"{name}.acme.example": name for name in FOUR}
    found, unknown = made.list("spring"), made.list("unheard-of")
    assert found is made.lists["spring"]
    assert unknown is not None and unknown.id == "unheard-of"
    assert made.list(None) is None


def test_the_own_partys_domains_are_nobody_elses() -> None:
    assert roll({}).parties == {"brand.example": "brand"}
