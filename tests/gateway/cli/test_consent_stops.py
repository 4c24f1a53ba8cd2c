"""`postern consent suppress`, `lift`, `suppressions`: of addresses, domains and hashes; a customer's and the operator's."""

import hashlib
import json
from pathlib import Path

import click
import pytest

from consent.address import Address
from consent.imports.row import DomainName, Hashed
from gateway.cli.consent_stops import aware_time, parsed_subject
from tests.rig.cli import Desk
from tests.rig.registry_desk import BOB, LISTED, imported

SHA256 = hashlib.sha256(BOB.encode()).hexdigest()
MINE, OURS = ("--customer", "acme"), ("--all-customers",)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return imported(tmp_path)


def reason(desk: Desk) -> str | None:
    (row,) = json.loads(desk.run("consent", "check", BOB, *LISTED, "--json").stdout)
    found: str | None = row["reason"]
    return found


@pytest.mark.parametrize("who", [BOB, BOB.upper(), "recipient.example", "@RECIPIENT.example", f"sha256:{SHA256}"])
def test_an_address_a_domain_or_a_hash_can_be_suppressed_and_lifted(desk: Desk, who: str) -> None:
    assert "suppressed (manual) for customer 'acme', event 3" in desk.done("consent", "suppress", who, *MINE)
    assert reason(desk) == "SUPPRESSED"
    (row,) = json.loads(desk.done("consent", "suppressions", who, *MINE, "--json"))
    assert (row["reason"], row["list"], row["stops"]) == ("manual", "*", "marketing")
    lifted = desk.done("consent", "lift", who, *MINE, "--reason", "manual", "--words", "a mistake")
    assert lifted.startswith("lifted (manual) for customer 'acme'")
    assert reason(desk) is None
    assert "no suppression for customer 'acme'" in desk.run("consent", "suppressions", who, *MINE).stderr


def test_the_operator_s_own_hold_for_every_customer_and_tell_no_reason(desk: Desk) -> None:
    desk.done("consent", "suppress", BOB, *OURS, "--reason", "spamtrap", "--words", "seen by the trap")
    assert reason(desk) == "PROVIDER-BLOCK"
    assert json.loads(desk.done("consent", "suppressions", BOB, *MINE, "--json")) == []
    assert json.loads(desk.done("consent", "suppressions", BOB, *OURS, "--json"))[0]["stops"] == "all"
    desk.done("consent", "lift", BOB, *OURS, "--reason", "spamtrap", "--words", "no trap after all")
    assert reason(desk) is None
    acts = [(record["act"], record["customer"], record["reason"]) for record in desk.records()]
    assert acts[-2:] == [("suppressions add", "*", "seen by the trap"), ("suppressions lift", "*", "no trap after all")]


def test_one_list_can_be_stopped_and_for_a_while(desk: Desk) -> None:
    desk.done("consent", "suppress", BOB, *MINE, "--list", "spring", "--until", "2999-01-01T00:00:00+02:00")
    assert reason(desk) == "SUPPRESSED"
    assert "2998-12-31 22:00:00 UTC" in desk.done("consent", "suppressions", BOB, *MINE)


def test_lifting_what_is_not_there_and_a_withdrawal_is_refused(desk: Desk) -> None:
    desk.done("consent", "withdraw", BOB, *MINE)
    result = desk.run("consent", "lift", BOB, *MINE, "--reason", "manual", "--words", "x")
    assert result.exit_code == 2
    assert "postern: reason: " in result.stderr
    assert reason(desk) == "WITHDRAWN"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("suppress", BOB), "name the customer with --customer ID, or give --all-customers"),
        (("suppress", BOB, *MINE, *OURS), "name the customer with --customer ID, or give --all-customers"),
        (("suppress", "nobody", *MINE), "write an address, a domain such as recipient.example"),
        (("suppress", "sha256:abc", *MINE), "write an address, a domain"),
        (("suppress", BOB, *MINE, "--reason", "complaint"), "'complaint' is not one of"),
        (("suppress", BOB, *MINE, "--until", "tomorrow"), "ISO 8601 time with its offset"),
        (("suppress", BOB, *MINE, "--until", "2020-01-01T00:00:00+00:00"), "until: lies in the past"),
        (("suppress", BOB, *OURS, "--list", "spring"), "list: the operator's own suppressions are for all mail"),
        (("lift", BOB, *MINE, "--reason", "manual"), "--words"),
    ],
)
def test_what_is_wrong_is_status_2_and_changes_nothing(desk: Desk, arguments: tuple[str, ...], message: str) -> None:
    result = desk.run("consent", *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert reason(desk) is None


@pytest.mark.parametrize("name", ["suppress", "lift", "suppressions"])
def test_help_teaches_with_an_example(desk: Desk, name: str) -> None:
    assert f"Example: postern consent {name}" in desk.done("consent", name, "--help")


def test_what_is_meant_is_told_by_its_form() -> None:
    assert parsed_subject("Bob@Recipient.example") == Address.parse("Bob@Recipient.example")
    assert parsed_subject("@Bücher.example") == DomainName("xn--bcher-kva.example")
    assert parsed_subject(f"sha1:{'AB' * 20}") == Hashed("sha1", "ab" * 20)
    for text in ("", "@", "localhost", "md5:" + "a" * 40):
        with pytest.raises(click.BadParameter):
            parsed_subject(text)


def test_a_time_has_its_offset() -> None:
    assert aware_time("2027-01-31T00:00:00+02:00").isoformat() == "2027-01-31T00:00:00+02:00"
    for text in ("2027-01-31T00:00:00", "31.1.2027", ""):
        with pytest.raises(click.BadParameter):
            aware_time(text)
