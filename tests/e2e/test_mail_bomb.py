"""A mail bomb of many credentials of several customers: stopped at the cap, named in the audit, and fair to others."""

from pathlib import Path

from tests.rig.crowd import send_all
from tests.rig.limited import bomb, customer, one_process, task
from tests.rig.sink import Sink

CAP, CREDENTIALS, MESSAGES = 30, 4, 6
VICTIM = "victim@recipient.example"
POLICY = f"[limits.recipient_by_all]\nmessages_per_hour = {CAP}\n"
CUSTOMERS = [*(customer(f"bomber{n}", n, CREDENTIALS) for n in range(1, 6)), customer("quiet", 6)]


def test_a_bomb_of_five_customers_stops_at_the_cap_and_a_sixth_still_passes(tmp_path: Path) -> None:
    with Sink() as sink, one_process(tmp_path, sink.port, CUSTOMERS, policy=POLICY) as (node,):
        sent = bomb([node], CREDENTIALS, MESSAGES, VICTIM)
        assert not sent.broken
        got = sum(each.recipients.count(VICTIM) for each in sink.arrivals())
        assert sent.passed == got
        # Who comes when the cap is reached gets its fair share: less than the k-th part of it for the k-th customer.
        assert CAP <= got <= CAP * (1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5)
        assert sent.replies["450 4.7.28"] == 5 * CREDENTIALS * MESSAGES - got
        named = node.search("--rule", "FLOOD-RCPT")
        assert {each["customer"] for each in named} <= {f"bomber{n}" for n in range(1, 6)}
        assert len(named) >= 5
        quiet = send_all([task(node, "quiet", 6, 1, to=(VICTIM,), most=1)])
        assert (quiet.passed, quiet.broken) == (1, [])
