"""`postern relationships`: recorded with what the law asks for, shown as they stand, told again when they end."""

import json
from pathlib import Path

import pytest

from tests.rig.cli import Desk
from tests.rig.registry_desk import EVE, LISTED, imported

ADD = ("relationships", "add", EVE, "--customer", "acme", "--kind", "purchase", "--date", "2026-11-05")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return imported(tmp_path)


def allowed(desk: Desk) -> bool:
    return desk.run("consent", "check", EVE, *LISTED).exit_code == 0


def rows(desk: Desk) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(desk.done("relationships", "list", EVE, "--customer", "acme", "--json"))
    return found


def test_a_relationship_with_a_reference_is_a_ground_where_the_law_lets_it_be(desk: Desk) -> None:
    assert "no relationship" in desk.run("relationships", "list", EVE, "--customer", "acme").stderr
    printed = desk.done(*ADD, "--reference", "INV-4711", "--country", "CA")
    assert printed == "recorded, grade R1, event 3\n"
    assert allowed(desk)
    (row,) = rows(desk)
    assert (row["kind"], row["date"], row["party"], row["grade"]) == ("purchase", "2026-11-05", "acme", "R1")
    assert "purchase" in desk.done("consent", "show", EVE, "--customer", "acme")
    assert [record["act"] for record in desk.records()][-1] == "relationships add"
    everything = b"".join(path.read_bytes() for path in (desk.folder / "var").rglob("*") if path.is_file())
    assert b"INV-4711" not in everything


def test_a_bare_assertion_is_none(desk: Desk) -> None:
    assert "grade R0" in desk.done(*ADD, "--country", "ca")
    assert not allowed(desk)


def test_the_same_document_again_replaces_what_was_told_of_it(desk: Desk) -> None:
    contract = ("relationships", "add", EVE, "--customer", "acme", "--kind", "contract", "--date", "2020-01-05",
                "--reference", "C-1", "--country", "ca")  # fmt: skip
    desk.done(*contract, "--ongoing")
    assert allowed(desk)
    desk.done(*contract, "--ended", "2021-01-05")
    (row,) = rows(desk)
    assert (row["ended"], row["ongoing"]) == ("2021-01-05", "no")
    assert not allowed(desk)


def test_facts_that_the_law_asks_for_are_kept(desk: Desk) -> None:
    desk.done(*ADD, "--reference", "INV-4711", "--country", "fr")
    assert not allowed(desk)
    desk.done(*ADD, "--reference", "INV-4711", "--country", "fr", "--similar-products", "--optout-offered")
    assert allowed(desk)
    desk.done(*ADD, "--reference", "INV-4711", "--country", "fr", "--other-products", "--optout-offered")
    assert not allowed(desk)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--kind", "friendship"), 2, "'friendship' is not one of"),
        (("--date", "05/11/2026"), 2, "does not match the format"),
        (("--date", "2999-01-01"), 2, "basis: lies in the future"),
        (("--ended", "2020-01-01"), 2, "ended: lies before basis"),
        (("--ended", "2026-11-06", "--ongoing"), 2, "ended: a relationship that is ongoing has not ended"),
        (("--party", "tents"), 1, "customer 'acme' has no party 'tents'"),
        (("--customer", "acne"), 1, "no customer 'acne'"),
        (("--country", "france"), 2, "at most 2 characters"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_recorded(
    desk: Desk, arguments: tuple[str, ...], status: int, message: str
) -> None:
    result = desk.run(*ADD, *arguments)
    assert result.exit_code == status, result.output
    assert message in result.stderr
    assert rows(desk) == []


@pytest.mark.parametrize("name", ["add", "list"])
def test_help_teaches_with_an_example(desk: Desk, name: str) -> None:
    assert f"Example: postern relationships {name}" in desk.done("relationships", name, "--help")
