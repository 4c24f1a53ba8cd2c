"""`postern check` explains the verdict, and it is the one SMTP gives."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from config.customers import Credential
from config.policy import MessageBounds, Policy
from consent.address import Address
from consent.database import RegistryDown
from consent.model import State
from gateway.consents import By, Consents
from gateway.told import Told
from tests.gateway.cli.conftest import Installation, acme, refused
from tests.gateway.test_recording import Book
from tests.rig.bulk import campaign
from tests.rig.gateway import HASH
from tests.rig.registry import NOW

CLEAN = "From: Ann <ann@acme.example>\nTo: bob@recipient.example\nSubject: Lunch\n\nAt noon.\n"
POLICY = Policy(message=MessageBounds(max_bytes=64 * 1024, max_header_bytes=16 * 1024, max_received=10))
OTHER = {"id": "other", "name": "Other", "domains": ["other.example"]}
BOB = Address.parse("bob@recipient.example")


def check(installation: Installation, text: str | bytes, *arguments: str) -> Result:
    file = installation.folder / "message.eml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return installation.run("check", file, "--customer", "acme", *arguments)


def test_what_would_be_forwarded_is_0(installation: Installation) -> None:
    result = check(installation, CLEAN, "--rcpt", "bob@recipient.example", "--rcpt", "<carol@recipient.example>")
    assert result.exit_code == 0
    assert result.stdout == (
        "verdict  accept\nreply    250 2.0.0 Accepted\nat       DATA\nclass    personal (C1): stream auto\n"
        "unknown  how many near-identical messages reach, and labels of their cluster: gateways that run count that\n"
        "to       bob@recipient.example: needs no ground\nto       carol@recipient.example: needs no ground\n"
    )


def test_each_finding_is_explained_with_evidence_clause_and_fix(installation: Installation) -> None:
    result = check(installation, CLEAN.replace("ann@acme", "ceo@bank") + "\n", "--mail-from", "ann@acme.example")
    assert result.exit_code == 1
    assert "reply    550 5.7.1 Header From is not within the domains of this account" in result.stdout
    assert (
        "ID-FROM  (reject)\n"
        "  reason  Header From is not within the domains of this account\n"
        "  found   from domain bank.example\n"
        "  where   line 1: From: Ann <ceo@bank.example>\\r\\n\n"
        "  clause  MOD-2.5b: mail must not contain invalid or forged headers or domain names\n"
        "  fix     Use an address" in result.stdout
    )


def test_what_is_refused_at_mail_comes_first_and_the_rest_is_told(installation: Installation) -> None:
    result = check(installation, "Date: x\n" + CLEAN, "--mail-from", "eve@evil.example", "--json")
    shown = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (shown["verdict"], shown["answered"]) == ("reject", "MAIL")
    assert [each["code"] for each in shown["findings"]] == ["ID-REVERSE-PATH"]
    assert [each["code"] for each in shown["also"]] == ["HDR-DATE"]
    assert shown["findings"][0]["places"] == [{"line": None, "bytes": "MAIL FROM:<eve@evil.example>"}]
    assert shown["also"][0]["places"] == [{"line": 1, "bytes": "Date: x\\r\\n"}]
    assert shown["also"][0]["reason"].startswith("Message needs at most one Date header field")
    assert all(shown["also"][0][name] for name in ("clause_text", "rule", "reply", "fix", "evidence"))
    text = check(installation, "Date: x\n" + CLEAN, "--mail-from", "eve@evil.example").stdout
    assert "Once that is put right, there is more:\n\nHDR-DATE" in text


def test_a_file_with_line_feeds_only_is_read_as_text(installation: Installation) -> None:
    assert check(installation, CLEAN).exit_code == 0
    assert check(installation, CLEAN.replace("\n", "\r\n")).exit_code == 0
    assert check(installation, CLEAN.rstrip("\n")).exit_code == 0
    mixed = check(installation, CLEAN.replace("\n", "\r\n") + "one\nline\r\n")
    assert mixed.exit_code == 1
    assert "BARE-LF  (reject)\n" in mixed.stdout
    assert "  found   bare LF\n  where   line 6: one\\nline\\r\\n\n" in mixed.stdout


def test_the_null_reverse_path_can_be_given(installation: Installation) -> None:
    assert check(installation, CLEAN, "--mail-from", "<>").exit_code == 0


def test_smtputf8_can_be_given(installation: Installation) -> None:
    text = CLEAN.replace("ann@", "jürgen@")
    assert check(installation, text, "--mail-from", "<>").exit_code == 1
    assert check(installation, text, "--mail-from", "<>", "--smtputf8").exit_code == 0


def test_a_message_too_large_is_not_read(installation: Installation) -> None:
    (installation.folder / "policy.toml").write_text("[message]\nmax_bytes = 65536\n")
    installation.configure(policy_file="policy.toml")
    file = installation.folder / "huge.eml"
    with file.open("wb") as huge:
        huge.write(CLEAN.encode())
        huge.truncate(1 << 36)
    result = installation.run("check", file, "--customer", "acme")
    assert result.exit_code == 1
    assert "552 5.3.4" in result.stdout
    assert "68719476736 octets, limit 65536" in result.stdout


def test_a_suspended_customer_is_refused_before_the_message(installation: Installation) -> None:
    stores = installation.stores()
    stores.customers.suspend("acme", "phishing", stores.customers.get("acme").applied)
    stores.database.close()
    result = check(installation, CLEAN)
    assert result.exit_code == 1
    assert "550 5.7.1 Sending is suspended" in result.stdout
    assert ": phishing" in result.stdout


def test_observe_mode_refuses_nothing_by_rule(installation: Installation) -> None:
    installation.apply(acme(mode="observe"))
    result = check(installation, "Date: x\n" + CLEAN)
    assert result.exit_code == 0
    assert "mode     observe" in result.stdout
    assert "HDR-DATE" in result.stdout
    assert check(installation, CLEAN + "\r\n").exit_code == 1


def test_nothing_is_sent_and_nothing_recorded(installation: Installation) -> None:
    check(installation, CLEAN)
    assert not (installation.folder / "var/audit").exists()


def test_wrong_use_is_2_and_says_what_to_do(installation: Installation, tmp_path: Path) -> None:
    refused(installation.run("check", tmp_path / "none.eml", "--customer", "acme"), "none.eml", "No such file")
    file = tmp_path / "m.eml"
    file.write_text(CLEAN)
    refused(installation.run("check", file, "--customer", "nobody"), "no customer 'nobody'", "customers list")
    refused(installation.run("check", file, "--customer", "acme", "--rcpt", "a b@c"), "--rcpt")
    refused(installation.run("check", file, "--customer", "acme", "--mail-from", "nobody"), "--mail-from")
    assert installation.run("check", file).exit_code == 2
    assert installation.run("check", tmp_path, "--customer", "acme").exit_code == 2
    installation.apply(acme(credentials=()))
    refused(installation.run("check", file, "--customer", "acme"), "no credential")


# Through both


def test_the_name_that_the_server_greets_with_is_the_customers(installation: Installation) -> None:
    text = "Received: from x by mx.hoster.example with ESMTP id 1; Fri, 20 Nov 2020 09:59:00 +0000\n" + CLEAN
    assert "TRACE-UPSTREAM  (observe: recorded, not refused)" in check(installation, text).stdout
    assert "TRACE" not in check(installation, text, "--ehlo", "MX.Hoster.Example").stdout


def test_results_in_the_operators_name_are_refused(installation: Installation) -> None:
    result = check(installation, "Authentication-Results: gw.example; spf=pass\n" + CLEAN)
    assert result.exit_code == 1
    assert "TRACE-RESULTS  (reject)" in result.stdout


BULK = (
    Credential(networks=("127.0.0.2/32",)),
    Credential(username="acme-bulk", password_hash=HASH, stream="bulk", list="spring"),
)
CAMPAIGN = campaign("yes@recipient.example").removesuffix(b".\r\n")


def ready(installation: Installation) -> None:
    """Credential acme-bulk, and yes@recipient.example has consented to its list."""
    installation.apply(acme(credentials=BULK, unsubscribe_hosts=("www.acme.example",)))
    stores = installation.stores()
    consents = Consents(stores, Book(), lambda: NOW)
    told = Told(State.GIVEN, "spring", form_url="https://www.acme.example/signup", ip="203.0.113.7", notice="signup-3")
    consents.record(acme(), Address.parse("yes@recipient.example"), told, By("token:1", operator=False))
    stores.close()


def test_bulk_mail_is_told_with_its_list_and_each_recipients_ground(installation: Installation) -> None:
    ready(installation)
    arguments = ("--username", "acme-bulk", "--rcpt", "yes@recipient.example")
    result = check(installation, CAMPAIGN, *arguments)
    assert result.exit_code == 0, result.output
    assert "class    bulk (C4): stream bulk\nlist     spring, of party acme\n" in result.stdout
    assert "unknown" not in result.stdout
    assert "to       yes@recipient.example: ground express, grade E2, event 1\n" in result.stdout
    assert "SIG-UNSIGNED  (observe: recorded, not refused)" in result.stdout
    both = check(installation, CAMPAIGN, *arguments, "--rcpt", "no@recipient.example")
    # The message goes to the others, and yet the answer is no.
    assert both.exit_code == 1
    assert "verdict  accept\n" in both.stdout
    assert (
        "to       no@recipient.example: 550 5.7.1 No consent or relationship on file for this bulk mail "
        "(NO-CONSENT, at RCPT)\n" in both.stdout
    )


def test_bulk_mail_is_told_in_json_too(installation: Installation) -> None:
    ready(installation)
    to = ("--rcpt", "yes@recipient.example", "--rcpt", "no@recipient.example")
    result = check(installation, CAMPAIGN, "--username", "acme-bulk+autumn", *to, "--json")
    shown = json.loads(result.stdout)
    assert (result.exit_code, shown["verdict"], shown["answered"]) == (1, "reject", "RCPT")
    assert shown["class"] == {
        "class": "C4", "name": "bulk", "basis": "stream bulk", "list": "autumn", "party": "acme", "unknown": None,
    }  # fmt: skip
    first, second = shown["recipients"]
    assert (first["address"], first["at"], first["allowed"]) == ("yes@recipient.example", "RCPT", False)
    assert (first["code"], second["code"], second["ground"]) == ("SCOPE", "NO-CONSENT", None)
    assert first["reply"].startswith("550 5.7.1 Permission on file is for another list or sender")
    assert first["fix"] and first["reasons"]
    ours = check(installation, CAMPAIGN, "--username", "ACME-bulk", *to[:2], "--json")
    (allowed,) = json.loads(ours.stdout)["recipients"]
    assert allowed["ground"] == {"ground": "express", "event": 1, "grade": "E2"}
    assert (allowed["code"], allowed["reply"], allowed["fix"]) == (None, None, None)


def test_bulk_mail_for_no_list_and_nobody_says_so(installation: Installation) -> None:
    ready(installation)
    message = CAMPAIGN.replace(b"MIME-Version", b"List-Id: <x.other.example>\r\nMIME-Version")
    result = check(installation, message)
    assert "class    bulk (C4): declared: List-Id\nlist     none: only grounds for all of" in result.stdout
    assert "--rcpt says whether a recipient may be written to" in result.stdout
    assert "LIST-FOREIGN  (reject)" in result.stdout


def test_what_is_only_observed_is_told_with_what_would_refuse_it(installation: Installation) -> None:
    installation.apply(acme(credentials=BULK[1:], unsubscribe_hosts=("www.acme.example",), mode="observe"))
    result = check(installation, CAMPAIGN, "--rcpt", "no@recipient.example")
    assert result.exit_code == 0
    assert "to       no@recipient.example: only observed: would be refused, NO-CONSENT\n" in result.stdout
    assert "mode     observe: findings are recorded and nothing is refused by rule" in result.stdout
    assert "NO-CONSENT  (reject)" in result.stdout


def test_a_credential_that_is_not_there_is_2_and_those_that_are_are_named(installation: Installation) -> None:
    ready(installation)
    file = installation.folder / "message.eml"
    for name in ("acme-app", "acme-bulk+Not A List", "127.0.0.2/32+spring"):
        check(installation, CLEAN)
        result = installation.run("check", file, "--customer", "acme", "--username", name)
        refused(result, "--username", "has no credential", "127.0.0.2/32, acme-bulk")
    assert check(installation, CLEAN, "--username", "127.0.0.2/32").exit_code == 0


def test_a_registry_that_does_not_answer_is_2(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    ready(installation)

    def away(*_: object) -> None:
        raise RegistryDown("registry: no answer")

    monkeypatch.setattr("consent.store.ConsentStore.known", away)
    check_of = check(installation, CAMPAIGN, "--username", "acme-bulk", "--rcpt", "yes@recipient.example")
    refused(check_of, "registry did not answer")
