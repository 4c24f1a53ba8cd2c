"""A customer's Postfix, Postern as its smarthost, a Postfix as the next hop, a sink behind it: mail passes."""

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.rig.mail import Run, check_unchanged, copies, expected, received_ids, references
from tests.rig.postern import NETS, Postern
from tests.rig.postfix import PostfixInstance, client_of, relay_to
from tests.rig.processes import free_port
from tests.rig.sink import Sink

pytestmark = pytest.mark.postfix
COUNT = int(os.environ.get("MESSAGES", "250"))
"""Each kind of message five times; MESSAGES=1000 is the long form."""


def test_all_messages_arrive_once_and_unchanged_and_stand_in_the_audit(tmp_path: Path) -> None:
    run = Run("whole", COUNT, "nets.example")
    with (
        Sink() as sink,
        PostfixInstance("server", free_port(), relay_to(sink.port)) as server,
        Postern(tmp_path / "gw", server.port, customers=[NETS]) as postern,
        PostfixInstance("client", free_port(), client_of(postern.port)) as client,
    ):
        begun = time.monotonic()
        run.submit(client.port).done()
        client.wait_empty(120)
        server.wait_empty(120)
        seconds = time.monotonic() - begun
        decisions = postern.concluded(COUNT)
        assert set(client.statuses()) == set(server.statuses()) == {"sent"}
        assert postern.ready
        verification = postern.verify()
    arrivals = sink.arrivals()
    octets = sum(each.size for each in run.sent.values())
    print(f"{COUNT} messages, {octets / 1e6:.1f} MB in {seconds:.1f} s; {len(arrivals)} transactions at the sink")

    check_unchanged(run.sent, arrivals)
    assert Counter({key: len(found) for key, found in copies(arrivals).items()}) == expected(run.sent)

    # The audit tells the same story: each message and recipient once, accepted, with the id it has in the next hop's
    # queue, which is the id in the Received line that the next hop put on.
    told = Counter((each["message_id"], recipient) for each in decisions for recipient in each["recipients"])
    assert told == expected(run.sent)
    by_reference = {each["reference"]: each["outcome"] for each in decisions}
    assert {(each["outcome"], each["told"]) for each in by_reference.values()} == {("accepted", True)}
    for arrival in arrivals:
        (reference,), (queue_id,) = references(arrival), received_ids(arrival, "server.example")
        assert by_reference[reference]["reply"] == f"250 2.0.0 Ok: queued as {queue_id}"
    assert verification.status == 0, verification.text
