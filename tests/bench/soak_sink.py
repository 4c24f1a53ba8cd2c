"""The next hop of `make soak`: a sink in a process of its own that writes down what arrives, and stalls when it is told.

    python -m tests.bench.soak_sink PORT LOG

One JSON object a message goes to LOG: `at`, `id` (X-Soak), `to`, `ref` (of our Received), `told` (whether it was
answered). Standard input has a mood in each line: `well`; `silent`, in which it takes connections and reads, and does
nothing; `mute`, in which it keeps messages and does not answer their final dots until that ends; `cut`, which ends
either without an answer: what has come whole is kept, and every connection is closed; `rcpt` and `dot`, in which RCPT
or the final dot is answered 451. It ends with its input.
"""

import asyncio
import re
import sys
import time
from pathlib import Path
from typing import BinaryIO

import msgspec

_EHLO = b"250-sink.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n"
_KEPT = b"250 2.0.0 Ok: kept\r\n"
_LATER = b"451 4.3.0 Try again later\r\n"
_ANGLE = re.compile(rb"<([^<>]*)>")
_ID = re.compile(rb"^X-Soak: (\d+)\r", re.MULTILINE)
_REFERENCE = re.compile(rb"by gw\.example [^;]*?id ([0-9A-Z]{26})", re.DOTALL)


class Sink:
    """What all connections share."""

    def __init__(self, log: BinaryIO) -> None:
        self.mood = "well"
        self.connections: set[Conversation] = set()
        self._log = log

    def turn(self, mood: str) -> None:
        """Be in this mood from now on."""
        before, self.mood = self.mood, mood
        if before in ("silent", "mute"):
            for each in list(self.connections):
                each.work()
            if mood == "cut":
                self.mood = "well"

    def keep(self, recipients: list[str], data: bytes, *, told: bool) -> None:
        """Write down a message."""
        head = data[: data.find(b"\r\n\r\n") + 2]
        found, reference = _ID.search(head), _REFERENCE.search(head)
        line = {
            "at": time.time(), "id": int(found[1]) if found else -1, "to": recipients,
            "ref": reference[1].decode() if reference else "", "told": told,
        }  # fmt: skip
        self._log.write(msgspec.json.encode(line) + b"\n")


class Conversation(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buffer = bytearray()
        self._recipients: list[str] = []
        self._greeted = self._in_data = self._gone = self._owes = False
        self._seen = 0
        """Octets of the buffer in which the end mark was looked for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._sink.connections.add(self)
        self.work()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        if self._sink.mood != "silent":  # else what has come is read when it wakes up
            self._sink.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self.work()

    def work(self) -> None:
        """Read and answer what has come."""
        mood = self._sink.mood
        if mood == "silent" or (mood == "mute" and self._owes):
            return
        if self._owes:
            self._owes = False
            self._say(_KEPT)
        if not self._greeted:
            self._greeted = True
            self._say(b"220 sink.example ESMTP\r\n")
        while not self._owes and (self._data(mood) if self._in_data else self._command(mood)):
            pass
        if mood == "cut":
            self.transport.abort()
        if self._gone or mood == "cut":
            self._sink.connections.discard(self)

    def _say(self, line: bytes) -> None:
        if self._sink.mood != "cut" and not self._gone:
            self.transport.write(line)

    def _command(self, mood: str) -> bool:
        at = self._buffer.find(b"\n")
        if at < 0:
            return False
        line = bytes(self._buffer[:at])
        del self._buffer[: at + 1]
        verb = line[:4].upper()
        if verb == b"EHLO":
            self._say(_EHLO)
        elif verb == b"DATA" and self._recipients:
            self._say(b"354 go\r\n")
            self._in_data, self._seen = True, 0
            self._buffer[:0] = b"\r\n"  # the end mark may come first
        elif verb == b"DATA":
            self._say(b"554 5.5.1 No valid recipients\r\n")
        elif verb == b"QUIT":
            self._say(b"221 2.0.0 Bye\r\n")
            self.transport.close()
        elif verb == b"RCPT" and mood == "rcpt":
            self._say(_LATER)
        else:
            path = _ANGLE.search(line)
            if verb == b"RCPT" and path:
                self._recipients.append(path[1].decode())
            else:
                self._recipients = []
            self._say(b"250 2.0.0 Ok\r\n")
        return True

    def _data(self, mood: str) -> bool:
        at = self._buffer.find(b"\r\n.\r\n", self._seen)
        if at < 0:
            self._seen = max(0, len(self._buffer) - 4)
            return False
        message = bytes(self._buffer[2:at])
        del self._buffer[: at + 5]
        recipients, self._recipients, self._in_data = self._recipients, [], False
        if mood == "dot":
            self._say(_LATER)
        else:
            self._sink.keep(recipients, message, told=mood not in ("cut", "mute") and not self._gone)
            self._owes = mood == "mute"
            if not self._owes:
                self._say(_KEPT)
        return True


async def main() -> None:
    """Serve until the input ends."""
    loop = asyncio.get_running_loop()
    with Path(sys.argv[2]).open("wb") as log:
        sink = Sink(log)
        server = await loop.create_server(lambda: Conversation(sink), "127.0.0.1", int(sys.argv[1]), backlog=1024)
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            sink.turn(line.decode().strip())
            log.flush()
        server.close()


if __name__ == "__main__":
    asyncio.run(main())
