"""`postern check` explains the verdict, and it is the one SMTP gives."""

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from click.testing import Result

from config.customers import Customer
from config.limits import LimitsPolicy
from config.policy import MessageBounds, Policy
from consent.address import Address
from gateway.app import Gateway
from gateway.cli.check import judge
from gateway.smtp.wire import stuff
from tests.gateway.cli.conftest import Installation, acme, refused
from tests.rig.cases import Case, all_cases
from tests.rig.gateway import running

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
    assert result.stdout == "verdict  accept\nreply    250 2.0.0 Accepted\nat       DATA\n"


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


def messages() -> Iterator[Case]:
    """The rule cases, what the edge refuses, and what becomes of both when octets are changed."""
    clean = CLEAN.replace("\n", "\r\n").encode()
    edge = {
        "clean": clean,
        "bare LF": clean + b"a\nb\r\n",
        "bare CR": clean + b"a\rb\r\n",
        "NUL": clean + b"a\0b\r\n",
        "dots": b".\r\n..\r\n" + clean + b".\r\n..\r\n.x\r\n",
        "a dot at the start of a field": b"." + clean,
        "no body": clean.partition(b"\r\n\r\n")[0] + b"\r\n",
        "nothing": b"\r\n",
        "large": clean + b"x" * (64 * 1024) + b"\r\n",
        "as large as it may be": clean + b"x" * (64 * 1024 - len(clean) - 2) + b"\r\n",
        "header block too large": b"X: " + b"x" * 17_000 + b"\r\n" + clean,
        "loop": b"Received: from a by b\r\n" * 11 + clean,
        "nearly a loop": b"Received: from a by b\r\n" * 10 + clean,
        "reverse-path and header": b"Date: x\r\n" + clean,
    }
    for title, message in edge.items():
        yield Case(title, "edge", message=message)
        yield Case(title, "edge, foreign reverse-path", mail_from="eve@evil.example", message=message)
        yield Case(title, "edge, observed", mode="observe", mail_from="<>", message=message)
    cases = all_cases()
    yield from cases
    chance = random.Random(20)
    for number in range(120):
        case = chance.choice(cases)
        octets = bytearray(case.message)
        for _ in range(chance.randint(1, 3)):
            piece = chance.choice(
                [b"\r\n", b"\n", b"\r", b"\0", b":", b" ", b"\r\n.", b"\xff", b"From: x@y.example\r\n", b"@"]
            )
            at = chance.randint(0, len(octets))
            octets[at:at] = piece
        yield replace(case, title=f"{case.title}, changed {number}", message=bytes(octets) + b"\r\n")


async def over_smtp(gateway: Gateway, case: Case) -> tuple[str, str]:
    """When and what a real session answers, without the reference."""
    host, _, port = gateway.smtp_addresses[0].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), local_addr=("127.0.0.2", 0))

    async def reply(octets: bytes) -> str:
        writer.write(octets)
        while (line := await asyncio.wait_for(reader.readline(), 10))[3:4] == b"-":
            pass
        return line.decode().strip().partition("; ref ")[0]

    try:
        await reply(b"")
        await reply(b"EHLO client.example\r\n")
        answer = await reply(f"MAIL FROM:<{case.mail_from.strip('<>')}>\r\n".encode())
        if not answer.startswith("250"):
            return "MAIL", answer
        answer = await reply(b"RCPT TO:<bob@recipient.example>\r\n")
        if not answer.startswith("250"):
            return "RCPT", answer
        assert (await reply(b"DATA\r\n")).startswith("354")
        return "DATA", await reply(stuff(case.message, line_start=True) + b".\r\n")
    finally:
        writer.close()


def holders(case: Case) -> list[Customer]:
    """The other customers of a case."""
    held = {holder: [domain for domain, each in case.held if each == holder] for _, holder in case.held if holder}
    return [Customer(id=each, name=each, domains=tuple(domains)) for each, domains in held.items()]


async def test_check_says_what_smtp_answers(tmp_path: Path) -> None:
    network = {"networks": ["127.0.0.2/32"]}
    # All cases of an hour that stands still write to one mailbox.
    policy = POLICY.model_copy(update={"limits": LimitsPolicy(exempt_recipients=("recipient.example",))})
    async with running(tmp_path, customers=[OTHER], policy=policy) as (gateway, _, _):
        store = gateway.stores.customers
        for case in messages():
            others = holders(case)
            store.apply([case.sender(network), *others], gateway.clock())
            gateway.changes.load()
            path = None if case.mail_from == "<>" else Address.parse(case.mail_from)
            house = gateway.edge.pipeline.house
            checked = await judge(store.get("acme"), POLICY, path, (BOB,), case.message, house=house)
            assert (checked.answered, checked.reply) == await over_smtp(gateway, case), (case.file, case.title)
            # The next case may give these domains to somebody else.
            store.apply(
                [other.model_copy(update={"domains": (f"{other.id}.test",)}) for other in others], gateway.clock()
            )


async def test_check_says_what_smtp_answers_a_suspended_customer(tmp_path: Path) -> None:
    async with running(tmp_path, customers=[OTHER]) as (gateway, _, _):
        store = gateway.stores.customers
        store.apply([acme()], gateway.clock())
        store.suspend("acme", "phishing", gateway.clock())
        gateway.changes.load()
        case = next(messages())
        path, house = Address.parse(case.mail_from), gateway.edge.pipeline.house
        checked = await judge(store.get("acme"), Policy(), path, (BOB,), case.message, house=house)
        assert (checked.answered, checked.reply) == await over_smtp(gateway, case)
