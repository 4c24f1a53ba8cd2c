"""A campaign as a customer runs it, to people with grounds of every kind and to people without: what each step takes.

The customer's mail servers are a real Postfix and a real Exim. What arrived is counted at the sink, what was refused is
read in their logs. `tests/e2e/test_campaign.py` runs it small, `tests.bench.campaign` in full.
"""

import json
import re
import smtplib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.rig import certificates, redis
from tests.rig.exim import Exim
from tests.rig.grounds import KINDS, LIST, PROFILES, Person, write
from tests.rig.postern import PASSWORD, Postern
from tests.rig.postfix import PostfixInstance, client_of
from tests.rig.processes import free_port
from tests.rig.sink import Sink

SENDER = "news@acme.example"
_LINK = "https://www.acme.example/unsubscribe?list=spring"
_AT_ONCE = 1000
"""Recipients that the customer's own program hands to its Postfix at once, which sends to 50 at a time."""
_ATTEMPT = re.compile(r": (\w+): to=<([^>]+)>.* dsn=([\d.]+), status=(\w+) \((.*)\)$")


def customer(**more: Any) -> dict[str, Any]:
    """Customer acme, who writes to people in many countries, with a credential for bulk mail and one that is `auto`."""
    return {
        "id": "acme", "name": "Acme Ltd", "postal_address": "1 High Street, Exampletown",
        "contact": "postmaster@acme.example", "domains": ["acme.example"], "profiles": PROFILES,
        "unsubscribe_hosts": ["www.acme.example"],
        "credentials": [
            {"username": "acme-bulk", "password": PASSWORD, "stream": "bulk", "list": LIST},
            {"username": "acme-app", "password": PASSWORD, "stream": "auto", "list": LIST},
        ],
        **more,
    }  # fmt: skip


