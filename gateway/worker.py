"""Worker: one of several processes that serve SMTP on the same addresses, told what to do by a supervisor.

It ends by itself when the supervisor is gone: whoever starts the gateway anew finds addresses and audit chains free.
"""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from config.files import ConfigError
from consent.database import RegistryError
from consent.keys import SecretsError
from gateway.app import Gateway
from gateway.audit.errors import JournalError
from gateway.channel import Answer, ChannelError, Question, Report, Task, receive, send
from gateway.reload import Change, prepare

log = logging.getLogger("postern.worker")

ORPHAN_SECONDS = 3.0
"""How long open transactions get when the supervisor is gone."""
EXPECTED = (ConfigError, RegistryError, SecretsError, JournalError, OSError)
"""What an operator can put wrong: told in one line."""


class Worker:
    """Answers the supervisor's questions; `run` returns when the worker has ended."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
                 clock: Callable[[], datetime]) -> None:  # fmt: skip
        self._name, self._reader, self._writer, self._clock = name, reader, writer, clock
        self._gateway: Gateway | None = None
        self._prepared: Change | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Answer until told to stop, or until nobody asks any more; then drain."""
        listening = asyncio.create_task(self._listen())
        await self._stopping.wait()
        if self._gateway is not None:
            await self._gateway.stop()
        listening.cancel()
        self._writer.close()

    def stop(self) -> None:
        """Drain and end; a second call ends it at once."""
        if self._stopping.is_set():
            self._hurry()
        self._stopping.set()

    def _hurry(self) -> None:
        if self._gateway is not None:
            self._gateway.hurry()

    async def _listen(self) -> None:
        try:
            while (question := await receive(self._reader, Question)) is not None:
                await send(self._writer, await self._answer(question))
        except (ChannelError, ConnectionError) as error:
            log.error("%s: %s", self._name, error)
        if not self._stopping.is_set() and self._gateway is not None:
            log.error("%s: the supervisor is gone: ending", self._name)
        asyncio.get_running_loop().call_later(ORPHAN_SECONDS, self._hurry)
        self._stopping.set()

    async def _answer(self, question: Question) -> Answer:
        try:
            return Answer(question.id, body=await self._do(question.verb, question.body))
        except EXPECTED as error:
            return Answer(question.id, error=str(error) or type(error).__name__)
        except Exception as error:
            log.exception("%s: %s failed", self._name, question.verb)
            return Answer(question.id, error=f"{type(error).__name__}: {error}")

    async def _do(self, verb: str, body: bytes) -> bytes:
        if verb == "begin":
            return await self._begin(Task.unpacked(body))
        if verb == "stop":
            self._stopping.set()
            return b""
        gateway = self._gateway
        if gateway is None:
            raise ConfigError(f"{self._name} has not begun")
        if verb == "report":
            trouble = gateway.trouble()
            return msgspec.msgpack.encode(Report(trouble, gateway.metrics.families()))
        if verb == "refresh":
            await gateway.changes.refresh()
        elif verb == "prepare":
            task = Task.unpacked(body)
            self._prepared = await prepare(gateway, task.settings, task.policy)
        elif verb == "commit":
            if self._prepared is None:
                raise ConfigError(f"{self._name} has prepared nothing")
            await self._prepared.commit()
            self._prepared = None
        elif verb == "abandon":
            if self._prepared is not None:
                await self._prepared.abandon()
            self._prepared = None
        else:
            raise ConfigError(f"{self._name} does not know {verb!r}")
        return b""

    async def _begin(self, task: Task) -> bytes:
        from gateway.cli.serve import settled

        gateway = Gateway(task.settings, task.policy, self._clock, process=self._name)
        await gateway.start()
        settled()
        self._gateway = gateway
        return b""


def main() -> None:
    """The process: its name, the number of its end of the channel, and the level of its log are its arguments."""
    work(sys.argv[1], socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3]))


def work(name: str, channel: socket.socket, level: int) -> None:
    """Be a worker until told to end, in a process of its own; `channel` is its end of it."""
    # The terminal's signals go to the supervisor too, and it tells us; SIGTERM is for this worker alone.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    from gateway.cli.serve import run, set_up_log

    set_up_log(level, name)
    run(_main(name, channel))


async def _main(name: str, channel: socket.socket) -> None:
    channel.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=channel)
    worker = Worker(name, reader, writer, lambda: datetime.now(UTC))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    await worker.run()
