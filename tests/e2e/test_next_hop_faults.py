"""A next hop that is away, misconfigured, full or rude: nothing bounces at the client, nothing is lost.

One client Postfix, one gateway and one sink as its next hop serve all tests of this file; each sends mail of its own.
"""

import smtplib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.rig.mail import Run, check_unchanged, copies, expected, of_run, references
from tests.rig.postern import NETS, Postern
from tests.rig.postfix import PostfixInstance, client_of
from tests.rig.processes import free_port, wait_until
from tests.rig.sink import Arrival, Mood, Sink

pytestmark = pytest.mark.postfix
AWAY = 10.0
"""Seconds that the next hop is stopped."""


@dataclass(frozen=True)
class Chain:
    """Client, gateway and sink."""

    client: PostfixInstance
    postern: Postern
    sink: Sink

    def well_again(self) -> None:
        """The next hop is well, all that was put off has arrived, and the gateway says that it is ready."""
        self.sink.mood = Mood.WELL
        self.client.wait_empty(60)
        self.postern.wait_ready()

    def arrivals(self, run: Run) -> list[Arrival]:
        """What arrived of a run, unchanged; nothing of it bounced."""
        log = self.client.log_text()
        assert "status=bounced" not in log and "status=expired" not in log
        assert "sender non-delivery notification" not in log
        # A bounce would be mail from the null sender; the sink would have got that, too.
        assert all(arrival.reverse_path for arrival in self.sink.arrivals())
        found = of_run(self.sink.arrivals(), run.tag)
        check_unchanged(run.sent, found)
        return found

    def alarms(self) -> float:
        """How many alarms the gateway has raised."""
        lines = self.postern.get("/metrics")[1].splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("postern_alarms_total"))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """The three, and at the end a look at the audit they leave."""
    with (
        Sink(free_port()) as sink,
        Postern(tmp_path_factory.mktemp("faults") / "gw", sink.port, customers=[NETS]) as postern,
        PostfixInstance("client", free_port(), client_of(postern.port)) as client,
    ):
        yield Chain(client, postern, sink)
        verification = postern.verify()
        assert verification.status == 0, verification.text


@pytest.fixture
def well(chain: Chain) -> Chain:
    """The three, with nothing in a queue."""
    chain.well_again()
    return chain


def once(run: Run, arrivals: list[Arrival]) -> bool:
    """Whether each message arrived once for each recipient."""
    return Counter({key: len(found) for key, found in copies(arrivals).items()}) == expected(run.sent)


def test_a_next_hop_that_is_away_for_ten_seconds(well: Chain) -> None:
    run, sink = Run("away", 200, "nets.example"), well.sink
    begun = time.monotonic()

    def pace(number: int) -> None:
        # The first half at once, the second while the next hop is away.
        if number >= 100:
            wait_until(lambda: time.monotonic() - begun > AWAY * (number - 100) / 100, 120, "its turn")

    run.submit(well.client.port, pace)
    wait_until(lambda: len(of_run(sink.arrivals(), "away")) >= 50, 120, "50 arrivals")
    sink.shut()
    left = time.monotonic()
    well.postern.wait_ready(False, 8)
    wait_until(lambda: time.monotonic() - left >= AWAY, AWAY + 1, "ten seconds are over")
    assert not well.postern.ready
    sink.listen()
    run.done()
    well.well_again()
    print(f"away: all there {time.monotonic() - left - AWAY:.1f} s after the next hop came back")
    arrivals = well.arrivals(run)
    explain(well, run, arrivals)


@pytest.mark.parametrize("kept", [True, False])
def test_a_next_hop_that_cuts_the_connection_after_the_dot(well: Chain, kept: bool) -> None:
    run = Run("kept" if kept else "lost", 60, "nets.example")
    well.sink.mood = Mood.CUT_AFTER_DOT if kept else Mood.LOSE_AFTER_DOT
    run.submit(well.client.port).done()
    wait_until(lambda: "status=deferred" in _lines_about(well, run), 120, "a message is put off")
    well.well_again()
    arrivals = well.arrivals(run)
    unanswered = explain(well, run, arrivals)
    assert (unanswered > 0) == kept
    if not kept:
        assert once(run, arrivals)


