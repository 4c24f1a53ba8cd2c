"""A crowd: clients that send at the same time, each a process of its own."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import ceil, inf
from pathlib import Path
from typing import NamedTuple

from tests.rig.processes import RigError

_CLIENT = Path(__file__).with_name("crowd_client.py")


@dataclass(frozen=True, slots=True)
class Task:
    """What one client does: transactions in one session, one after the other."""

    port: int
    source: str
    """Its address, by which the gateway knows the customer."""
    path: str
    """The reverse-path, which is the message's author too."""
    name: str
    """What its recipients' local-parts begin with: no two clients may have one."""
    recipients: int = 1
    """Of each message."""
    to: tuple[str, ...] = ()
    """The recipients of each message, instead."""
    pause: float = 0
    """Seconds between two transactions."""
    seconds: float = 120
    """After which it begins no other."""
    most: int = 1_000_000
    """Transactions."""
    until_full: bool = False
    """Ends when every recipient of a transaction was refused by a limit."""
    nice: int = 0
    again: bool = False
    """What is not taken, or breaks, is sent again until it is, as a mail server does; one recipient of each message."""


class Turn(NamedTuple):
    """One transaction."""

    begun: float
    """By the machine's monotonic clock, as `time.monotonic` has it in every process."""
    seconds: float
    rcpts: list[str]
    """Code and enhanced code of the replies to RCPT, such as `450 4.7.0`; of that to MAIL where it was refused."""
    dot: str
    """Of the reply to the final dot; empty where no recipient was taken."""

    @property
    def passed(self) -> int:
        """Recipients that were told to have it."""
        return sum(each.startswith("250 ") for each in self.rcpts) if self.dot.startswith("250 ") else 0


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a crowd."""

    turns: list[Turn]
    broken: list[str]
    """Sessions that ended otherwise than by QUIT, and why."""
    again: list[str] = field(default_factory=list)
    """Why something was sent again."""

    @property
    def passed(self) -> int:
        """Recipients that were told to have it."""
        return sum(turn.passed for turn in self.turns)

    @property
    def replies(self) -> Counter[str]:
        """How often each reply came, to RCPT and to the final dot."""
        return Counter(each for turn in self.turns for each in (*turn.rcpts, turn.dot) if each)

    def p99_ms(self, begin: float = -inf, end: float = inf, part: float = 0.99) -> float:
        """Milliseconds within which 99 % (`part`) of the transactions that began then were over; RigError for none."""
        took = sorted(turn.seconds for turn in self.turns if begin <= turn.begun < end)
        if not took:
            raise RigError("no transaction began then")
        return took[ceil(len(took) * part) - 1] * 1000


class Crowd:
    """Clients that were started, and wait for `go`."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        """Start a process for each."""
        self._clients = []
        for task in tasks:
            command = [sys.executable, "-I", "-S", str(_CLIENT)]
            client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert client.stdin is not None
            client.stdin.write(json.dumps(asdict(task)))
            client.stdin.flush()
            self._clients.append(client)

    def go(self) -> "Crowd":
        """Let all begin."""
        for client in self._clients:
            assert client.stdin is not None
            client.stdin.close()
            client.stdin = None
        return self

    def sent(self, timeout: float = 300) -> Sent:
        """What came of them, once all have ended; raises RigError when one does not, or fails."""
        found = Sent([], [])
        try:
            for client in self._clients:
                out, _ = client.communicate(timeout=timeout)
                if client.returncode:
                    raise RigError(f"a client ended with status {client.returncode}")
                told = json.loads(out)
                found.turns.extend(Turn(*each) for each in told["turns"])
                found.broken.extend([told["broken"]] if told["broken"] else [])
                found.again.extend(told["again"])
        except subprocess.TimeoutExpired as error:
            raise RigError(f"a client has not ended: {error}") from None
        finally:
            for client in self._clients:
                if client.poll() is None:
                    client.kill()
                    client.wait()
        return found


def send_all(tasks: Sequence[Task]) -> Sent:
    """What came of a crowd that did these."""
    return Crowd(tasks).go().sent()
