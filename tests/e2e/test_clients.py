"""Real clients, each through STARTTLS and through TLS from the start, with AUTH: mail arrives, a refusal is seen."""

import base64
import contextlib
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from filters.unsubscribe import one_recipient
from tests.rig import certificates, exim, postfix
from tests.rig.postern import ACME, PASSWORD, Postern
from tests.rig.postfix import PostfixInstance, client_of
from tests.rig.processes import free_port, wait_until
from tests.rig.sink import Sink

USER = "acme-app"
RECIPIENT = "bob@recipient.example"


@dataclass(frozen=True)
class Stage:
    """A gateway with both kinds of TLS, and the sink behind it."""

    starttls: int
    implicit: int
    certificate: str
    sink: Sink

    def port(self, implicit: bool) -> int:
        """Of the listener."""
        return self.implicit if implicit else self.starttls

    def arrived(self, mark: str) -> list[bytes]:
        """The header blocks of what arrived with this mark in it."""
        return [each.header for each in self.sink.arrivals() if mark.encode() in each.header]

    def recipients(self, mark: str) -> list[list[str]]:
        """Those of each transaction that it arrived in."""
        return sorted(sorted(each.recipients) for each in self.sink.arrivals() if mark.encode() in each.header)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("clients")
    made = certificates.make(folder)
    starttls, implicit = free_port(), free_port()
    listeners = [
        {"address": f"127.0.0.1:{port}", "tls": tls, "cert_file": str(made.cert), "key_file": str(made.key)}
        for port, tls in ((starttls, "starttls"), (implicit, "implicit"))
    ]
    with Sink() as sink:
        postern = Postern(folder / "gw", sink.port, customers=[ACME], settings={"smtp": {"listeners": listeners}})
        postern.port = starttls
        with postern:
            yield Stage(starttls, implicit, str(made.cert), sink)


def message(mark: str, author: str = "ann@acme.example") -> bytes:
    """With LF line ends, as programs are given it."""
    return (
        f"From: {author}\nTo: {RECIPIENT}\nSubject: {mark}\nMessage-ID: <{mark}@acme.example>\n\n.dot\nbody\n".encode()
    )


def by_smtplib(stage: Stage, content: bytes, implicit: bool) -> str:
    """Python's; the certificate is verified."""
    context = ssl.create_default_context(cafile=stage.certificate)
    port = stage.port(implicit)
    client = smtplib.SMTP_SSL("localhost", port, context=context) if implicit else smtplib.SMTP("localhost", port)
    with client:
        if not implicit:
            client.starttls(context=context)
        client.login(USER, PASSWORD)
        try:
            client.sendmail("ann@acme.example", [RECIPIENT], content.decode())
        except smtplib.SMTPDataError as refused:
            return f"refused {refused.smtp_code} {refused.smtp_error!r}"
    return "sent"


def by_swaks(stage: Stage, content: bytes, implicit: bool) -> str:
    """swaks tells by its exit status at which command it was refused; 26 is the final dot."""
    if shutil.which("swaks") is None:
        pytest.skip("the Debian package swaks is not installed")
    tls, mechanism = ("--tls-on-connect", "PLAIN") if implicit else ("--tls", "LOGIN")
    arguments = ["--server", "127.0.0.1", "--port", str(stage.port(implicit)), tls, "--auth", mechanism]
    arguments += ["--auth-user", USER, "--auth-password", PASSWORD, "--helo", "client.example", "--data", "-"]
    done = subprocess.run(
        ["swaks", *arguments, "--from", "ann@acme.example", "--to", RECIPIENT],
        input=content, capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode in (0, 26), done.stdout.decode() + done.stderr.decode()
    return "sent" if done.returncode == 0 else f"refused {done.stdout.decode()}"


def by_postfix(stage: Stage, content: bytes, implicit: bool) -> str:
    """A customer's Postfix; what it could not send it returns to the sender."""
    if reason := postfix.missing():
        pytest.skip(reason)
    settings = client_of(stage.port(implicit), USER, PASSWORD) | {
        "smtp_tls_security_level": "encrypt",
        "smtp_tls_wrappermode": "yes" if implicit else "no",
        "smtp_sasl_tls_security_options": "noanonymous",
    }
    with PostfixInstance("tls", free_port(), settings) as client:
        with smtplib.SMTP("127.0.0.1", client.port) as submit:
            submit.sendmail("ann@acme.example", [RECIPIENT], content.decode())
        wait_until(lambda: bool(client.statuses()["sent"] + client.statuses()["bounced"]), 120, "an attempt ends")
        log = client.log_text()
        return f"refused {log}" if "status=bounced" in log else "sent"


def by_exim(stage: Stage, content: bytes, implicit: bool) -> str:
    """A customer's Exim."""
    if reason := exim.missing():
        pytest.skip(reason)
    with exim.Exim(stage.port(implicit), USER, PASSWORD, implicit=implicit, login=implicit) as client:
        log = client.send(content, "ann@acme.example", RECIPIENT)
    assert f"=> {RECIPIENT}" in log or f"** {RECIPIENT}" in log, log
    return "sent" if f"=> {RECIPIENT}" in log else f"refused {log}"


CLIENTS = [by_smtplib, by_swaks, by_postfix, by_exim]
Client = Callable[[Stage, bytes, bool], str]


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__[3:])
def test_a_client_sends_under_tls_and_with_auth(stage: Stage, client: Client, implicit: bool) -> None:
    mark = f"sent-{client.__name__}-{implicit}"
    assert client(stage, message(mark), implicit) == "sent"
    (header,) = stage.arrived(mark)
    assert b" with ESMTPSA id " in header


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__[3:])
def test_a_client_sees_that_its_message_is_refused(stage: Stage, client: Client, implicit: bool) -> None:
    mark = f"refused-{client.__name__}-{implicit}"
    said = client(stage, message(mark, "eve@evil.example"), implicit)
    assert said.startswith("refused ")
    assert "Header From is not within the domains of this account" in said
    assert all(b"eve@evil.example" not in header for header in stage.arrived(mark))


