"""`postern lists`: what it shows and changes, exit statuses, the audit."""

import json
from datetime import date
from pathlib import Path

import pytest

from config.settings import load_settings
from consent.lists import ListStore
from consent.model import micros
from gateway.cli.context import utc_now
from gateway.stores import Stores
from tests.rig.cli import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk.at(tmp_path)
    made.done("customers", "apply", made.customers)
    return made


def complain(desk: Desk, name: str) -> None:
    stores = Stores.open(load_settings(desk.folder / "postern.toml"))
    acme = stores.customers.get("acme").customer
    assert ListStore(stores.consent_database).complained(acme, name, micros(utc_now()))
    stores.close()


def test_a_list_is_added_described_and_shown(desk: Desk) -> None:
    assert "no lists yet" in desk.run("lists", "list", "--customer", "acme").stderr
    done = desk.done("lists", "add", "spring", "--customer", "acme", "--name", "Spring offers")
    assert done == "list 'spring' is added; List-Id spring.acme.example\n"
    done = desk.done(
        "lists",
        "add",
        "spring",
        "--customer",
        "acme",
        "--language",
        "en",
        "--withdrawal",
        "one_click",
        "--source",
        "own",
    )
    assert "is changed" in done
    assert "stood so already" in desk.done("lists", "add", "spring", "--customer", "acme", "--language", "en")
    (row,) = json.loads(desk.done("lists", "list", "--customer", "acme", "--json"))
    assert (row["id"], row["name"], row["language"], row["withdrawal"]) == (
        "spring",
        "Spring offers",
        "en",
        "web, one_click",
    )
    assert (row["required"], row["complaint"], row["party"]) == ("E2", None, "acme")
    assert row["created"].startswith(str(utc_now().year))
    shown = desk.done("lists", "show", "spring", "--customer", "acme")
    assert "Spring offers" in shown
    assert "complaint" not in shown
    acts = [(record["act"], record["customer"], record["target"]) for record in desk.records()[2:]]
    assert acts == [("lists add", "acme", "spring")] * 2


def test_a_list_of_another_party_is_made_for_it_and_kept_by_it(desk: Desk) -> None:
    desk.done("parties", "add", "tents", "--customer", "acme", "--name", "Tents Inc", "--phone", "+1 555 0100")
    desk.done("lists", "add", "camping", "--customer", "acme", "--party", "tents")
    assert "tents" in desk.done("lists", "show", "camping", "--customer", "acme")
    result = desk.run("lists", "add", "camping", "--customer", "acme", "--party", "acme")
    assert result.exit_code == 2
    assert "list 'camping' is of party 'tents', and consents are bound to that" in result.stderr


def test_a_list_that_a_credential_names_is_listed(desk: Desk) -> None:
    file = Path(desk.customers)
    file.write_text(
        file.read_text().replace('password = "correct horse"', 'password = "correct horse"\nlist = "newsletter"')
    )
    assert desk.run("customers", "apply", desk.customers).stderr == ""
    (row,) = json.loads(desk.done("lists", "list", "--customer", "acme", "--json"))
    assert (row["id"], row["list_id"], row["created"]) == ("newsletter", "newsletter.acme.example", None)


def test_a_complaint_is_shown_and_lowered_with_a_reason(desk: Desk) -> None:
    desk.done("lists", "add", "spring", "--customer", "acme")
    arguments = ("lists", "lower", "spring", "--customer", "acme")
    assert "no complaint raised list 'spring'" in desk.done(*arguments, "--reason", "looked")
    complain(desk, "spring")
    (row,) = json.loads(desk.done("lists", "list", "--customer", "acme", "--json"))
    assert row["required"] == "E3"
    assert row["complaint"].startswith(str(utc_now().year))
    for reason in ("  ", "a\x1bb"):
        assert desk.run(*arguments, "--reason", reason).exit_code == 2
    assert desk.done(*arguments, "--reason", " form  repaired ") == "list 'spring': consents need E2 again\n"
    (row,) = json.loads(desk.done("lists", "list", "--customer", "acme", "--json"))
    assert (row["required"], row["complaint"]) == ("E2", None)
    record = desk.records()[-1]
    assert (record["act"], record["target"], record["reason"]) == ("lists lower", "spring", "form repaired")
    assert record["details"]["required"] == "E2"


def test_the_grade_shown_is_the_customer_s_of_today(desk: Desk) -> None:
    file = Path(desk.customers)
    lowered = 'name = "Acme Ltd"\nminimum_grade = "E1"\nminimum_grade_reason = "old list"\nminimum_grade_until = '
    for until, grade in ((date(9999, 12, 31), "E1"), (date(2020, 1, 1), "E2")):
        file.write_text(file.read_text().replace('name = "Acme Ltd"', lowered + until.isoformat(), 1))
        desk.done("customers", "apply", desk.customers)
        desk.done("lists", "add", "spring", "--customer", "acme")
        assert json.loads(desk.done("lists", "show", "spring", "--customer", "acme", "--json"))["required"] == grade
        file.write_text(file.read_text().replace(lowered + until.isoformat(), 'name = "Acme Ltd"'))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("list",), 2, "--customer"),
        (("list", "--customer", "acne"), 1, "no customer 'acne'; did you mean 'acme'?"),
        (("show", "spring", "--customer", "acme"), 1, "customer 'acme' has no list 'spring'; `postern lists list`"),
        (("lower", "spring", "--customer", "acme", "--reason", "x"), 1, "customer 'acme' has no list 'spring'"),
        (("add", "Spring", "--customer", "acme"), 2, "list: id must be lower-case letters"),
        (("add", "spring", "--customer", "acme", "--language", "e n"), 2, "language must be a BCP 47 tag"),
        (("add", "spring", "--customer", "acme", "--purpose", "spam"), 2, "'spam' is not one of"),
        (("add", "spring", "--customer", "acme", "--party", "tents"), 1, "customer 'acme' has no party 'tents'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(
    desk: Desk, arguments: tuple[str, ...], status: int, message: str
) -> None:
    result = desk.run("lists", *arguments)
    assert result.exit_code == status
    assert message in result.stderr
    assert desk.done("lists", "list", "--customer", "acme", "--json") == "[]\n"


@pytest.mark.parametrize("name", ["list", "show", "add", "lower"])
def test_help_teaches_with_an_example(desk: Desk, name: str) -> None:
    assert f"Example: postern lists {name}" in desk.done("lists", name, "--help")
