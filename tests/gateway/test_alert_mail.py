"""Alert mail: who has no webhook is told by a plain message that starts no loop, through the real next hop's client."""

import email
import email.policy
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from config.customers import Customer
from config.settings import Settings
from consent.outbox import TRIED_FOR, Dispatch
from gateway.alert_mail import AlertMail, content, words
from gateway.own_mail import MailFailed, OwnMail
from tests.gateway.test_webhooks import until
from tests.rig.gateway import Clock, running, settings_for
from tests.rig.smtpd import CUT, Smtpd

NOW = Clock().now
DATA = (
    '{"customer":"acme","credential":"acme-app","scope":"credential","measure":"recipients","window":"30_days",'
    '"window_seconds":2592000,"level":90,"used":900,"cap":1000}'
)
BODY = f'{{"id":"evt_1","type":"limit.reached","timestamp":"x","data":{DATA}}}'


def dispatch(kind: str = "limit.reached", body: str = BODY) -> Dispatch:
    return Dispatch("evt_1", "acme", kind, body, NOW, "waiting", NOW, 1, NOW + TRIED_FOR, None, "")


def acme(contact: str = "postmaster@acme.example") -> Customer:
    return Customer(id="acme", name="Acme", domains=("acme.example",), contact=contact)


def mail(folder: Path, hop: str, **changes: Any) -> AlertMail:
    chosen: Settings = settings_for(folder, hop, **changes)
    return AlertMail(lambda: chosen, OwnMail())


def read(octets: bytes) -> EmailMessage:
    return email.message_from_bytes(octets, _class=EmailMessage, policy=email.policy.SMTP)


async def test_it_comes_from_the_operator_under_the_null_reverse_path(tmp_path: Path) -> None:
    async with Smtpd() as hop:
        await mail(tmp_path, hop.address).send(acme(), dispatch())
        (got,) = hop.messages
    assert got.reverse_path == "<>"
    assert got.recipients == ("postmaster@acme.example",)
    message = read(got.content)
    assert message["From"] == "abuse@gw.example"
    assert message["To"] == "postmaster@acme.example"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == "<evt_1@gw.example>"
    assert message["Date"].datetime == NOW
    assert message["Subject"] == "90 % of the limit on recipients (30 days) is used"
    text = message.get_content()
    assert "The limit on recipients of credential acme-app (credential) is 1000 per 30 days." in text
    assert "900 are used: 90 % is reached." in text
    assert "account acme" in text


def test_every_attempt_is_the_same_message(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "127.0.0.1:1")
    first = content(settings, acme(), dispatch())
    assert first == content(settings, acme(), dispatch())
    assert first.endswith(b"\r\n")
    assert b"\n" not in first.replace(b"\r\n", b"")
    assert max(map(len, first.split(b"\r\n"))) <= 998


def test_lines_that_begin_with_a_dot_are_doubled(tmp_path: Path) -> None:
    body = '{"data":{".x":"1","y":"a"}}'
    octets = content(settings_for(tmp_path, "127.0.0.1:1"), acme(), dispatch("other", body))
    assert b"\r\n..x: 1\r\n" in octets


def test_what_is_not_known_is_told_as_it_is() -> None:
    assert words("other", {"a": 1, "b": "x"}) == ("Notice: other", "a: 1\nb: x\n")
    _, text = words("limit.reached", {"customer": "acme", "credential": None, "scope": "customer", "measure": "bytes",
                                      "window": "day", "level": 100, "used": 5, "cap": 5})  # fmt: skip
    assert "answered 450 until there is room again: your server keeps it" in text


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ({"RCPT": "550 5.1.1 No such user"}, "does not take the contact: 550 5.1.1"),
        ({"RCPT": "452 4.2.2 Full"}, "does not take the contact: 4"),
        ({"DOT": "554 5.6.0 No"}, "does not take the mail: 554 5.6.0"),
        ({"DOT": CUT}, "does not take the mail: 451 4.4.2"),
        ({"GREETING": "554 5.3.2 Closed"}, "does not take the contact: 451"),
    ],
)
async def test_what_the_next_hop_does_not_take_is_a_failure(tmp_path: Path, script: Any, why: str) -> None:
    async with Smtpd(script=script) as hop:
        with pytest.raises(MailFailed, match=why):
            await mail(tmp_path, hop.address).send(acme(), dispatch())


async def test_a_next_hop_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(MailFailed, match=r"451 4\.4\.1"):
        await mail(tmp_path, "127.0.0.1:1").send(acme(), dispatch())


@pytest.mark.parametrize("contact", ["ann", "ann@", "Ann <ann@acme.example>", "a@b"])
async def test_a_contact_that_is_no_mailbox_is_a_failure(tmp_path: Path, contact: str) -> None:
    with pytest.raises(MailFailed, match="contact is no mailbox"):
        await mail(tmp_path, "127.0.0.1:1").send(acme(contact), dispatch())


async def test_a_contact_that_is_not_ascii_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(MailFailed, match="must be ASCII"):
        await mail(tmp_path, "127.0.0.1:1").send(acme("jörg@acme.example"), dispatch())


async def test_a_password_file_that_is_gone_is_a_failure(tmp_path: Path) -> None:
    hop = {"name": "default", "addresses": ["127.0.0.1:1"], "username": "gw", "password_file": tmp_path / "gone"}
    with pytest.raises(MailFailed, match="password_file"):
        await mail(tmp_path, "127.0.0.1:1", next_hops=[hop]).send(acme(), dispatch())


def test_whom_mail_reaches(tmp_path: Path) -> None:
    assert mail(tmp_path, "127.0.0.1:1").reaches(acme())
    assert not mail(tmp_path, "127.0.0.1:1").reaches(acme(""))
    assert not mail(tmp_path, "127.0.0.1:1", operator={}).reaches(acme())


async def test_a_running_gateway_writes_to_who_has_no_webhook_once_the_next_hop_is_there(tmp_path: Path) -> None:
    clock = Clock()
    customers = [{"id": "acme", "name": "Acme", "domains": ["acme.example"], "contact": "ann@acme.example"}]
    async with running(tmp_path, customers=customers, clock=clock) as (gateway, hop, _):
        hop.on("RCPT", "450 4.2.0 Later", "250 2.1.5 Ok")
        gateway.alerts.limit("acme", None, "customer", "messages", "day", 100, 100, clock.now)
        outbox = gateway.stores.outbox
        await until(lambda: any(each.error for each in outbox.list()))
        clock.now += timedelta(seconds=5)
        await until(lambda: bool(outbox.list(status="delivered")))
        (got,) = hop.messages
        assert got.recipients == ("ann@acme.example",)
        assert gateway.trouble() == []
