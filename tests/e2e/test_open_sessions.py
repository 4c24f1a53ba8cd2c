"""What an operator changes from another process acts within five seconds on sessions that are open."""

from pathlib import Path

import pytest

from tests.rig.postern import ACME, NETS, PASSWORD, Postern, poll
from tests.rig.sink import Sink
from tests.rig.smtp_client import Client, send

MESSAGE = b"Message-ID: <a@acme.example>\r\nFrom: ann@acme.example\r\n\r\nx\r\n"
ENVELOPE = ("ann@acme.example", "bob@recipient.example")
WITHIN = 5.0


def _at_mail(client: Client) -> str:
    """The reply to MAIL, and no transaction left open."""
    reply = client.ask("MAIL FROM:<ann@acme.example>")
    client.ask("RSET")
    return reply


def _at_rcpt(client: Client) -> str:
    """The reply to RCPT, and no transaction left open."""
    client.ask("MAIL FROM:<ann@acme.example>")
    reply = client.ask("RCPT TO:<bob@recipient.example>")
    client.ask("RSET")
    return reply


def test_a_suspension_is_answered_at_rcpt_on_an_open_session_and_is_lifted_again(tmp_path: Path) -> None:
    with Sink() as sink, Postern(tmp_path / "gw", sink.port) as postern, Client(postern.port) as client:
        assert client.authenticate().startswith("235 ")
        assert client.message(MESSAGE, *ENVELOPE).startswith("250 ")

        postern.command("customers", "suspend", "acme", "--reason", "phishing, ticket 4711")
        seconds = poll(lambda: _at_rcpt(client).startswith("550 5.7.1 "), WITHIN, "the suspension is answered at RCPT")
        print(f"suspension: {seconds:.2f} s after the command ended")
        refused = _at_rcpt(client)
        assert "suspended" in refused and "ticket" not in refused and "phishing" not in refused
        assert send(postern.port, MESSAGE.replace(b"acme", b"nets"), "ann@nets.example", ENVELOPE[1])[:4] == "250 "
        with Client(postern.port) as newcomer:
            assert newcomer.authenticate().startswith("235 "), "never refused at AUTH or before"
            assert _at_rcpt(newcomer).startswith("550 5.7.1 ")

        postern.command("customers", "resume", "acme", "--reason", "cleaned")
        seconds = poll(lambda: _at_rcpt(client).startswith("250 "), WITHIN, "the suspension is lifted")
        print(f"lifted: {seconds:.2f} s")
        assert client.message(MESSAGE, *ENVELOPE).startswith("250 ")
        found = postern.search("--rule", "CUSTOMER-SUSPENDED")
        assert found and {(each["phase"], each["customer"]) for each in found} == {("rcpt", "acme")}
        acts = [each["act"] for each in postern.search("--kind", "action", "--customer", "acme")]
        assert acts == ["customers apply", "suspend", "resume"]


def test_a_message_that_is_under_way_when_its_customer_is_suspended_is_refused_at_the_dot(tmp_path: Path) -> None:
    with Sink() as sink, Postern(tmp_path / "gw", sink.port) as postern, Client(postern.port) as client:
        client.authenticate()
        client.envelope(*ENVELOPE)
        postern.command("customers", "suspend", "acme", "--reason", "phishing")
        with Client(postern.port) as witness:
            witness.authenticate()
            poll(lambda: _at_rcpt(witness).startswith("550 "), WITHIN, "the suspension is known")
        client.content(MESSAGE)
        assert client.reply().startswith("550 5.7.1 ")
        assert sink.arrivals() == []


@pytest.mark.parametrize("removed", [False, True])
def test_a_changed_credential_ends_what_was_shown_with_the_old_one(tmp_path: Path, removed: bool) -> None:
    new = "another-right-password"
    with Sink() as sink, Postern(tmp_path / "gw", sink.port) as postern, Client(postern.port) as client:
        assert client.authenticate().startswith("235 ")
        with Client(postern.port) as other:
            assert other.authenticate().startswith("235 "), "by now the password is remembered"
        username = "acme-new" if removed else "acme-app"
        postern.apply([{**ACME, "credentials": [{"username": username, "password": new}]}, NETS])
        seconds = poll(lambda: _at_mail(client).startswith("450 4.7.0 "), WITHIN, "the old session must authenticate")
        print(f"changed credential: {seconds:.2f} s")
        # The session's peer address is customer nets: what it is now is that customer, and not a stranger.
        assert client.authenticate("acme-app", PASSWORD).startswith("535 5.7.8 ")
        assert client.authenticate(username, new).startswith("235 ")
        assert client.message(MESSAGE, *ENVELOPE).startswith("250 ")


def test_a_lock_is_answered_at_mail_on_an_open_session_and_is_lifted_again(tmp_path: Path) -> None:
    with Sink() as sink, Postern(tmp_path / "gw", sink.port) as postern, Client(postern.port) as client:
        assert client.authenticate().startswith("235 ")
        assert client.message(MESSAGE, *ENVELOPE).startswith("250 ")
        postern.command("credentials", "lock", "acme-app", "--reason", "stolen, ticket 4711")
        seconds = poll(lambda: _at_mail(client).startswith("450 4.7.1 "), WITHIN, "the lock is answered at MAIL")
        print(f"lock: {seconds:.2f} s after the command ended")
        refused = _at_mail(client)
        assert "locked" in refused and "ticket" not in refused and "stolen" not in refused
        with Client(postern.port) as newcomer:
            assert newcomer.authenticate().startswith("235 "), "never refused at AUTH or before"
            assert _at_mail(newcomer).startswith("450 4.7.1 ")
        assert send(postern.port, MESSAGE.replace(b"acme", b"nets"), "ann@nets.example", ENVELOPE[1])[:4] == "250 "
        # A network is a name of its own; this very machine is customer nets.
        postern.command("credentials", "lock", "127.0.0.1", "--reason", "stolen")
        with Client(postern.port) as nets:
            nets.ask("EHLO client.example")
            poll(lambda: _at_mail(nets).startswith("450 4.7.1 "), WITHIN, "the network's lock is answered")
        postern.command("credentials", "unlock", "--all", "--yes", "--reason", "cleaned")
        seconds = poll(lambda: _at_mail(client).startswith("250 "), WITHIN, "the lock is lifted")
        print(f"lifted: {seconds:.2f} s")
        assert client.message(MESSAGE, *ENVELOPE).startswith("250 ")
        acts = [each["act"] for each in postern.search("--kind", "action", "--customer", "acme")]
        assert acts == ["customers apply", "credentials lock", "credentials unlock"]
        assert postern.verify().status == 0


def test_two_passwords_hold_after_a_rotation_and_only_the_new_one_without_an_overlap(tmp_path: Path) -> None:
    with Sink() as sink, Postern(tmp_path / "gw", sink.port) as postern, Client(postern.port) as client:
        assert client.authenticate().startswith("235 ")

        def good(password: str) -> bool:
            with Client(postern.port) as each:
                return each.authenticate("acme-app", password).startswith("235 ")

        first = postern.command("credentials", "rotate", "acme-app", "--overlap", "7d").splitlines()[-1]
        poll(lambda: good(first), WITHIN, "the new password holds")
        assert good(PASSWORD)
        assert _at_mail(client).startswith("250 "), "the session goes on"
        second = postern.command("credentials", "rotate", "acme-app", "--overlap", "0").splitlines()[-1]
        poll(
            lambda: _at_mail(client).startswith("450 4.7.0 "), WITHIN, "the first password's session must authenticate"
        )
        assert [good(each) for each in (PASSWORD, first, second)] == [False, False, True]
