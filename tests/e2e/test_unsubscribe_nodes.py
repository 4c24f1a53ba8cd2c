"""One click at one of two gateways on one PostgreSQL: refused at the other at once, and kept while the registry is away."""

import itertools
import os
import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest

from consent.address import Address
from consent.keys import Secrets
from consent.unsubscribe import Token, Tokens
from tests.rig.bulk import campaign
from tests.rig.postern import ACME, PASSWORD, Postern
from tests.rig.postgres import Postgres, running
from tests.rig.processes import free_port
from tests.rig.sink import Sink
from tests.rig.smtp_client import Client
from tests.rig.unsubscribing import ONE_CLICK, REFERENCE

CLICKS = int(os.environ.get("CLICKS", "100"))
"""How many are timed."""
IN_FORCE = 5.0
"""Seconds within which a withdrawal holds on every node (design.md section 6)."""
IN_ONE_SESSION = 100
"""Messages that the mail server sends before it connects anew."""
CUSTOMER = ACME | {
    "unsubscribe_hosts": ["www.acme.example"],
    "credentials": [
        *ACME["credentials"],
        {"username": "acme-bulk", "password": PASSWORD, "stream": "bulk", "list": "newsletter"},
    ],
}
ROWS = "email,event_state,event_time,collection_method,source_ref,ip,notice_id\n"


@dataclass
class Nodes:
    """Two gateways on one registry; a client of each with an administrator's token."""

    server: Postgres
    first: Postern
    second: Postern
    sink: Sink
    """The next hop of the second."""
    one: httpx.Client
    other: httpx.Client
    secrets: Secrets

    def path(self, address: str) -> str:
        """The path of a page for the newsletter."""
        token = Token("acme", "newsletter", self.secrets.subject_octets(Address.parse(address)), REFERENCE)
        return "/u/" + Tokens(self.secrets).make(token, datetime.now(UTC))

    def opt_in(self, addresses: list[str]) -> None:
        """All of them consented."""
        rows = (
            f"{each},given,2026-03-01T10:00:{n % 60:02}Z,web_form,https://acme.example/join,203.0.113.{n % 250},n1\n"
            for n, each in enumerate(addresses)
        )
        url = "/api/v1/customers/acme/consent/imports?list=newsletter"
        done = self.one.post(url, content=ROWS + "".join(rows)).json()
        assert done["accepted"] == len(addresses), done

    def reason(self, address: str) -> object:
        """Why the address may not be written to, on the second node; asked again where it asks too quickly."""
        body = {"list": "newsletter", "addresses": [address]}
        while (answer := self.other.post("/api/v1/customers/acme/check", json=body)).status_code in (429, 503):
            # The registry may be back before the five seconds that 503 asks for are over.
            time.sleep(0.1 if answer.status_code == 503 else float(answer.headers["Retry-After"]))
        assert answer.is_success, answer.text
        return answer.json()["results"][0]["reason"]

    def refused_in_time(self, address: str) -> float:
        """Seconds until the second node refuses it."""
        begun = time.monotonic()
        while self.reason(address) != "WITHDRAWN":
            assert time.monotonic() - begun < 12 * IN_FORCE, address
        return time.monotonic() - begun


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    folder = tmp_path_factory.mktemp("nodes")
    with Sink() as sink, running() as server, server.database() as url:
        registry = {"registry": {"url": url}}
        ports = free_port(), free_port()
        http = [{"address": f"127.0.0.1:{port}", "requests_per_second": 1000} for port in ports]
        first = Postern(
            folder / "a", free_port(), customers=[CUSTOMER], settings={**registry, "http": http[0]}
        ).prepare()
        second = Postern(folder / "b", sink.port, customers=(), settings={**registry, "http": http[1]}).prepare()
        # The second node is given the first one's secrets, as the operator's guide says.
        (second.folder / "var").mkdir()
        shutil.copy(first.folder / "var" / "secrets.toml", second.folder / "var" / "secrets.toml")
        token = first.command("token", "create", "--role", "admin").splitlines()[-1]
        secrets = Secrets.load_or_create(first.folder / "var" / "secrets.toml")
        headers = {"Authorization": f"Bearer {token}"}
        with (
            first.start(),
            second.start(),
            httpx.Client(base_url=f"http://127.0.0.1:{ports[0]}", headers=headers, timeout=60) as one,
            httpx.Client(base_url=f"http://127.0.0.1:{ports[1]}", headers=headers, timeout=60) as other,
        ):
            yield Nodes(server, first, second, sink, one, other, secrets)


