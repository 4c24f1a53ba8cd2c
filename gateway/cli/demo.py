"""`postern demo`: a gateway, a sandbox next hop, and a demonstration set sent through it."""

import asyncio
import logging
import shlex
import signal
import smtplib
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
from tabulate import tabulate

import config
from config.customers import load_customers
from config.settings import load_settings
from consent.address import Address
from consent.model import State
from gateway.app import Gateway
from gateway.audit.search import Query
from gateway.cli.context import checked_policy, fail, plainly, utc_now
from gateway.cli.serve import run
from gateway.consents import By
from gateway.smtp.replies import REFUSALS
from gateway.smtp.sink import Sink
from gateway.stores import Stores
from gateway.told import Told

PASSWORD = "demo-password"  # noqa: S105 - of a demonstration on loopback
LIMIT = 1024 * 1024
_TIMES = 10
"""A message is sent until it is no longer put off."""

_CLEAN = "From: Ann <ann@acme.example>\r\nTo: bob@recipient.example\r\nSubject: Lunch\r\n\r\nSee you at noon.\r\n"


@dataclass(frozen=True, slots=True)
class Try:
    """One message of the demonstration set, and the code of the rule that should refuse it ("" for none)."""

    title: str
    code: str
    send: Callable[[str, int], str]
    """(host, port) -> the reply that decided."""


_NEWS = (
    "From: Acme <news@news.acme.example>\r\nTo: bob@recipient.example\r\nSubject: Spring offers\r\n"
    "List-Unsubscribe: <https://www.acme.example/unsubscribe?t=1>\r\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n"
    "Spring is here, and so are our offers.\r\n\r\nAcme Ltd, 1 High Street, Exampletown\r\n"
    "Unsubscribe: https://www.acme.example/unsubscribe?t=1\r\n"
)


def _submit(
    text: str, *, user: str = "acme-app", sender: str = "ann@acme.example", to: str = "bob@recipient.example"
) -> Callable[[str, int], str]:
    def send(host: str, port: int) -> str:
        with smtplib.SMTP(host, port, local_hostname="client.acme.example", timeout=30) as client:
            client.ehlo()
            if user:
                client.login(user, PASSWORD)
            code, reply = client.mail(sender, [f"size={len(text)}"])
            if code == 250:
                code, reply = client.rcpt(to)
            if code == 250:
                code, reply = client.data(text)
            return f"{code} {reply.decode()}"

    return send


def _bare_line_feed(host: str, port: int) -> str:
    """What a library would repair has to be sent by hand."""
    with socket.create_connection((host, port), timeout=30) as client, client.makefile("rb") as lines:
        reply = lines.readline()
        steps = [
            "EHLO client.acme.example", "AUTH PLAIN AGFjbWUtYXBwAGRlbW8tcGFzc3dvcmQ=", "MAIL FROM:<ann@acme.example>",
            "RCPT TO:<bob@recipient.example>", "DATA",
            _CLEAN + "one line\n.\nMAIL FROM:<smuggled@evil.example>\r\n.",
        ]  # fmt: skip
        for step in steps:
            client.sendall(step.encode() + b"\r\n")
            reply = lines.readline()
            while reply[3:4] == b"-":
                reply = lines.readline()
        client.sendall(b"QUIT\r\n")
    return reply.decode().strip()


