"""The customers of `make soak`, in a process of their own: mail servers that keep trying, and people who unsubscribe.

    python -m tests.bench.soak_client CONFIG LOG

Each message is sent until every recipient was answered 250 or 5xx: what is answered 4xx, or not at all, is tried again
at the other node after a pause. CONFIG is JSON: `smtp` and `http`, the ports of the nodes; `secrets`, the file from which
people's links are made; `sessions`. Standard input has one line for each change: `rate N` (messages a second), `flat`
(as many as the sessions take), `clicks N` (a second), `stop` (no new ones; it ends when nothing waits, but for what a
limit holds back). LOG gets a JSON object for each attempt, each click, and, at the end, each message that still waits.
"""

import asyncio
import base64
import contextlib
import itertools
import sys
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import msgspec

from consent.address import Address
from consent.keys import Secrets
from consent.unsubscribe import Token, Tokens
from tests.bench.soak_mail import BULK, LIST, SENDERS, Message, Sender, draw, readers
from tests.rig.postern import PASSWORD

PER_CONNECTION = 200
PATIENCE = 300.0
"""Seconds to wait for a reply."""
PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Before the next tries, the last one before all others."""
MOST_WAITING = 100
"""Messages that a limit may hold back before no more of them are made."""
REFERENCE = "01KAGXYZ0123456789ABCDEFGH"
LOST = (OSError, EOFError, TimeoutError, asyncio.IncompleteReadError)


class Connection:
    """One SMTP session with a node."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.sent = 0

    @classmethod
    async def open(cls, port: int, sender: Sender) -> "Connection":
        """Connect, EHLO, AUTH; raises one of LOST."""
        source = f"127.{sender.network}.1.1" if sender.network else "127.0.0.1"
        made = cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)))
        try:
            await made._expect("220", b"")
            await made._expect("250", b"EHLO client.example\r\n")
            if not sender.network:
                told = base64.b64encode(f"\0{sender.name}\0{PASSWORD}".encode())
                await made._expect("235", b"AUTH PLAIN " + told + b"\r\n")
        except BaseException:
            made.close()
            raise
        return made

    async def _expect(self, code: str, line: bytes) -> None:
        self._writer.write(line)
        reply = await self._reply()
        if not reply.startswith(code):
            raise EOFError(reply)

    @property
    def usable(self) -> bool:
        """Whether another message may be sent."""
        return self.sent < PER_CONNECTION and not self._reader.at_eof() and not self._writer.is_closing()

    async def transact(self, message: Message, codes: dict[str, str]) -> None:
        """Send the message to all who wait for it; `codes` gets the reply for each, as far as one came. Raises LOST."""
        self.sent += 1
        to = list(message.waiting)
        commands = [f"MAIL FROM:<{message.path}>", *(f"RCPT TO:<{each}>" for each in to), "DATA"]
        self._writer.write("".join(f"{line}\r\n" for line in commands).encode())
        mail = await self._reply()
        for each in to:
            reply = await self._reply()
            reply = reply if mail.startswith("250") else mail
            if not reply.startswith("250"):
                codes[each] = reply
        taken = [each for each in to if each not in codes]
        reply = await self._reply()
        if reply.startswith("354"):
            self._writer.write(message.content if taken else b".\r\n")
            await asyncio.wait_for(self._writer.drain(), PATIENCE)
            reply = await self._reply()
        elif mail.startswith("250"):
            self._writer.write(b"RSET\r\n")
            await self._reply()
        codes |= dict.fromkeys(taken, reply)

    async def _reply(self) -> str:
        while True:
            line = await asyncio.wait_for(self._reader.readuntil(b"\n"), PATIENCE)
            if line[3:4] != b"-":
                return line.decode().strip()

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._writer.write(b"QUIT\r\n")
            self._writer.close()


