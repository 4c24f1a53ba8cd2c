"""`postern domains`: proof, assertion, one holder, and that the audit hears of it."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.dns import Away
from gateway.domain_token import Challenge
from tests.rig.cli import Desk

ADD = ("domains", "add", "shop.example", "--customer", "acme")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk.at(tmp_path)
    made.done("customers", "apply", made.customers)
    return made


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The records that the DNS holds; with "!" in it, it does not answer."""
    held: set[str] = set()

    def met(self: Challenge, servers: Sequence[str]) -> bool:
        if "!" in held:
            raise Away(f"the DNS did not answer for {self.name}: gone")
        return self.record in held

    monkeypatch.setattr(Challenge, "met", met)
    return held


def domains(desk: Desk, customer: str = "acme") -> dict[str, str]:
    rows = json.loads(desk.done("domains", "list", "--customer", customer, "--json"))
    return {row["domain"]: row["source"] for row in rows}


def test_a_token_in_the_zone_proves_a_domain(desk: Desk, zone: set[str]) -> None:
    before = desk.run(*ADD)
    assert before.exit_code == 1
    assert "publish it, then give the same command again" in before.stderr
    assert domains(desk) == {"acme.example": "file"}
    zone.add(before.stdout.strip())
    assert desk.done(*ADD) == "customer 'acme' holds 'shop.example'; running nodes follow within 5 seconds\n"
    assert domains(desk) == {"acme.example": "file", "shop.example": "dns"}
    record = desk.records()[-1]
    assert (record["act"], record["customer"], record["target"]) == ("domains add", "acme", "shop.example")
    assert record["details"]["source"] == "dns"
    assert "holds 'shop.example' already" in desk.done(*ADD)
    assert len(desk.records()) == 3


def test_one_customers_token_does_not_serve_another(desk: Desk, zone: set[str]) -> None:
    zone.add(desk.run(*ADD).stdout.strip())
    assert desk.run("domains", "add", "shop.example", "--customer", "brand").exit_code == 1
    assert "shop.example" not in domains(desk, "brand")


def test_the_operators_word_needs_no_dns_and_stands_in_the_audit(desk: Desk, zone: set[str]) -> None:
    zone.add("!")
    desk.done(*ADD, "--reason", " contract \n 4711 ")
    record = desk.records()[-1]
    assert (record["reason"], record["details"]["source"]) == ("contract 4711", "assertion")
    assert json.loads(desk.done("domains", "list", "--customer", "acme", "--json"))[1]["reason"] == "contract 4711"


def test_what_is_wrong_is_said(desk: Desk, zone: set[str]) -> None:
    for arguments, status, message in [
        ((*ADD, "--reason", " "), 2, "a reason is required"),
        (("domains", "add", "shop", "--customer", "acme"), 2, "not a fully qualified domain name"),
        (("domains", "add", "shop.example", "--customer", "acne"), 1, "no customer 'acne'; did you mean 'acme'?"),
        (("domains", "add", "brand.example", "--customer", "acme", "--reason", "x"), 1, "held by customer 'brand'"),
        (("domains", "list", "--customer", "acne"), 1, "no customer 'acne'"),
        (("domains", "remove", "acme.example", "--customer", "acme", "--reason", "x"), 1, "stands in the file"),
        (("domains", "remove", "shop.example", "--customer", "acme", "--reason", "x"), 1, "does not hold"),
        (("domains", "remove", "shop.example", "--customer", "acme", "--reason", ""), 2, "a reason is required"),
    ]:
        result = desk.run(*arguments)
        assert (result.exit_code, message in result.stderr) == (status, True), (arguments, result.output)
    zone.add("!")
    result = desk.run(*ADD)
    assert result.exit_code == 1
    assert "did not answer" in result.stderr
    assert domains(desk) == {"acme.example": "file"}
    assert len(desk.records()) == 2


def test_a_domain_held_by_proof_is_no_other_customers_by_file_or_word(desk: Desk) -> None:
    desk.done(*ADD, "--reason", "contract 4711")
    path = Path(desk.customers)
    path.write_text(path.read_text().replace('"brand.example"', '"brand.example", "shop.example"'))
    result = desk.run("customers", "apply", desk.customers)
    assert result.exit_code == 1
    assert "customer 'brand': domain 'shop.example' is held by customer 'acme'" in result.stderr
    assert desk.run("domains", "add", "SHOP.example.", "--customer", "brand", "--reason", "x").exit_code == 1


def test_what_was_added_stays_when_the_file_is_applied_and_goes_when_removed(desk: Desk) -> None:
    desk.done(*ADD, "--reason", "contract 4711")
    assert "acme        unchanged  active" in desk.done("customers", "apply", desk.customers)
    assert "shop.example" in desk.done("customers", "show", "acme")
    remove = ("domains", "remove", "shop.example", "--customer", "acme", "--reason", "contract ended")
    assert "no longer holds 'shop.example'" in desk.done(*remove)
    assert (desk.records()[-1]["act"], desk.records()[-1]["reason"]) == ("domains remove", "contract ended")
    assert "shop.example" not in desk.done("customers", "show", "acme")


def test_a_domain_of_another_customer_above_or_beneath_is_told(desk: Desk) -> None:
    result = desk.run("domains", "add", "www.brand.example", "--customer", "acme", "--reason", "agreed with both")
    assert result.exit_code == 0
    assert result.stderr == "postern: note: brand.example is held by customer 'brand'\n"
    assert desk.records()[-1]["details"]["near"] == ["brand.example (brand)"]


def test_mail_passes_from_a_domain_that_was_added(desk: Desk) -> None:
    mail = desk.folder / "mail.eml"
    mail.write_text("From: ann@shop.example\n\nHello\n")
    assert desk.run("check", str(mail), "--customer", "acme").exit_code == 1
    desk.done(*ADD, "--reason", "contract 4711")
    assert desk.run("check", str(mail), "--customer", "acme").exit_code == 0


def test_tokens_are_asked_for_again(desk: Desk, zone: set[str]) -> None:
    assert desk.done("domains", "check", "--json") == "[]\n"
    zone.add(desk.run(*ADD).stdout.strip())
    desk.done(*ADD)
    desk.done("domains", "add", "other.example", "--customer", "brand", "--reason", "contract")
    there = {"domain": "shop.example", "customer": "acme", "proof": "there"}
    assert json.loads(desk.done("domains", "check", "--json")) == [there]
    assert json.loads(desk.done("domains", "check", "--json", "--customer", "brand")) == []
    zone.clear()
    result = desk.run("domains", "check", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, [there | {"proof": "gone"}])
    zone.add("!")
    assert json.loads(desk.done("domains", "check", "--json")) == [there | {"proof": "no answer"}]
    assert domains(desk)["shop.example"] == "dns"


@pytest.mark.parametrize("name", ["list", "add", "check", "remove"])
def test_help_teaches_with_an_example(desk: Desk, name: str) -> None:
    assert f"Example: postern domains {name}" in desk.done("domains", name, "--help")
