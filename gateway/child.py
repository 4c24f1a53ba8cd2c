"""Child: one worker process as its supervisor has it: started or taken over, asked, ended."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys

from gateway.channel import Answer, ChannelError, Question, receive, send
from gateway.forked import Forked
from gateway.systemd import KEPT_BACK


class ChildFailed(Exception):
    """The worker did not do what it was asked; the text says why."""


class ChildGone(ChildFailed):
    """It has ended, or does not answer."""


class Child:
    """A process of `gateway.worker`: nothing that is open here is open there."""

    def __init__(self, name: str, process: asyncio.subprocess.Process | Forked, reader: asyncio.StreamReader,
                 writer: asyncio.StreamWriter) -> None:  # fmt: skip
        self.name = name
        self._process, self._reader, self._writer = process, reader, writer
        self._asked: dict[int, asyncio.Future[Answer]] = {}
        self._number = 0
        self._listener = asyncio.get_running_loop().create_task(self._listen(), name=f"{name} answers")

    @classmethod
    async def spawn(cls, name: str) -> "Child":
        """Start an interpreter of its own; it imports what it needs and waits to be told to begin. Raises OSError."""
        ours, theirs = socket.socketpair()
        environment = {key: value for key, value in os.environ.items() if key not in KEPT_BACK}
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-c", "from gateway.worker import main; main()",
                name, str(theirs.fileno()), str(logging.getLogger().getEffectiveLevel()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=environment,
            )  # fmt: skip
        return await cls._of(name, process, ours)

    @classmethod
    async def adopt(cls, forked: Forked) -> "Child":
        """Take over one that waits."""
        return await cls._of(forked.name, forked, forked.channel)

    @classmethod
    async def _of(cls, name: str, process: asyncio.subprocess.Process | Forked, channel: socket.socket) -> "Child":
        channel.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=channel)
        return cls(name, process, reader, writer)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def ask(self, verb: str, body: bytes = b"", *, seconds: float) -> bytes:
        """What it answers, within so many seconds; raises ChildFailed."""
        loop = asyncio.get_running_loop()
        if self._listener.done():
            raise ChildGone(f"{self.name}: it has ended")
        self._number += 1
        number, answered = self._number, loop.create_future()
        self._asked[number] = answered
        try:
            async with asyncio.timeout(seconds):
                await send(self._writer, Question(number, verb, body))
                answer: Answer = await answered
        except (TimeoutError, ConnectionError) as error:
            what = f"no answer to {verb} within {seconds:g} s" if isinstance(error, TimeoutError) else "it has ended"
            raise ChildGone(f"{self.name}: {what}") from None
        finally:
            self._asked.pop(number, None)
        if answer.error:
            raise ChildFailed(answer.error)
        return answer.body

    async def _listen(self) -> None:
        with contextlib.suppress(ChannelError):
            while (answer := await receive(self._reader, Answer)) is not None:
                waiting = self._asked.get(answer.id)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError())

    async def ended(self) -> str:
        """Wait for its end; how it ended, in words."""
        status = await self._process.wait()
        # Its last answer, such as why it could not begin, may still be on its way to us.
        await asyncio.wait((self._listener,))
        self._writer.close()
        if status >= 0:
            return f"status {status}"
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-status).name}"
        return f"signal {-status}"

    async def end(self, seconds: float) -> None:
        """Wait so long for its end, then kill it; return when it has ended."""
        try:
            await asyncio.wait_for(self.ended(), seconds)
        except TimeoutError:
            self.kill()
            await self.ended()

    def terminate(self) -> None:
        """SIGTERM: it drains; a second one, or one after it was told to stop, ends it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """SIGKILL."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