class Customers:
    """All that send, and what they have to send."""

    def __init__(self, config: dict[str, Any], log: BinaryIO) -> None:
        self._smtp, self._http = config["smtp"], config["http"]
        self._tokens = Tokens(secrets := Secrets.load_or_create(Path(config["secrets"])))
        self._secrets, self._log = secrets, log
        self._queues: dict[str, asyncio.Queue[Message]] = {each.name: asyncio.Queue() for each in SENDERS}
        self._waiting: dict[int, Message] = {}
        self._numbers = itertools.count(1)
        self._rate: float | None = 0.0
        self._clicks = 0.0
        self._changed, self._clicking = asyncio.Event(), asyncio.Event()
        self._sessions = [(each, number) for number in range(config["sessions"]) for each in SENDERS]
        self._capped = 0
        self._idle = asyncio.Event()

    def write(self, line: dict[str, Any]) -> None:
        """A line of the log."""
        self._log.write(msgspec.json.encode(line) + b"\n")

    def told(self, line: str) -> bool:
        """Do as the line says; False when it is to end."""
        word, _, value = line.strip().partition(" ")
        if word == "rate":
            self._rate = float(value)
        elif word == "flat":
            self._rate = None
        elif word == "clicks":
            self._clicks = float(value)
        else:
            self._rate = self._clicks = 0.0
        self._changed.set()
        self._clicking.set() if self._clicks else self._clicking.clear()
        self._look()
        self._log.flush()
        return word in ("rate", "flat", "clicks")

    def _make(self) -> None:
        message = draw(next(self._numbers), format_datetime(datetime.now(UTC)))
        if message.kind == "capped":
            if self._capped >= MOST_WAITING:
                return
            self._capped += 1
        self._waiting[message.number] = message
        self._queues[message.sender.name].put_nowait(message)

    async def produce(self) -> None:
        """Make messages at the rate."""
        due = time.monotonic()
        while True:
            if self._rate is None:
                while len(self._waiting) < 3 * len(self._sessions):
                    self._make()
                await asyncio.sleep(0.005)
                due = time.monotonic()
            elif self._rate:
                # After a pause it catches up: a customer's mail does not grow less because its server was late.
                while due <= time.monotonic():
                    self._make()
                    due += 1 / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            else:
                self._changed.clear()
                await self._changed.wait()
                due = time.monotonic()

    async def click(self) -> None:
        """People unsubscribe, one after another, at the rate."""
        persons = (pair for address in readers() for pair in ((each, address) for each in BULK))
        async with httpx.AsyncClient(timeout=30) as client, asyncio.TaskGroup() as under_way:
            for number, (sender, address) in enumerate(persons):
                await self._clicking.wait()
                under_way.create_task(self._one_click(client, number, sender, address))
                await asyncio.sleep(1 / self._clicks)

    async def _one_click(self, client: httpx.AsyncClient, number: int, sender: Sender, address: str) -> None:
        key = self._secrets.subject_octets(Address.parse(address))
        token = self._tokens.make(Token(sender.name, LIST, key, REFERENCE), datetime.now(UTC))
        asked, said = time.time(), ""
        for tries in itertools.count(number):
            port = self._http[tries % len(self._http)]
            try:
                answer = await client.post(f"http://127.0.0.1:{port}/u/{token}", data={"List-Unsubscribe": "One-Click"})
            except httpx.HTTPError as error:
                said += f"{type(error).__name__} "
            else:
                if answer.status_code == 200:
                    break
                said += f"{answer.status_code} "
            await asyncio.sleep(1)
        self.write({"click": address, "customer": sender.name, "begun": asked, "ended": time.time(), "said": said})

    async def session(self, sender: Sender, number: int) -> None:
        """Send what the customer has, one message after another, over a connection to each node."""
        open_: dict[int, Connection] = {}
        queue = self._queues[sender.name]
        while True:
            message = await queue.get()
            node = (message.node + 1 if message.tries else number) % len(self._smtp)
            begun, codes, trouble = time.time(), dict[str, str](), ""
            connection = open_.pop(node, None)
            try:
                if connection is None or not connection.usable:
                    if connection is not None:
                        connection.close()
                    connection = await Connection.open(self._smtp[node], sender)
                await connection.transact(message, codes)
            except LOST as error:
                trouble = f"{type(error).__name__}: {error}"[:100]
                if connection is not None:
                    connection.close()
            else:
                open_[node] = connection
            self._done(message, node, begun, codes, trouble)

    def _done(self, message: Message, node: int, begun: float, codes: dict[str, str], trouble: str) -> None:
        """Write down the attempt, and put back who is to be tried again."""
        to = message.waiting
        message.waiting = [each for each in to if codes.get(each, "4")[0] not in "25"]
        self.write({
            "id": message.number, "kind": message.kind, "customer": message.sender.name, "expected": message.expected,
            "node": node, "try": message.tries, "begun": begun, "ended": time.time(), "to": to,
            "said": [codes.get(each, "") for each in to], "trouble": trouble, "size": len(message.content),
        })  # fmt: skip
        message.node, message.tries = node, message.tries + 1
        if message.waiting:
            pause = PAUSES[min(message.tries, len(PAUSES)) - 1]
            asyncio.get_running_loop().call_later(pause, self._queues[message.sender.name].put_nowait, message)
        else:
            self._capped -= message.kind == "capped"
            del self._waiting[message.number]
        self._look()

    def _look(self) -> None:
        """Whether nothing is made and nothing waits but for the limit."""
        if self._rate == 0 and len(self._waiting) == self._capped:
            self._idle.set()
        else:
            self._idle.clear()

    async def run(self) -> None:
        """Until the input says stop and nothing waits, or five minutes after."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        tasks = [asyncio.create_task(each) for each in (self.produce(), self.click())]
        tasks += [asyncio.create_task(self.session(*each)) for each in self._sessions]
        for task in tasks:
            task.add_done_callback(_ended)
        async for line in reader:
            if not self.told(line.decode()):
                break
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), PATIENCE)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for message in self._waiting.values():
            self.write({"waits": message.number, "kind": message.kind, "to": message.waiting})


def _ended(task: asyncio.Task[None]) -> None:
    """None of them ends by itself: what raised ends all."""
    if not task.cancelled() and task.exception():
        asyncio.get_running_loop().stop()


async def main() -> None:
    """Send."""
    config = msgspec.json.decode(Path(sys.argv[1]).read_bytes())
    with Path(sys.argv[2]).open("wb") as log:
        await Customers(config, log).run()


if __name__ == "__main__":
    asyncio.run(main())
