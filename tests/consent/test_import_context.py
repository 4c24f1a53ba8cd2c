"""Import context: what an order means, and the orders that cannot be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consent.import_context import Contexts
from consent.imports.row import ImportRefused
from consent.lists import ListStore, MailingList
from consent.notices import Notice, NoticeStore
from consent.parties import Party, PartyStore
from tests.rig.imports import ACME, Desk, desk, order


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def contexts(at: Desk) -> Contexts:
    return Contexts(at.database, at.secrets)


def refusal(at: Desk, **changes: object) -> str:
    with pytest.raises(ImportRefused) as refused:
        contexts(at).make(ACME, order(**changes), "i", 5)
    return str(refused.value)


def test_a_list_that_nobody_named_before_is_of_the_customers_own_party_and_is_not_made(at: Desk) -> None:
    made = contexts(at).make(ACME, order(), "i", 5)
    assert (made.list, made.party, made.recorded, made.import_id, made.actor) == (
        "newsletter",
        "acme",
        5,
        "i",
        "ann@desk",
    )
    assert ListStore(at.database).all(ACME) == ()
    contexts(at).ensure(ACME, order(), 7)
    assert [each.created for each in ListStore(at.database).all(ACME)] == [7]


def test_a_list_binds_its_consents_to_its_party(at: Desk) -> None:
    PartyStore(at.database).put(ACME, Party(id="brand", name="Brand", email="desk@acme.example"))
    ListStore(at.database).put(ACME, MailingList(id="newsletter", party="brand", list_id="newsletter.acme.example"))
    assert contexts(at).make(ACME, order(), "", 5).party == "brand"
    assert "is of party 'brand', not 'acme'" in refusal(at, party="acme")
    assert "no party 'nobody'" in refusal(at, party="nobody")


def test_a_notice_that_is_known_to_be_pre_ticked_is_told_and_others_serve_as_declared(at: Desk) -> None:
    NoticeStore(at.database).put("acme", Notice(id="old", text="Send me mail", default_checked=True))
    NoticeStore(at.database).put("acme", Notice(id="new", text="Send me mail"))
    asked = {name: contexts(at).make(ACME, order(notice=name), "", 5) for name in ("old", "new", "unheard-of", "")}
    assert {name: made.notice_default_checked for name, made in asked.items()} == {
        "old": True,
        "new": False,
        "unheard-of": False,
        "": False,
    }
    assert asked[""].pre_ticked == {"old"}


@pytest.mark.parametrize("zone", ["Europe/Paris", "+02:00", "-0330", "UTC"])
def test_zones_by_name_or_offset(at: Desk, zone: str) -> None:
    made = contexts(at).make(ACME, order(zone=zone), "", 5)
    assert made.zone is not None
    assert made.zone_name == zone


def test_no_zone_is_none(at: Desk) -> None:
    assert contexts(at).make(ACME, order(), "", 5).zone is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"zone": "Mars/Olympus"}, "'Mars/Olympus' is not a time zone"),
        ({"zone": "../../etc/passwd"}, "not a time zone"),
        ({"notice": "two words"}, "a notice's id"),
        ({"list": "Not An Id"}, "lower-case"),
        ({"list": "*"}, "lower-case"),
        ({"attestation": "x" * 2001}, "attestation"),
    ],
)
def test_orders_that_no_file_could_fulfil(at: Desk, changes: dict[str, object], said: str) -> None:
    assert said in refusal(at, **changes)


@pytest.mark.parametrize("source", ["purchased", "rented", "appended", "scraped", "list_broker"])
def test_lists_of_bought_addresses_take_no_consents(at: Desk, source: str) -> None:
    ListStore(at.database).put(
        ACME, MailingList(id="newsletter", party="acme", list_id="newsletter.acme.example", source=source)
    )
    with pytest.raises(ImportRefused, match=source):
        contexts(at).refuse_banned(ACME, order())


def test_a_customers_own_list_takes_consents_until_it_is_declared_as_bought(at: Desk) -> None:
    contexts(at).refuse_banned(ACME, order())
    bought = MailingList(id="newsletter", party="acme", list_id="newsletter.acme.example", source="purchased")
    ListStore(at.database).put(ACME, bought)
    with pytest.raises(ImportRefused, match="purchased"):
        contexts(at).refuse_banned(ACME, order())


def test_document_references_are_hashed_under_a_key_of_this_installation(at: Desk, tmp_path: Path) -> None:
    key = contexts(at).make(ACME, order(), "", 5).reference_key
    assert len(key) == 32
    assert key not in (at.secrets.address_secret, at.secrets.wrapping_secret)
    assert repr(key) not in repr(contexts(at).make(ACME, order(), "", 5))
