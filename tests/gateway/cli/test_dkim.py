"""`postern dkim`: made, published, seen, rotated, removed; and what is private stays so."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.settings import load_settings
from gateway.cli import dkim as module
from gateway.cli.context import utc_now
from gateway.sign import generate
from gateway.stores import Stores
from tests.rig.cli import Desk
from tests.rig.dns import Dns

OF = ("--customer", "acme", "--domain", "acme.example")


@pytest.fixture
def dns() -> Iterator[Dns]:
    with Dns().serving() as responder:
        yield responder


@pytest.fixture
def desk(tmp_path: Path, dns: Dns) -> Desk:
    made = Desk.at(tmp_path)
    file = tmp_path / "postern.toml"
    file.write_text(f'{file.read_text()}[dns]\nservers = ["{dns.address}"]\n')
    made.done("customers", "apply", made.customers)
    return made


def shown(desk: Desk, status: int = 0) -> dict[str, dict[str, Any]]:
    """What `show` says of each key, by selector."""
    result = desk.run("dkim", "show", "--customer", "acme", "--json")
    assert result.exit_code == status
    return {row["selector"]: row for row in json.loads(result.stdout)}


def made(desk: Desk, *arguments: str, verb: str = "create") -> dict[str, Any]:
    (row,) = json.loads(desk.done("dkim", verb, *OF, *arguments, "--json"))
    return dict(row)


def publish(dns: Dns, row: dict[str, Any]) -> None:
    dns.texts(row["name"], row["record"])


def acts(desk: Desk) -> list[tuple[str, str]]:
    return [(record["act"], record["target"]) for record in desk.records() if record["act"].startswith("dkim")]


def test_a_key_signs_once_its_record_was_seen(desk: Desk, dns: Dns) -> None:
    row = made(desk, "--selector", "p1")
    assert (row["state"], row["name"]) == ("pending", "p1._domainkey.acme.example")
    assert "".join(row["strings"]) == row["record"]
    assert shown(desk, 1)["p1"]["published"] == "missing"
    dns.texts(row["name"], "v=DKIM1; k=rsa; p=AAAA")
    assert shown(desk, 1)["p1"]["published"] == "another"
    publish(dns, row)
    dns.trouble[row["name"]] = "SERVFAIL"
    found = shown(desk, 1)["p1"]
    assert (found["published"], found["state"]) == ("no answer", "pending")
    dns.trouble.clear()
    found = shown(desk)["p1"]
    assert (found["published"], found["state"], found["to_do"]) == ("there", "active", "")
    assert acts(desk) == [("dkim create", row["name"]), ("dkim activate", row["name"])]
    dns.records.clear()
    found = shown(desk, 1)["p1"]
    assert (found["published"], found["state"], found["to_do"]) == ("missing", "active", "publish the record")


def test_the_record_is_printed_for_a_zone_file(desk: Desk) -> None:
    result = desk.run("dkim", "create", *OF)
    assert result.exit_code == 0
    line = result.stdout.strip()
    first, second = line.partition("( ")[2].removesuffix(" )").split('" "')
    assert line.startswith("p20")
    assert (first.startswith('"v=DKIM1; k=rsa; p='), len(first.lstrip('"')), second.endswith('"')) == (True, 255, True)
    assert "then run: postern dkim show --customer acme" in result.stderr
    assert desk.run("dkim", "show", "--customer", "acme").stdout.splitlines()[-1] == line
    ed25519 = desk.done("dkim", "create", *OF, "--algorithm", "ed25519").strip()
    assert "k=ed25519" in ed25519
    assert "(" not in ed25519


def test_force_lets_it_sign_at_once(desk: Desk) -> None:
    row = made(desk, "--force")
    assert row["state"] == "active"
    assert [act for act, _ in acts(desk)] == ["dkim create", "dkim activate"]
    assert shown(desk, 1)[row["selector"]]["state"] == "active"


def test_rotation_overlaps(desk: Desk, dns: Dns, monkeypatch: pytest.MonkeyPatch) -> None:
    first, ed25519 = made(desk), made(desk, "--algorithm", "ed25519")
    publish(dns, first)
    publish(dns, ed25519)
    shown(desk)
    second, other = json.loads(desk.done("dkim", "rotate", *OF, "--json"))
    assert (second["algorithm"], other["algorithm"]) == ("rsa", "ed25519")
    assert {selector: row["state"] for selector, row in shown(desk, 1).items()} == {
        first["selector"]: "active",
        ed25519["selector"]: "active",
        second["selector"]: "pending",
        other["selector"]: "pending",
    }
    publish(dns, second)
    old = shown(desk, 1)[first["selector"]]
    assert old["state"] == "retired"
    assert old["to_do"].startswith("keep the record until ")
    record = desk.records()[-1]
    assert (record["act"], record["details"]["retired"]) == ("dkim activate", first["name"])
    publish(dns, other)
    monkeypatch.setattr(module, "utc_now", lambda: utc_now() + timedelta(days=7, minutes=1))
    assert shown(desk)[first["selector"]]["to_do"] == "take the record out of the DNS"
    del dns.records[first["name"]]
    assert shown(desk)[first["selector"]]["to_do"] == "run: postern dkim remove"
    desk.done("dkim", "remove", *OF, "--selector", first["selector"], "--reason", "rotated")
    assert first["selector"] not in shown(desk)
    assert acts(desk)[-1] == ("dkim remove", first["name"])


def test_one_algorithm_may_be_rotated_alone(desk: Desk, dns: Dns) -> None:
    for algorithm in ("rsa", "ed25519"):
        publish(dns, made(desk, "--algorithm", algorithm))
    shown(desk)
    result = desk.run("dkim", "rotate", *OF, "--selector", "p9")
    assert (result.exit_code, "give --algorithm too" in result.stderr) == (2, True)
    assert made(desk, "--algorithm", "ed25519", "--selector", "p9", verb="rotate")["name"].startswith("p9.")


def test_what_is_wrong_is_said(desk: Desk) -> None:
    made(desk, "--selector", "p1")
    for arguments, status, message in [
        (("create", *OF, "--selector", "p1", "--algorithm", "ed25519"), 1, "there is a key at p1._domainkey"),
        (("create", *OF), 1, "has a pending rsa key, selector 'p1'"),
        (("create", *OF, "--algorithm", "dsa"), 2, "'dsa' is not one of"),
        (("create", *OF, "--algorithm", "ed25519", "--selector", "a_b"), 1, "selector 'a_b'"),
        (("create", "--customer", "acme", "--domain", "shop"), 2, "not a fully qualified domain name"),
        (("create", "--customer", "acme", "--domain", "brand.example"), 1, "does not hold 'brand.example'"),
        (("create", "--customer", "acne", "--domain", "acme.example"), 1, "did you mean 'acme'?"),
        (("rotate", *OF, "--algorithm", "ed25519"), 1, "no active ed25519 key to rotate"),
        (("rotate", *OF), 1, "has a pending rsa key"),
        (("show", "--customer", "acne"), 1, "no customer 'acne'"),
        (("remove", *OF, "--selector", "p2", "--reason", "x"), 1, "has no key 'p2'"),
        (("remove", *OF, "--selector", "p1", "--reason", " "), 2, "a reason is required"),
    ]:
        result = desk.run("dkim", *arguments)
        assert (result.exit_code, message in result.stderr) == (status, True), result.stderr


def test_a_pending_key_of_a_domain_that_was_given_up_stays_pending(desk: Desk, dns: Dns) -> None:
    desk.done("domains", "add", "shop.example", "--customer", "acme", "--reason", "contract")
    (row,) = json.loads(desk.done("dkim", "create", "--customer", "acme", "--domain", "shop.example", "--json"))
    publish(dns, row)
    desk.done("domains", "remove", "shop.example", "--customer", "acme", "--reason", "over")
    result = desk.run("dkim", "show", "--customer", "acme")
    assert "does not hold 'shop.example'" in result.stderr
    assert "pending" in result.stdout


def test_check_knows_whether_bulk_mail_will_be_signed(desk: Desk) -> None:
    file = desk.folder / "bulk.eml"
    file.write_text("From: ann@acme.example\nList-Unsubscribe: <https://www.acme.example/u/1>\n\nHello\n")

    def codes() -> list[str]:
        found = json.loads(
            desk.run("check", str(file), "--customer", "acme", "--rcpt", "bob@recipient.example", "--json").stdout
        )
        return [finding["code"] for finding in found["findings"] if finding["code"] == "SIG-UNSIGNED"]

    made(desk)
    assert codes() == ["SIG-UNSIGNED"]
    made(desk, "--algorithm", "ed25519", "--force")
    assert codes() == []


def test_what_is_private_is_shown_nowhere(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    private: list[bytes] = []

    def kept(algorithm: Any) -> tuple[bytes, str]:
        octets, public = generate(algorithm)
        private.append(octets)
        return octets, public

    monkeypatch.setattr(module, "generate", kept)
    texts = [desk.run("dkim", "create", *OF, *more).output for more in ((), ("--algorithm", "ed25519", "--force"))]
    texts += [desk.run("dkim", "show", "--customer", "acme", *more).output for more in ((), ("--json",))]
    files = [path.read_bytes() for path in (desk.folder / "var").rglob("*") if path.is_file()]
    stores = Stores.open(load_settings(desk.folder / "postern.toml"))
    texts.append(repr(stores.dkim_keys.all()))
    stores.close()
    assert len(private) == 2
    for key in private:
        end = key[-30:]
        assert not any(end in octets or base64.b64encode(key)[-30:] in octets for octets in files)
        forms = (end.hex(), base64.b64encode(end).decode(), repr(end)[2:-1])
        assert not any(form in text for text in texts for form in forms)
