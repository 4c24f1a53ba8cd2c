"""One client of a crowd, in a process of its own: a session that sends as it is told, and says what came of it.

Run by `tests.rig.crowd`, by its path: it needs nothing but the standard library, so that hundreds start at once. Its
task comes as JSON on stdin; what came of it goes as JSON to stdout. The session begins when stdin is closed, so that
all begin together.
"""

import json
import os
import socket
import sys
import time
from typing import Any

PATIENCE = 60.0
"""Seconds after which a message that was put off is given up."""
PAUSE = 0.05
"""Seconds until it is tried again."""
MESSAGE = b"From: {path}\r\nSubject: x\r\n\r\nbody\r\n.\r\n"


class Session:
    """One SMTP connection."""

    def __init__(self, port: int, source: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = self.socket.makefile("rb")
        for line in ("", "EHLO client.example\r\n"):
            self.ask(line.encode())

    def ask(self, octets: bytes) -> str:
        """The last line of the reply to it; raises ConnectionError when there is none."""
        self.socket.sendall(octets)
        while True:
            line = self.lines.readline()
            if not line.endswith(b"\n"):
                raise ConnectionError(f"closed after {octets[:60]!r}")
            if line[3:4] == b" ":
                return line.decode().strip()


def turn(session: Session, task: dict[str, Any], number: int) -> tuple[list[str], str]:
    """One transaction: the replies to its RCPTs, and to its final dot."""
    path = task["path"]
    said = session.ask(f"MAIL FROM:<{path}>\r\n".encode())
    if not said.startswith("250 "):
        return [said], ""
    recipients = task["to"] or [f"{task['name']}-{number}-{n}@recipient.example" for n in range(task["recipients"])]
    rcpts = [session.ask(f"RCPT TO:<{each}>\r\n".encode()) for each in recipients]
    if any(each.startswith("250 ") for each in rcpts):
        said = session.ask(b"DATA\r\n")
        if not said.startswith("354 "):
            return rcpts, said
        return rcpts, session.ask(MESSAGE.replace(b"{path}", path.encode()))
    session.ask(b"RSET\r\n")
    return rcpts, ""


def until_taken(
    session: Session | None, task: dict[str, Any], number: int, again: list[str]
) -> tuple[Session, list[str], str]:
    """A transaction as a mail server has it: the same once more, in a new session where one breaks, until it is taken.

    What it was put off by goes into `again`.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            session = session or Session(task["port"], task["source"])
            rcpts, dot = turn(session, task, number)
            if dot.startswith("250 "):
                return session, rcpts, dot
            again.append(" ".join((dot or rcpts[-1]).split()[:2]))
        except OSError as error:
            session = None
            again.append(type(error).__name__)
        if time.monotonic() > end:
            raise TimeoutError(f"message {number} was not taken; last: {again[-1]}")
        time.sleep(PAUSE)


def leave(session: Session, task: dict[str, Any]) -> None:
    """QUIT; to who sends again until all is taken it is nothing that nobody answers that."""
    try:
        session.ask(b"QUIT\r\n")
    except OSError:
        if not task["again"]:
            raise


def main() -> None:
    """Do the task; what breaks is said, and the rest of it left."""
    task = json.load(sys.stdin)
    os.nice(task["nice"])
    turns: list[Any] = []
    again: list[str] = []
    broken = ""
    until = time.monotonic() + task["seconds"]
    try:
        session = None if task["again"] else Session(task["port"], task["source"])
        for number in range(task["most"]):
            begun = time.monotonic()
            if begun > until:
                break
            if task["again"]:
                session, rcpts, dot = until_taken(session, task, number, again)
            else:
                assert session is not None
                rcpts, dot = turn(session, task, number)
            codes = [" ".join(each.split()[:2]) for each in (*rcpts, dot)]
            turns.append((begun, time.monotonic() - begun, codes[:-1], codes[-1]))
            if task["until_full"] and all(each.startswith("450 4.7.") for each in rcpts):
                break
            time.sleep(task["pause"])
        if session is not None:
            leave(session, task)
    except OSError as error:
        broken = f"{type(error).__name__}: {error}"
    json.dump({"turns": turns, "broken": broken, "again": again}, sys.stdout)


if __name__ == "__main__":
    main()