def newsletter(number: int, to: str = "readers@acme.example", *fields: str) -> bytes:
    """A message that has what bulk mail must have."""
    lines = [
        "From: Acme Ltd <news@acme.example>", f"To: {to}", "Subject: Spring is here",
        f"Message-ID: <spring.{number}@acme.example>", f"Date: {datetime.now(UTC):%a, %d %b %Y %H:%M:%S +0000}",
        f"List-Unsubscribe: <{_LINK}>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click", *fields,
        "MIME-Version: 1.0", "Content-Type: text/plain; charset=us-ascii", "",
        "The linen shirts, canvas shoes and light jackets of this spring have arrived in our shop, and the",
        "first hundred orders are shipped without a charge.", "",
        "Acme Ltd, 1 High Street, Exampletown, +1 555 0100", f"Unsubscribe: {_LINK}", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


@dataclass(frozen=True, slots=True)
class Imported:
    """One file, as `postern consent import` told of it."""

    name: str
    rows: int
    accepted: int
    seconds: float


def imported(postern: Postern, everybody: Sequence[Person]) -> list[Imported]:
    """Bring what is on file of these people into the registry, as the customer does."""
    told = []
    for file, path, rows in write(postern.folder, everybody, datetime.now(UTC)):
        begun = time.monotonic()
        words = [path.name, "--customer", "acme", "--list", file.list, *file.options, "--json"]
        answer = json.loads(postern.command("consent", "import", *words))
        told.append(Imported(file.name, rows, answer["accepted"], time.monotonic() - begun))
        assert answer["errors"] == [], answer
    return told


@dataclass(frozen=True, slots=True)
class Installed:
    """An installation with the customer, not started, and a Redis that is."""

    postern: Postern
    redis: str
    """Its URL."""
    starttls: int
    """The port of a second listener, for clients that want TLS."""


@contextmanager
def installed(folder: Path, sink: Sink, *arguments: str) -> Iterator[Installed]:
    """One; `arguments` are those of `postern serve`."""
    folder.mkdir()
    made = certificates.make(folder)
    plain, starttls = free_port(), free_port()
    tls = {"tls": "starttls", "cert_file": str(made.cert), "key_file": str(made.key)}
    listeners = [
        {"address": f"127.0.0.1:{plain}", "auth_without_tls": True},
        {"address": f"127.0.0.1:{starttls}", **tls},
    ]
    with redis.running() as ledger:
        settings = {"ledger": {"url": ledger.url}, "smtp": {"listeners": listeners}}
        customers = [customer()]
        postern = Postern(folder, sink.port, customers=customers, settings=settings, arguments=arguments)
        postern.port = plain
        yield Installed(postern.prepare(), ledger.url, starttls)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One recipient in one line of a Postfix's log."""

    queue_id: str
    address: str
    status: str
    """`sent`, `deferred` or `bounced`."""
    said: str
    """What the gateway said, in Postfix's words."""


def attempts(log: str) -> Iterator[Attempt]:
    """Those of a log, in order; mail to the customer itself left out."""
    for line in log.splitlines():
        found = _ATTEMPT.search(line)
        if found and not found[2].endswith("@acme.example"):
            yield Attempt(found[1], found[2], found[4], found[5])


@dataclass(frozen=True, slots=True)
class Bulk:
    """What became of a campaign through a credential for bulk mail."""

    arrived: Counter[str]
    """Recipients of what is at the sink."""
    log: list[Attempt]
    """The customer's Postfix."""
    transactions: int
    seconds: float
    workers: Counter[str]
    """Decisions by the process that took them."""
    grounds: Counter[str]
    """What the audit says the accepted recipients' mail rested on."""
    verified: int
    """Status of `postern audit verify`."""


def through_bulk(postern: Postern, sink: Sink, everybody: Sequence[Person]) -> Bulk:
    """Send one newsletter to all of them through the credential for bulk mail, by a Postfix; the gateway is up."""
    seen = len(sink.arrivals())
    settings = client_of(postern.port, "acme-bulk", PASSWORD) | at_home()
    with PostfixInstance("client", free_port(), settings) as client:
        begun = time.monotonic()
        with smtplib.SMTP("127.0.0.1", client.port, timeout=60) as session:
            for at in range(0, len(everybody), _AT_ONCE):
                to = [each.address for each in everybody[at : at + _AT_ONCE]]
                assert not session.sendmail(SENDER, to, newsletter(at))
        client.wait_empty(600)
        seconds = time.monotonic() - begun
        log = list(attempts(client.log_text()))
    arrivals = sink.arrivals()[seen:]
    decisions = [each for each in postern.concluded(len(arrivals), timeout=60) if each["stream"] == "bulk"]
    rested = (each for decision in decisions for each in decision["grounds"])
    return Bulk(
        Counter(each for arrival in arrivals for each in arrival.recipients),
        log,
        len(arrivals),
        seconds,
        Counter(each["process"] for each in decisions),
        Counter(f"{each['ground']} {each['grade']}" for each in rested),
        postern.verify().status,
    )


def at_home() -> dict[str, str]:
    """Settings of a Postfix that keeps what comes back to the customer; nobody reads it here."""
    return {"transport_maps": "inline:{acme.example=discard:}"}


@dataclass(frozen=True, slots=True)
class Prdr:
    """What became of one message, declared as bulk mail, on the credential that is `auto`."""

    arrived: list[list[str]]
    """The recipients of each transaction at the sink."""
    delivered: set[str]
    """Whom Exim has delivered it to, by its log."""
    refused: dict[str, str]
    """Whom it has not, and what it was told."""
    log: str


_DELIVERED = re.compile(r"^\S+ \S+ \S+ [=-]> (\S+) ", re.MULTILINE)
_REFUSED = re.compile(r"^\S+ \S+ \S+ \*\* (\S+) (.*)$", re.MULTILINE)


def through_exim(port: int, sink: Sink, everybody: Sequence[Person], *, prdr: bool) -> Prdr:
    """Send one newsletter to a person of each kind in one transaction, by an Exim that asks for PRDR or does not."""
    chosen = [next(each for each in everybody if each.kind is kind) for kind in KINDS]
    seen = len(sink.arrivals())
    asks = "hosts_try_prdr = *" if prdr else "hosts_try_prdr ="
    with Exim(port, "acme-app", PASSWORD, implicit=False, transport=asks) as client:
        content = newsletter(90_000 + prdr).replace(b"\r\n", b"\n")
        log = client.send(content, SENDER, *(each.address for each in chosen))
    return Prdr(
        [list(each.recipients) for each in sink.arrivals()[seen:] if each.reverse_path == SENDER],
        set(_DELIVERED.findall(log)) - {SENDER},
        {address: said for address, said in _REFUSED.findall(log) if address != SENDER},
        log,
    )