def test_a_next_hop_that_denies_relaying_to_all(well: Chain) -> None:
    run, before = Run("denied", 60, "nets.example"), well.alarms()
    well.sink.mood = Mood.DENY_RELAY
    run.submit(well.client.port).done()
    well.postern.wait_ready(False)
    assert "Relay access denied" in well.postern.get("/readyz")[1]
    assert well.alarms() > before
    wait_until(lambda: _lines_about(well, run).count("status=deferred") >= 60, 120, "all were put off")
    assert of_run(well.sink.arrivals(), "denied") == []
    well.well_again()
    assert once(run, well.arrivals(run))
    assert "Relay access denied" not in _lines_about(well, run), "the next hop's trouble with us is not the client's"


def test_a_next_hop_that_puts_off_every_tenth_recipient(well: Chain) -> None:
    run, before = Run("tenth", 100, "nets.example"), well.sink.replies()["452 4.2.2 Mailbox full"]
    well.sink.mood = Mood.TENTH_LATER
    run.submit(well.client.port).done()
    well.client.wait_empty(60)
    assert well.sink.replies()["452 4.2.2 Mailbox full"] - before >= len(expected(run.sent)) // 10
    assert well.postern.ready, "a full mailbox is no fault between us and the next hop"
    assert once(run, well.arrivals(run))
    assert "452 4.2.2 Mailbox full" in _lines_about(well, run)


def test_a_gateway_that_starts_before_its_next_hop_promises_no_less_than_it_will_keep(well: Chain) -> None:
    # A client's Postfix bounces what needs SMTPUTF8 when its smarthost does not offer it: a next hop that is only away
    # must not make us say so. And it re-encodes what needs 8BITMIME.
    well.sink.shut()
    well.postern.process.stop()
    well.postern.start()
    content = "Message-ID: <early.utf8@nets.example>\r\nFrom: ann@nets.example\r\nSubject: ü\r\n\r\nüü\r\n".encode()
    with smtplib.SMTP("127.0.0.1", well.client.port) as session:
        options = ["SMTPUTF8", "BODY=8BITMIME"]
        session.sendmail("ann@nets.example", ["jürgen@recipient.example"], content, options)
    wait_until(lambda: "status=" in _about(well, "jürgen@"), 120, "an attempt was made")
    well.sink.listen()
    well.well_again()
    assert "status=bounced" not in _about(well, "jürgen@"), _about(well, "jürgen@")
    (arrival,) = of_run(well.sink.arrivals(), "early")
    assert (arrival.recipients, arrival.body_size) == (("jürgen@recipient.example",), 6)
    assert arrival.header.endswith(content.partition(b"\r\n\r\n")[0] + b"\r\n")


def explain(chain: Chain, run: Run, arrivals: list[Arrival]) -> int:
    """Hold each second copy against the audit: the outcome of its first is unknown, because the sink kept it and the
    answer was never given, or was cut off on its way when the sink went down. The number of copies the sink kept
    without an answer."""
    outcomes = {each["reference"]: each["outcome"]["outcome"] for each in chain.postern.concluded(run.count)}

    def outcome(arrival: Arrival) -> str:
        (reference,) = references(arrival)
        found: str = outcomes[reference]
        return found

    found = copies(arrivals)
    assert set(found) == set(expected(run.sent)), "something was lost"
    for each in found.values():
        *early, last = each
        assert outcome(last) == "accepted"
        assert all(outcome(arrival) == "unknown" for arrival in early)
    unanswered = [arrival for arrival in arrivals if not arrival.answered]
    assert all(outcome(arrival) == "unknown" for arrival in unanswered)
    unknown = sum(each == "unknown" for each in outcomes.values())
    print(
        f"{run.tag}: {len(run.sent)} messages, {len(unanswered)} unanswered copies; {unknown} unknown outcomes so far"
    )
    return len(unanswered)


def _lines_about(chain: Chain, run: Run) -> str:
    """The client's log lines about deliveries of a run."""
    return _about(chain, f"{run.tag}-")


def _about(chain: Chain, recipient: str) -> str:
    return "\n".join(line for line in chain.client.log_text().splitlines() if f"to=<{recipient}" in line)