TRIES = (
    Try("clean", "", _submit(_CLEAN)),
    Try("two From fields", "HDR-FROM", _submit("From: Eve <ann@news.acme.example>\r\n" + _CLEAN)),
    Try("foreign From", "ID-FROM", _submit(_CLEAN.replace("ann@acme.example", "ceo@bank.example"))),
    Try("unauthenticated", "AUTH-REQ", _submit(_CLEAN, user="")),
    Try("bare LF (smuggling)", "BARE-LF", _bare_line_feed),
    Try("oversize", "SIZE", _submit(_CLEAN + "x" * 70 + "\r\n" * (LIMIT // 2))),
    Try(
        "suspended customer",
        "CUSTOMER-SUSPENDED",
        _submit(_CLEAN.replace("acme", "stopped"), user="stopped-app", sender="ann@stopped.example"),
    ),
    Try("bulk, consent on file", "", _submit(_NEWS, user="acme-news", sender="news@news.acme.example")),
    Try(
        "bulk, no consent",
        "NO-CONSENT",
        _submit(_NEWS, user="acme-news", sender="news@news.acme.example", to="eve@recipient.example"),
    ),
    Try(
        "bulk, no way to leave",
        "CONTENT-UNSUB",
        _submit(_CLEAN, user="acme-news", sender="ann@acme.example"),
    ),
)


@click.command("demo")
@click.option("--once", is_flag=True, help="End after the table; status 0 when every reply was the expected one.")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True,
    help="Where its configuration, registry, audit and the forwarded mail are kept.",
)  # fmt: skip
def command(once: bool, folder: Path) -> None:
    """Run a gateway with a sandbox next hop and send it a demonstration set.

    Needs nothing else: SQLite, counters in memory, files. It stays up until Ctrl-C, so that you can send your own.
    """
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    with plainly():
        folder.mkdir(parents=True, exist_ok=True)
        run(_demo(folder, once))


async def _demo(folder: Path, once: bool) -> None:
    sink = Sink(folder / "sink")
    next_hop = await sink.open("127.0.0.1", _port(2526))
    settings_file = folder / "postern.toml"
    settings_file.write_text(_settings(_port(2525), next_hop, _port(8025)))
    (folder / "policy.toml").write_text(f"[message]\nmax_bytes = {LIMIT}\n")
    settings = load_settings(settings_file)
    policy = checked_policy(settings)
    _prepare(Stores.open(settings))
    gateway = Gateway(settings, policy, utc_now)
    await gateway.start()
    await asyncio.to_thread(_consents, gateway)
    host, _, port = gateway.smtp_addresses[0].rpartition(":")
    try:
        replies = [await asyncio.to_thread(_sent, each, host, int(port)) for each in TRIES]
        rows = [_row(gateway, each, reply) for each, reply in zip(TRIES, replies, strict=True)]
        click.echo(tabulate(rows, headers=["sent", "reply", "rule", "clause"], tablefmt="simple"))
        _report(gateway, folder, settings_file, host, int(port))
        if not once:
            await _until_stopped()
    finally:
        await gateway.stop()
        await sink.close()
    wrong = [each.title for each, row in zip(TRIES, rows, strict=True) if row[2] != (each.code or "-")]
    if wrong:
        fail(f"not as expected: {', '.join(wrong)}")


def _sent(each: Try, host: str, port: int) -> str:
    """The reply that decided, or why there is none. What is put off is sent again, as by any client."""
    reply = ""
    for _ in range(_TIMES):
        try:
            reply = each.send(host, port)
        except (OSError, smtplib.SMTPException) as error:
            return f"no reply: {type(error).__name__}: {error}"
        if not reply.startswith("4"):
            break
        time.sleep(1)
    return reply


def _settings(smtp: int, next_hop: int, http: int) -> str:
    return f"""# Written by `postern demo`. A first postern.toml looks like this.
hostname = "gw.example"
data_dir = "."
policy_file = "policy.toml"

[[smtp.listeners]]
address = "127.0.0.1:{smtp}"
auth_without_tls = true

[[next_hops]]
name = "default"
addresses = ["127.0.0.1:{next_hop}"]

[operator]
domains = ["gw.example"]
mailbox = "abuse@gw.example"

[registry]
url = "sqlite:///postern.db"

[http]
address = "127.0.0.1:{http}"
"""


def _prepare(stores: Stores) -> None:
    """The demonstration's customers, one of them suspended."""
    demo = Path(config.__file__).with_name("demo.toml")
    stores.customers.apply(load_customers(demo), utc_now())
    stores.customers.suspend("stopped", "demonstration", utc_now())
    stores.customers.resume("acme", "demonstration", utc_now())
    stores.close()


def _consents(gateway: Gateway) -> None:
    """Bob has ticked the box of the demonstration's newsletter."""
    entry = gateway.directory.get("acme")
    assert entry is not None
    page = "https://www.acme.example/signup"
    told = Told(State.GIVEN, "news", form_url=page, ip="203.0.113.7", notice="signup-1")
    bob = Address.parse("bob@recipient.example")
    gateway.consents.record(entry.customer, bob, told, By("demo", operator=False))


def _port(wanted: int) -> int:
    """The usual port, or a free one where something else has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def _row(gateway: Gateway, each: Try, reply: str) -> tuple[str, str, str, str]:
    """What the audit says of it, by the reference in the reply; a stranger's refusal carries none."""
    _, mark, rest = reply.partition("ref ")
    if mark:
        found = list(gateway.evidence.search(Query(reference=rest.split(";")[0].strip())))
        findings = [finding for record in found for finding in record.get("findings", ())]
        decided = ((each["code"], each["clause"]) for each in findings if each["action"] != "observe")
        return each.title, reply, *next(decided, ("-", "-"))
    known = ((refusal.code, refusal.clause) for refusal in REFUSALS if str(refusal.reply) == reply)
    return each.title, reply, *next(known, ("?", "-"))


def _report(gateway: Gateway, folder: Path, settings_file: Path, host: str, port: int) -> None:
    kept = sorted((folder / "sink").glob("*.eml"))
    report = gateway.evidence.verify()
    click.echo(f"\nforwarded  {len(kept)} file(s) in {folder / 'sink'}")
    click.echo(f"audit      {report.records} records, {'chain intact' if report.ok else 'DAMAGED'}")
    click.echo(f"           postern audit search --customer acme --config {shlex.quote(str(settings_file))}")
    click.echo(f"http       http://{gateway.http_address}/docs")
    click.echo("\nSend your own (apt-get install swaks):")
    click.echo(
        f"  swaks --server {host}:{port} --auth PLAIN --auth-user acme-app --auth-password {PASSWORD}"
        " --from ann@acme.example --to bob@recipient.example"
    )


async def _until_stopped() -> None:
    stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    click.echo("\nup until Ctrl-C")
    await stop.wait()
