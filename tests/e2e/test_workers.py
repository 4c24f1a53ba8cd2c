"""`postern serve --workers 2`: several processes on one port; one is killed, or changed, while mail flows."""

import asyncio
import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.rig.mail import Run, check_unchanged, copies, expected, references
from tests.rig.postern import PASSWORD, Postern
from tests.rig.postfix import PostfixInstance, client_of
from tests.rig.processes import free_port, is_open, wait_until
from tests.rig.sink import Sink
from tests.rig.smtp_client import Client, send
from tests.rig.smtpd import STALL, Smtpd
from tests.rig.workers import kill, served, wait_gone, workers_of

ENVELOPE = ("ann@nets.example", "bob@nets.example")
COUNT = 400
KILLS = ((60, "worker-1"), (160, "worker-2"), (260, "worker-1"))
"""Once so many messages have arrived, this one is killed."""


def message(number: int) -> bytes:
    return f"Message-ID: <m{number}@nets.example>\r\nFrom: ann@nets.example\r\n\r\nx\r\n".encode()


def scraped(postern: Postern, name: str) -> float:
    """The sum of a metric's samples."""
    text = postern.get("/metrics")[1]
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


def starts(postern: Postern) -> Counter[str]:
    """How often each chain but the commands' was opened."""
    records = postern.search("--kind", "all")
    return Counter(each["process"] for each in records if each["kind"] == "start" and each["process"] != "cli")


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as found:
        yield found


@pytest.mark.postfix
def test_a_worker_killed_under_load_loses_nothing_and_mail_flows_on(tmp_path: Path, sink: Sink) -> None:
    run = Run("workers", COUNT, "acme.example", seed=3)
    with (
        served(tmp_path / "gw", sink.port) as postern,
        PostfixInstance("client", free_port(), client_of(postern.port, "acme-app", PASSWORD)) as client,
    ):
        run.submit(client.port)
        for arrived, name in KILLS:
            wait_until(partial(_arrived, sink, arrived), 60, f"{arrived} arrivals")
            postern.wait_ready()  # both listen: the one that was killed before does again
            kill(workers_of(postern.process.pid)[name], signal.SIGKILL)
            assert is_open(postern.port), "the other one listens"
        run.done()
        client.wait_empty(120)
        decisions = postern.concluded(COUNT)
        postern.wait_ready()
        ends, alarms = (
            scraped(postern, "postern_worker_ends_total"),
            postern.process.log_text().count("ended (signal SIG"),
        )
        statuses = client.statuses()
        assert postern.process.stop() == 0
        verification = postern.verify()
    arrivals = sink.arrivals()
    found = copies(arrivals)
    print(
        f"{len(arrivals)} transactions for {COUNT} messages, {sum(len(each) > 1 for each in found.values())} of "
        f"{len(found)} copies twice; client {dict(statuses)}; by {dict(Counter(each['process'] for each in decisions))}"
    )
    assert verification.status == 0, verification.text
    assert ends == alarms == len(KILLS)
    assert set(statuses) <= {"sent", "deferred"}
    check_unchanged(run.sent, arrivals)
    assert set(found) == set(expected(run.sent)), "something was lost"
    outcomes = {each["reference"]: each["outcome"]["outcome"] for each in decisions}
    for each in found.values():
        known = sorted(references(arrival)[0] for arrival in each)
        assert all(outcomes[reference] == "unknown" for reference in known[:-1]), known
    assert {each["process"] for each in decisions} == {"worker-1", "worker-2"}


def _arrived(sink: Sink, count: int) -> bool:
    return len(sink.arrivals()) >= count


def test_http_shows_all_workers_as_one_and_their_chains_stand_apart(tmp_path: Path, sink: Sink) -> None:
    with served(tmp_path / "gw", sink.port) as postern:
        for number in range(40):
            assert send(postern.port, message(number), *ENVELOPE).startswith("250 ")
        decisions = postern.concluded(40)
        assert set(Counter(each["process"] for each in decisions)) == {"worker-1", "worker-2"}
        assert scraped(postern, "postern_outcomes_total") == 40
        before = scraped(postern, "postern_connections_total")
        kill(workers_of(postern.process.pid)["worker-2"], signal.SIGKILL)
        wait_until(lambda: scraped(postern, "postern_worker_ends_total") == 1, 120, "the end is counted")
        assert scraped(postern, "postern_connections_total") >= before, "what it had counted stays counted"
        postern.wait_ready()
        assert postern.verify().status == 0
    assert starts(postern) == {"gateway": 1, "worker-1": 1, "worker-2": 2}


