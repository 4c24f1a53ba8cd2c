"""`postern unsubscribe`: links for addresses, exit statuses, the audit."""

import json
from pathlib import Path

import pytest

from config.settings import load_settings
from consent.unsubscribe import Tokens
from gateway.stores import Stores
from tests.rig.cli import SETTINGS, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk.at(tmp_path)
    (tmp_path / "postern.toml").write_text(SETTINGS + '[http]\npublic_url = "https://unsubscribe.example"\n')
    made.done("customers", "apply", made.customers)
    made.done("lists", "add", "spring", "--customer", "acme")
    return made


def test_each_address_has_its_link(desk: Desk) -> None:
    told = desk.done(
        "unsubscribe", "links", "bob@x.example", "Ann@X.example", "--customer", "acme", "--list", "spring", "--json"
    )
    rows = json.loads(told)
    assert [row["address"] for row in rows] == ["bob@x.example", "Ann@X.example"]
    stores = Stores.open(load_settings(desk.folder / "postern.toml"))
    tokens = [Tokens(stores.secrets).read(row["url"].rpartition("/u/")[2]) for row in rows]
    stores.close()
    assert [(each.customer, each.list) for each in tokens] == [("acme", "spring")] * 2
    assert len({each.key for each in tokens}) == 2
    record = desk.records()[-1]
    assert (record["act"], record["customer"], record["target"]) == ("unsubscribe links", "acme", "spring")
    assert record["details"] == {"reference": tokens[0].reference, "links": 2}


def test_addresses_come_from_standard_input(desk: Desk) -> None:
    result = desk.run("unsubscribe", "links", "-", "--customer", "acme", input="bob@x.example\n\nann@x.example\n")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[2:]] == ["bob@x.example", "ann@x.example"]
    assert "https://unsubscribe.example/u/" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("bob@x.example", "bob", "--customer", "acme"), 2, "address 2: "),
        (("bob@x.example", "--customer", "acme", "--list", "sprint"), 1, "has no list 'sprint'"),
        (("bob@x.example", "--customer", "acne"), 1, "did you mean 'acme'?"),
        (("--customer", "acme"), 2, "ADDRESS"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_recorded(
    desk: Desk, arguments: tuple[str, ...], status: int, says: str
) -> None:
    result = desk.run("unsubscribe", "links", *arguments)
    assert (result.exit_code, result.stdout) == (status, "")
    assert says in result.stderr
    assert all(record["act"] != "unsubscribe links" for record in desk.records())


def test_without_a_public_url_it_names_the_setting(desk: Desk) -> None:
    (desk.folder / "postern.toml").write_text(SETTINGS)
    result = desk.run("unsubscribe", "links", "bob@x.example", "--customer", "acme")
    assert (result.exit_code, result.stderr.split(" ")[1]) == (2, "http.public_url")
