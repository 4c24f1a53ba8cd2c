"""`kill -9` of the gateway while mail flows: nothing is lost, and the audit explains what came twice."""

import os
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from tests.rig.mail import Run, check_unchanged, copies, expected, references
from tests.rig.postern import ACME, PASSWORD, Postern
from tests.rig.postfix import PostfixInstance, client_of, relay_to
from tests.rig.processes import free_port, wait_until
from tests.rig.sink import Sink

pytestmark = pytest.mark.postfix
COUNT = int(os.environ.get("MESSAGES", "400"))
"""MESSAGES=1000 is the long form."""
KILLS = tuple(COUNT * share // 100 for share in (10, 25, 40, 60, 80))
"""The gateway is killed once so many messages have arrived."""


def test_a_gateway_killed_five_times_loses_nothing_and_explains_each_duplicate(tmp_path: Path) -> None:
    run = Run("crash", COUNT, "acme.example", seed=2)
    with (
        Sink() as sink,
        PostfixInstance("server", free_port(), relay_to(sink.port)) as server,
        Postern(tmp_path / "gw", server.port, customers=[ACME]) as postern,
        PostfixInstance("client", free_port(), client_of(postern.port, "acme-app", PASSWORD)) as client,
    ):
        begun = time.monotonic()
        run.submit(client.port)
        for arrived in KILLS:
            wait_until(partial(_arrived, sink, arrived), 60, f"{arrived} arrivals")
            postern.kill()
            postern.start()
        run.done()
        client.wait_empty(120)
        server.wait_empty(120)
        seconds = time.monotonic() - begun
        decisions = postern.concluded(COUNT)
        records = postern.search("--kind", "all")
        at_client, at_server = client.statuses(), server.statuses()
        verification = postern.verify()
    arrivals = sink.arrivals()
    found = copies(arrivals)
    outcomes = {each["reference"]: each["outcome"]["outcome"] for each in decisions}
    print(
        f"{COUNT} messages in {seconds:.1f} s with {len(KILLS)} kills: {len(arrivals)} transactions at the sink, "
        f"{sum(len(each) > 1 for each in found.values())} of {len(found)} copies twice; "
        f"client {dict(at_client)}; outcomes {dict(Counter(outcomes.values()))}"
    )
    assert verification.status == 0, verification.text
    assert sum((each["process"], each["kind"]) == ("gateway", "start") for each in records) == len(KILLS) + 1
    assert set(at_client) <= {"sent", "deferred"}
    assert set(at_server) == {"sent"}

    check_unchanged(run.sent, arrivals)
    assert set(found) == set(expected(run.sent)), "something was lost"
    for each in found.values():
        # Whether an earlier copy had passed nobody knew when the gateway died: that is what `unknown` says. References
        # sort as they were given, whatever the order in which the next hop delivered.
        known = sorted(references(arrival)[0] for arrival in each)
        assert len(set(known)) == len(known)
        assert all(outcomes[reference] == "unknown" for reference in known[:-1]), known


def _arrived(sink: Sink, count: int) -> bool:
    return len(sink.arrivals()) >= count
