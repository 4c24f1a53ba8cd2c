"""Bug: who hammered at a limit was answered as fast as it asked, and the others shared what was left of the core."""

import time
from pathlib import Path

from gateway.pacing import RATE
from tests.rig.limited import customer, hammer, one_process
from tests.rig.sink import Sink

SESSIONS, SECONDS = 6, 3
CUSTOMERS = [customer("full", 1, recipients_per_hour=0), customer("other", 9, recipients_per_hour=100_000)]


def test_refusals_by_limits_are_paced_and_others_pass(tmp_path: Path) -> None:
    with Sink() as sink, one_process(tmp_path, sink.port, CUSTOMERS) as (node,):
        begun = time.monotonic()
        sent, other = hammer(node, SESSIONS, SECONDS)
        took = time.monotonic() - begun
    assert not sent.broken and not other.broken
    assert set(sent.replies) == {"450 4.7.0"}
    assert len(sent.turns) <= RATE * took + SESSIONS
    assert other.passed == len(other.turns) > 0