@contextlib.contextmanager
def injecting(port: int, injected: bytes) -> Iterator[int]:
    """An attacker in the middle: what a client says passes, but behind STARTTLS there is more, in the same segment."""
    listener = socket.create_server(("127.0.0.1", 0))
    sockets = [listener]

    def pass_on(source: socket.socket, target: socket.socket, change: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data.replace(b"STARTTLS\r\n", b"STARTTLS\r\n" + injected) if change else data)
            target.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", port))
                sockets.extend((client, server))
                for source, target, change in ((client, server, True), (server, client, False)):
                    threading.Thread(target=pass_on, args=(source, target, change), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        for each in sockets:
            each.close()
        thread.join(5)


def s_client(port: int, *lines: str, starttls: bool = True) -> list[str]:
    """What `openssl s_client` shows when it is given these lines under TLS."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-quiet", "-crlf"]
    command += ["-starttls", "smtp", "-name", "client.example"] if starttls else []
    done = subprocess.run(
        command, input="".join(f"{line}\n" for line in lines), capture_output=True, text=True, timeout=120
    )
    return done.stdout.splitlines()


HIDDEN = b"MAIL FROM:<eve@evil.example>\r\nRCPT TO:<victim@recipient.example>\r\nDATA\r\nFrom: eve@evil.example\r\n"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the program openssl is not installed")
@pytest.mark.parametrize("injected", [b"", b"NOOP\r\n", b"EHLO attacker.example\r\n" + HIDDEN, HIDDEN, b"NOO"], ids=len)
def test_what_is_injected_behind_starttls_is_never_read(stage: Stage, injected: bytes) -> None:
    plain = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
    mark = f"injected-{len(injected)}"
    with injecting(stage.starttls, injected) as port:
        said = s_client(
            port, "MAIL FROM:<ann@acme.example>", "EHLO client.example", f"AUTH PLAIN {plain}", "MAIL FROM:<ann@acme.example>",
            f"RCPT TO:<{RECIPIENT}>", "DATA", *message(mark).decode().splitlines(), ".", "QUIT",
        )  # fmt: skip
    # The last line that openssl itself read was EHLO's.
    replies = [line[:9] for line in said if line[3:4] == " " and not line.startswith("250 ENHANCED")]
    assert replies[0] == "503 5.5.1", said
    assert replies[1:] == ["235 2.7.0", "250 2.1.0", "250 2.1.5", "354 End d", "250 2.0.0", "221 2.0.0"], said
    assert len(stage.arrived(mark)) == 1
    assert all("evil" not in each.reverse_path for each in stage.sink.arrivals())


THREE = [f"{name}@recipient.example" for name in ("bob", "carol", "dave")]


@pytest.mark.parametrize("limited", [False, True], ids=["as shipped", "one recipient"])
def test_a_postfix_that_sets_what_the_reply_says_sends_one_recipient_per_transaction(
    stage: Stage, limited: bool
) -> None:
    if reason := postfix.missing():
        pytest.skip(reason)
    named = re.search(r"set (\S+) = 1 \(Postfix\)", one_recipient.reply.text)
    assert named
    settings = client_of(stage.port(False), USER, PASSWORD) | {
        "smtp_tls_security_level": "encrypt",
        "smtp_sasl_tls_security_options": "noanonymous",
        **({named[1]: "1"} if limited else {}),
    }
    mark = f"split-postfix-{limited}"
    with PostfixInstance("split", free_port(), settings) as client:
        with smtplib.SMTP("127.0.0.1", client.port) as submit:
            submit.sendmail("ann@acme.example", THREE, message(mark).decode())
        wait_until(lambda: client.statuses()["sent"] == 3, 120, "all are sent")
    assert stage.recipients(mark) == ([[each] for each in THREE] if limited else [THREE])


@pytest.mark.parametrize("limited", [False, True], ids=["as shipped", "one recipient"])
def test_an_exim_that_sets_what_the_reply_says_sends_one_recipient_per_transaction(stage: Stage, limited: bool) -> None:
    if reason := exim.missing():
        pytest.skip(reason)
    named = re.search(r"(\S+ = 1) \(Exim\)", one_recipient.reply.text)
    assert named
    mark = f"split-exim-{limited}"
    line = named[1] if limited else ""
    with exim.Exim(stage.port(False), USER, PASSWORD, implicit=False, transport=line) as client:
        log = client.send(message(mark), "ann@acme.example", *THREE)
    assert log.count("=> ") + log.count("-> ") == 3, log
    assert stage.recipients(mark) == ([[each] for each in THREE] if limited else [THREE])