def test_a_click_at_one_node_is_refused_at_the_other_at_once(nodes: Nodes) -> None:
    addresses = [f"reader-{number}@recipient.example" for number in range(CLICKS)]
    nodes.opt_in(addresses)
    assert nodes.reason(addresses[0]) is None
    clicks, taken = [], []
    for address in addresses:
        begun = time.monotonic()
        answer = nodes.one.post(nodes.path(address), data=ONE_CLICK)
        assert answer.status_code == 200, answer.text
        clicks.append(time.monotonic() - begun)
        # Once 200 is said the very next question is answered so.
        assert nodes.reason(address) == "WITHDRAWN"
        taken.append(time.monotonic() - begun)
    told("the POST", clicks)
    assert told("and the refusal at the other node", taken) < IN_FORCE


def test_a_click_at_one_node_is_refused_at_rcpt_on_the_other(nodes: Nodes) -> None:
    # Each is still written to by the message before their click, and no more by the one after it.
    addresses = [f"leaver-{number}@recipient.example" for number in range(CLICKS + 1)]
    nodes.opt_in(addresses)
    clicks, taken = [], []
    client = bulk_client(nodes)
    for number, (address, following) in enumerate(itertools.pairwise(addresses)):
        if number and number % IN_ONE_SESSION == 0:
            client.close()
            client = bulk_client(nodes)
        begun = time.monotonic()
        answer = nodes.one.post(nodes.path(address), data=ONE_CLICK)
        assert answer.status_code == 200, answer.text
        clicks.append(time.monotonic() - begun)
        assert client.ask("MAIL FROM:<news@acme.example>").startswith("250 ")
        reply = client.ask(f"RCPT TO:<{address}>")
        taken.append(time.monotonic() - begun)
        assert reply.startswith("550 5.7.1 Recipient unsubscribed; do not retry; ref "), reply
        assert client.ask(f"RCPT TO:<{following}>").startswith("250 ")
        assert client.ask("DATA").startswith("354 ")
        client.content(campaign(following).removesuffix(b".\r\n"))
        assert client.reply().startswith("250 ")
    client.close()
    told("the POST", clicks)
    assert told("and RCPT refused at the other node", taken) < IN_FORCE
    arrived = [each.recipients for each in nodes.sink.arrivals()]
    assert arrived == [(each,) for each in addresses[1:]]


def bulk_client(nodes: Nodes) -> Client:
    """A session with the second node, on the credential for bulk mail."""
    client = Client(nodes.second.port)
    assert client.authenticate("acme-bulk").startswith("235 ")
    return client


def told(what: str, seconds: list[float]) -> float:
    """Print how long it took; the 99th percentile."""
    found = sorted(seconds)
    p99 = found[int(len(found) * 0.99)]
    print(
        f"{what}: median {statistics.median(found) * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, "
        f"worst {found[-1] * 1000:.0f} ms of {len(found)}"
    )
    return p99


def test_a_click_while_the_registry_is_away_is_kept_and_holds_when_it_is_back(nodes: Nodes) -> None:
    nodes.opt_in(["ann@recipient.example"])
    nodes.server.stop()
    try:
        page = nodes.one.get(nodes.path("ann@recipient.example"))
        assert page.status_code == 200
        assert "This cannot be shown at the moment." in page.text
        answer = nodes.one.post(nodes.path("ann@recipient.example"), data=ONE_CLICK)
        assert (answer.status_code, answer.text) == (200, "Unsubscribed\n")
    finally:
        nodes.server.start()
    print(f"in force {nodes.refused_in_time('ann@recipient.example'):.1f} s after the registry was back")


def test_a_click_while_the_registry_is_away_outlives_the_process(nodes: Nodes) -> None:
    nodes.opt_in(["eve@recipient.example"])
    nodes.server.stop()
    try:
        assert nodes.one.post(nodes.path("eve@recipient.example"), data=ONE_CLICK).status_code == 200
        nodes.first.kill()
    finally:
        nodes.server.start()
    assert nodes.reason("eve@recipient.example") is None
    nodes.first.start()
    assert nodes.reason("eve@recipient.example") == "WITHDRAWN"
    assert nodes.first.verify().status == 0
