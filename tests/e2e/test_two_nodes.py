"""Two gateways on one PostgreSQL: what is told to one is in force on the other."""

import functools
import json
import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.rig.postern import ACME, Postern, poll
from tests.rig.postgres import running
from tests.rig.processes import free_port
from tests.rig.smtp_client import Client

WITHDRAWALS = 200
IN_FORCE = 5.0
"""Seconds within which a withdrawal holds on every node (design.md section 6)."""
CONSENT = "/api/v1/customers/acme/consent"
CHECK = "/api/v1/customers/acme/check"


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postern, Postern]]:
    """Two nodes that run."""
    folder = tmp_path_factory.mktemp("nodes")
    with running() as server, server.database() as url:
        registry = {"registry": {"url": url}}
        first = Postern(folder / "a", free_port(), customers=[ACME], settings=registry).prepare()
        second = Postern(folder / "b", free_port(), customers=(), settings=registry).prepare()
        # The second node is given the first one's secrets, as the operator's guide says.
        (second.folder / "var").mkdir()
        shutil.copy(first.folder / "var" / "secrets.toml", second.folder / "var" / "secrets.toml")
        with first.start(), second.start():
            yield first, second


@pytest.fixture(scope="module")
def nodes(gateways: tuple[Postern, Postern]) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A client of each node, with an administrator's token."""
    first, second = gateways
    token = first.command("token", "create", "--role", "admin").splitlines()[-1]
    headers = {"Authorization": f"Bearer {token}"}
    with (
        httpx.Client(base_url=f"http://127.0.0.1:{first.http_port}", headers=headers, timeout=120) as one,
        httpx.Client(base_url=f"http://127.0.0.1:{second.http_port}", headers=headers, timeout=120) as other,
    ):
        yield one, other


def done(answer: httpx.Response) -> dict[str, object]:
    """The answer's JSON; a client that asks too quickly asks again, as Retry-After says."""
    assert answer.is_success, answer.text
    found: dict[str, object] = answer.json()
    return found


def asked(client: httpx.Client, path: str, body: dict[str, object]) -> dict[str, object]:
    """POST, again as long as the answer is 429."""
    while (answer := client.post(path, json=body)).status_code == 429:
        time.sleep(float(answer.headers["Retry-After"]))
    return done(answer)


def reason(client: httpx.Client, address: str) -> object:
    """Why the address may not be written to, on this node; None when it may."""
    found = asked(client, CHECK, {"list": "newsletter", "addresses": [address]})
    (result,) = json.loads(json.dumps(found["results"]))
    return result["reason"]


def test_a_withdrawal_told_to_one_node_is_in_force_on_the_other_at_once(
    nodes: tuple[httpx.Client, httpx.Client], tmp_path: Path
) -> None:
    one, other = nodes
    addresses = [f"reader-{number}@recipient.example" for number in range(WITHDRAWALS)]
    header = "email,event_state,event_time,collection_method,source_ref,ip,notice_id\n"
    rows = (
        f"{address},given,2026-03-01T10:00:{n % 60:02}Z,web_form,https://acme.example/join,203.0.113.{n % 250},n1\n"
        for n, address in enumerate(addresses)
    )
    upload = one.post(f"{CONSENT}/imports?list=newsletter", content=header + "".join(rows))
    assert done(upload)["accepted"] == WITHDRAWALS, upload.text
    assert {reason(other, address) for address in addresses[:5]} == {None}
    taken = []
    for address in addresses:
        begun = time.monotonic()
        answer = asked(one, f"{CONSENT}/withdrawals", {"address": address, "list": "newsletter"})
        assert answer, address
        while reason(other, address) != "WITHDRAWN":
            assert time.monotonic() - begun < IN_FORCE, address
        taken.append(time.monotonic() - begun)
    taken.sort()
    print(
        f"from the request at one node to the refusal at the other: median {statistics.median(taken) * 1000:.0f} ms, "
        f"p99 {taken[int(len(taken) * 0.99)] * 1000:.0f} ms of {WITHDRAWALS}"
    )


def test_a_lock_told_to_one_node_acts_on_sessions_that_are_open_at_both(
    gateways: tuple[Postern, Postern], nodes: tuple[httpx.Client, httpx.Client]
) -> None:
    def at_mail(client: Client) -> str:
        reply = client.ask("MAIL FROM:<ann@acme.example>")
        client.ask("RSET")
        return reply

    first, second = gateways
    with Client(first.port) as here, Client(second.port) as there:
        for client in (here, there):
            assert client.authenticate().startswith("235 ")
            assert at_mail(client).startswith("250 ")
        for act, code in (("lock", "450 4.7.1 "), ("unlock", "250 ")):
            asked(nodes[0], f"/api/v1/customers/acme/credentials/{act}", {"name": "acme-app", "reason": "stolen"})
            assert at_mail(here).startswith(code), "at once, where it was told"
            follows = functools.partial(lambda code: at_mail(there).startswith(code), code)
            seconds = poll(follows, IN_FORCE, f"{act} at the other node")
            print(f"{act} at the other node: {seconds:.2f} s")
