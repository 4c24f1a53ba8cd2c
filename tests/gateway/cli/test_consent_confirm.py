"""`postern consent confirm`: only who has asked, only so often; each refusal says why."""

from pathlib import Path

import pytest

from config.settings import load_settings
from consent.address import Address
from consent.model import State
from gateway.cli.acting import asking
from gateway.consents import By
from gateway.stores import Stores
from gateway.told import Told
from tests.rig.cli import SETTINGS, Desk
from tests.rig.registry_desk import BOB, EVE, LISTED, imported

MORE = """
[operator]
domains = ["gw.example"]
mailbox = "abuse@gw.example"
[http]
public_url = "https://lists.gw.example"
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = imported(tmp_path)
    (tmp_path / "postern.toml").write_text(SETTINGS + MORE)
    return desk


def requested(desk: Desk, address: str = EVE) -> None:
    """As the API would record it."""
    settings = load_settings(desk.folder / "postern.toml")
    stores = Stores.open(settings)
    told = Told(State.REQUESTED, "spring", source="signup page", ip="203.0.113.7", notice="signup-3")
    acme = stores.customers.get("acme").customer
    asking(settings, stores).record(acme, Address.parse(address), told, By("token:x", operator=False))
    stores.close()


def test_who_has_asked_is_asked_to_confirm_and_it_is_recorded(desk: Desk) -> None:
    requested(desk)
    printed = desk.done("consent", "confirm", EVE, *LISTED)
    assert printed.startswith("confirmation mail ")
    assert " is to be sent; its link is good until " in printed
    assert " waits to be sent already; " in desk.done("consent", "confirm", EVE, *LISTED)
    (act,) = [each for each in desk.records() if each["act"] == "consent confirm"]
    assert (act["customer"], act["details"]["list"], act["target"]["key"][:2]) == ("acme", "spring", "1:")


def test_who_has_not_asked_is_not_asked(desk: Desk) -> None:
    for address in (BOB, EVE):
        result = desk.run("consent", "confirm", address, *LISTED)
        assert result.exit_code == 1
        assert "no request of the last 7 days" in result.stderr
        assert "/consent/events" in result.stderr


def test_a_cap_says_when_there_is_room(desk: Desk) -> None:
    requested(desk)
    (desk.folder / "postern.toml").write_text(SETTINGS + MORE + "[limits]\nconfirmations_per_hour = 1\n")
    desk.done("consent", "confirm", EVE, *LISTED)
    requested(desk, BOB)
    result = desk.run("consent", "confirm", BOB, *LISTED)
    assert result.exit_code == 1
    assert "confirmations_per_hour" in result.stderr
    assert "; there is room on 20" in result.stderr


def test_without_an_address_on_the_web_it_says_what_to_set(desk: Desk) -> None:
    requested(desk)
    (desk.folder / "postern.toml").write_text(SETTINGS)
    result = desk.run("consent", "confirm", EVE, *LISTED)
    assert result.exit_code == 1
    assert "[http] public_url is not set" in result.stderr


def test_a_list_that_is_none_and_a_customer_that_is_none(desk: Desk) -> None:
    assert "has no list 'never'" in desk.run("consent", "confirm", EVE, "--customer", "acme", "--list", "never").stderr
    assert desk.run("consent", "confirm", EVE, "--customer", "nobody", "--list", "spring").exit_code in (1, 2)
    assert desk.run("consent", "confirm", "eve", *LISTED).exit_code == 2
    assert desk.run("consent", "confirm", EVE, "--customer", "acme").exit_code == 2