def test_a_suspension_by_the_api_holds_in_every_worker_at_once(tmp_path: Path, sink: Sink) -> None:
    with served(tmp_path / "gw", sink.port) as postern, ExitStack() as stack:
        token = postern.command("token", "create", "--role", "admin").splitlines()[-1]
        clients = [stack.enter_context(Client(postern.port)) for _ in range(12)]
        answer = httpx.post(
            f"http://127.0.0.1:{postern.http_port}/api/v1/customers/nets/suspend",
            json={"reason": "phishing"}, headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip
        assert answer.status_code == 200
        assert {client.ask("MAIL FROM:<ann@nets.example>")[:4] for client in clients} == {"250 "}
        assert {client.ask("RCPT TO:<bob@recipient.example>")[:9] for client in clients} == {"550 5.7.1"}
        assert [each["process"] for each in postern.search("--kind", "action", "--customer", "nets")][1:] == ["gateway"]


def test_readyz_names_the_worker_that_is_not_ready(tmp_path: Path, sink: Sink) -> None:
    with served(tmp_path / "gw", sink.port) as postern:
        sink.shut()
        with Client(postern.port) as client:
            client.ask("MAIL FROM:<ann@nets.example>")
            assert client.ask("RCPT TO:<bob@recipient.example>").startswith("451 4.4.1")
        postern.wait_ready(False)
        assert re.search(r"worker-[12]: next hop default", postern.get("/readyz")[1])
        sink.listen()
        postern.wait_ready()


def test_workers_end_when_their_supervisor_is_killed_and_the_next_start_works(tmp_path: Path, sink: Sink) -> None:
    with served(tmp_path / "gw", sink.port) as postern:
        client = Client(postern.port)
        client.envelope(*ENVELOPE)
        workers = workers_of(postern.process.pid)
        kill(postern.process.pid, signal.SIGKILL)
        wait_gone(*workers.values())
        client.close()
        postern.process.kill()
        postern.start()
        assert send(postern.port, message(1), *ENVELOPE).startswith("250 ")
        assert postern.verify().status == 0


def test_one_process_and_several_follow_each_other_in_one_folder(tmp_path: Path, sink: Sink) -> None:
    with Postern(tmp_path / "gw", sink.port) as alone:
        assert send(alone.port, message(1), *ENVELOPE).startswith("250 ")
    with served(tmp_path / "gw", sink.port, workers=3) as postern:
        for number in range(2, 14):
            assert send(postern.port, message(number), *ENVELOPE).startswith("250 ")
    with Postern(tmp_path / "gw", sink.port) as alone:
        assert send(alone.port, message(20), *ENVELOPE).startswith("250 ")
        assert len(alone.concluded(14)) == 14
        assert alone.verify().status == 0


async def test_what_a_worker_left_open_is_concluded_by_one_process_alone(tmp_path: Path) -> None:
    async with Smtpd() as hop:
        hop.on("DOT", STALL)

        def left_open() -> None:
            with served(tmp_path / "gw", hop.port) as postern:
                client = Client(postern.port)
                client.envelope(*ENVELOPE)
                client.content(message(1))
                wait_until(lambda: len(postern.search("--verdict", "accept")) == 1, 120, "the decision is recorded")
                postern.kill()
                client.close()

        def concluded() -> None:
            with Postern(tmp_path / "gw", hop.port) as alone:
                (decision,) = alone.concluded(1)
                assert decision["outcome"]["outcome"] == "unknown"
                assert decision["process"].startswith("worker-")
                assert alone.verify().status == 0

        await asyncio.to_thread(left_open)
        await asyncio.to_thread(concluded)


def test_more_than_one_worker_needs_shared_counters(tmp_path: Path) -> None:
    postern = Postern(tmp_path / "gw", free_port()).prepare()
    done = postern.run("serve", "--workers", "2")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("postern: ledger.url: --workers 2 needs") and "redis://" in line


def test_a_taken_port_and_a_wrong_certificate_are_told_in_one_line(tmp_path: Path, sink: Sink) -> None:
    for settings, words in (
        ({"address": f"127.0.0.1:{sink.port}"}, "cannot listen on"),
        ({"address": "127.0.0.1:0", "tls": "implicit", "cert_file": "c.pem", "key_file": "k.pem"}, "cert_file"),
    ):
        postern = Postern(tmp_path / "gw", sink.port, settings={"smtp": {"listeners": [settings]}}).prepare()
        done = postern.run("serve", "--workers", "1")
        assert done.returncode == 2
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith("postern: ") and words in line and "smtp.listeners" in line


@pytest.mark.parametrize("workers", [0, 2])
def test_sigterm_drains_a_transaction_and_a_second_one_ends_it_at_once(
    tmp_path: Path, sink: Sink, workers: int
) -> None:
    with ExitStack() as stack:
        if workers:
            postern = stack.enter_context(served(tmp_path / "gw", sink.port, workers=workers))
        else:
            postern = stack.enter_context(Postern(tmp_path / "gw", sink.port))
        finishing, dawdling = Client(postern.port), Client(postern.port)
        finishing.envelope(*ENVELOPE)
        dawdling.envelope(*ENVELOPE)
        postern.process.send(signal.SIGTERM)
        wait_until(lambda: not is_open(postern.port), 120, "no new connections")
        finishing.content(message(1))
        assert finishing.reply().startswith("250 ")
        assert postern.process.running
        postern.process.send(signal.SIGTERM)
        wait_until(lambda: not postern.process.running, 20, "it ends at once")
        assert dawdling.reply().startswith("421 ")
        finishing.close()
        dawdling.close()
        assert postern.process.stop() == 0
        assert len(sink.arrivals()) == 1
        assert postern.verify().status == 0
        assert "Traceback" not in postern.process.log_text()


def test_a_worker_that_gets_sigterm_drains_and_another_takes_its_place(tmp_path: Path, sink: Sink) -> None:
    with served(tmp_path / "gw", sink.port) as postern:
        clients = [Client(postern.port) for _ in range(8)]
        for client in clients:
            client.envelope(*ENVELOPE)
        before = workers_of(postern.process.pid)
        kill(before["worker-1"], signal.SIGTERM)
        wait_until(lambda: "worker-1: SMTP: drains" in postern.get("/readyz")[1], 120, "it says that it drains")
        for number in range(8):
            assert send(postern.port, message(number), *ENVELOPE).startswith("250 "), "the other one listens"
        for number, client in enumerate(clients):
            client.content(message(100 + number))
            assert client.reply().startswith("250 ")
            client.close()
        wait_gone(before["worker-1"])
        postern.wait_ready()
        after = workers_of(postern.process.pid)
        assert after["worker-1"] != before["worker-1"]
        assert after["worker-2"] == before["worker-2"]


async def test_what_is_with_the_next_hop_when_a_drain_is_cut_short_is_recorded_as_unknown(tmp_path: Path) -> None:
    async with Smtpd() as hop:
        hop.on("DOT", STALL)

        def cut_short() -> None:
            with served(tmp_path / "gw", hop.port) as postern:
                client = Client(postern.port)
                client.envelope(*ENVELOPE)
                client.content(message(1))
                wait_until(lambda: len(postern.search("--verdict", "accept")) == 1, 120, "the decision is recorded")
                for _ in range(2):
                    postern.process.send(signal.SIGTERM)
                    wait_until(lambda: not is_open(postern.port), 120, "it drains")
                wait_until(lambda: not postern.process.running, 20, "it ends")
                assert client.reply()[:3] in ("421", "451")
                client.close()
                assert [each["outcome"]["outcome"] for each in postern.search("--verdict", "accept")] == ["unknown"]
                assert postern.verify().status == 0

        await asyncio.to_thread(cut_short)
