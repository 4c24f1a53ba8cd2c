"""The next hop of the soak writes down what it has taken, and nothing else, whatever its mood."""

import json
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.rig.processes import free_port, wait_for_port, wait_until

MESSAGE = (
    b"Received: from a by gw.example with ESMTP id 01KAGXYZ0123456789ABCDEFGH-x;\r\nX-Soak: 7\r\n\r\n..\r\nbody\r\n"
)


class Running:
    """It, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.port, self._log = free_port(), folder / "log"
        command = [sys.executable, "-m", "tests.bench.soak_sink", str(self.port), str(self._log)]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE)
        wait_for_port(self.port, 60)

    def turn(self, mood: str) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(mood.encode() + b"\n")
        self.child.stdin.flush()

    def kept(self) -> list[dict[str, Any]]:
        self.child.communicate()
        return self.written()

    def written(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.child.kill()


def send(port: int) -> str:
    """The code that a message to two is answered with; `none` where the connection is cut."""
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as session:
            session.sendmail("ann@acme.example", ["bob@r.example", "eve@r.example"], MESSAGE)
            return "250"
    except smtplib.SMTPRecipientsRefused as error:
        return str(next(iter(error.recipients.values()))[0])
    except smtplib.SMTPDataError as error:
        return str(error.smtp_code)
    except (smtplib.SMTPException, OSError):
        return "none"


def test_a_message_is_kept_with_its_number_recipients_and_reference(sink: Running) -> None:
    assert send(sink.port) == "250"
    (kept,) = sink.kept()
    assert (kept["id"], kept["to"], kept["told"]) == (7, ["bob@r.example", "eve@r.example"], True)
    assert kept["ref"] == "01KAGXYZ0123456789ABCDEFGH"


@pytest.mark.parametrize("mood", ["rcpt", "dot"])
def test_what_is_put_off_is_not_kept(sink: Running, mood: str) -> None:
    sink.turn(mood)
    # The mood comes by another way than the mail: what is sent before it has come is taken.
    taken = 0
    while (said := send(sink.port)) == "250":
        taken += 1
    assert said == "451"
    assert len(sink.kept()) == taken


@pytest.mark.parametrize(("then", "answer"), [("well", "250"), ("cut", "none")])
def test_who_is_mute_keeps_and_answers_at_the_end_or_never(sink: Running, then: str, answer: str) -> None:
    sink.turn("mute")
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(send, sink.port)

        def mute() -> bool:
            nonlocal sending
            # Whoever was answered came sooner than the mood.
            if sending.done():
                assert sending.result() == "250"
                sending = pool.submit(send, sink.port)
            sink.turn("mute")  # also lets it write down what it has
            return any(not each["told"] for each in sink.written())

        wait_until(mute, 30, "one is kept unanswered")
        assert not sending.done()
        sink.turn(then)
        assert sending.result() == answer
    assert [each["told"] for each in sink.kept()].count(False) == 1
