"""Withdrawals, each told to one node of a fleet under load, until all the others refuse the address at RCPT."""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from consent.address import Address
from consent.unsubscribe import Token, Tokens
from tests.bench.fleet_load import Bench, loaded, said
from tests.rig.processes import RigError
from tests.rig.smtp_client import Client
from tests.rig.unsubscribing import ONE_CLICK, REFERENCE

IN_FORCE = 5.0
"""Seconds within which a withdrawal holds on every node (design.md section 6)."""
LEAVERS = 8
"""Threads that withdraw."""


@dataclass(frozen=True, slots=True)
class Left:
    """One withdrawal."""

    told: float
    """Seconds until the node it was told to had answered."""
    seen: float
    """From that answer until every other node had refused the address."""
    late: int
    """RCPTs that passed meanwhile."""


def withdrawals(bench: Bench) -> bool:
    """Each is refused by every other node, under load."""
    token = bench.fleet.nodes[0].command("token", "create", "--role", "admin").splitlines()[-1]
    well = True
    for size, port in bench.fleet.fronts.items():
        if size == 1:
            continue
        found: list[Left] = []
        faults: list[BaseException] = []
        with loaded(bench, port) as rate:
            threads = [
                threading.Thread(target=leaver, args=(bench, size, number, token, found, faults))
                for number in range(LEAVERS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            messages = rate()
        if faults:
            raise faults[0]
        seen, told = sorted(each.seen for each in found), sorted(each.told for each in found)
        well &= said(
            len(found) >= bench.chosen.withdrawals and seen[-1] < IN_FORCE and messages > 0,
            f"withdrawals {size} nodes: {len(found)} under {messages:.0f} messages/s: refused by every other node "
            f"{figures(seen)} ms after the answer, {sum(each.late for each in found)} RCPTs passed meanwhile; the "
            f"answer took {figures(told)} ms (p50 / p99 / max)",
        )
    return well


def figures(seconds: list[float]) -> str:
    """Median, 99th percentile and the most, in ms, of what is sorted."""
    return " / ".join(f"{seconds[int(len(seconds) * part)] * 1000:.0f}" for part in (0.5, 0.99)) + (
        f" / {seconds[-1] * 1000:.0f}"
    )


def leaver(bench: Bench, size: int, number: int, token: str, found: list[Left], faults: list[BaseException]) -> None:
    """One thread: every third of its people is taken out by the API, the others click."""
    try:
        nodes, tokens = bench.fleet.nodes[:size], Tokens(bench.fleet.secrets)
        sessions = [Client(node.port, f"127.3.1.{1 + number}") for node in nodes]
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
            for each in range(number, bench.chosen.withdrawals, LEAVERS):
                address, at = f"leaver-{size}-{each}@recipient.example", each // LEAVERS % size
                url = f"http://127.0.0.1:{nodes[at].http_port}"
                subject = bench.fleet.secrets.subject_octets(Address.parse(address))
                path = "/u/" + tokens.make(Token("leave", "weekly", subject, REFERENCE), datetime.now(UTC))
                begun = time.monotonic()
                if each % 3:
                    answer = http.post(url + path, data=ONE_CLICK)
                else:
                    body = {"address": address, "list": "weekly"}
                    answer = http.post(url + "/api/v1/customers/leave/consent/withdrawals", json=body)
                told = time.monotonic()
                if not answer.is_success:
                    raise RigError(f"a withdrawal: {answer.status_code} {answer.text}")
                others = [session for node, session in enumerate(sessions) if node != at]
                late = sum(refuses(session, address, told) for session in others)
                found.append(Left(told - begun, time.monotonic() - told, late))
        for session in sessions:
            session.close()
    except BaseException as fault:  # noqa: BLE001 - handed to the caller
        faults.append(fault)


def refuses(session: Client, address: str, told: float) -> int:
    """Ask at RCPT until the address is refused as withdrawn; how often it was taken. RigError for another answer."""
    late = 0
    while True:
        session.ask("MAIL FROM:<news@leave.example>")
        reply = session.ask(f"RCPT TO:<{address}>")
        session.ask("RSET")
        if reply.startswith("550 5.7.1 Recipient unsubscribed"):
            return late
        if not reply.startswith("250 ") or time.monotonic() - told > 6 * IN_FORCE:
            raise RigError(f"RCPT of somebody who has left: {reply}")
        late += 1
