"""Channel: what a supervisor and one of its workers say to each other, over a socket that only the two of them have.

The supervisor asks, the worker answers; each message is a length and msgpack. Settings and policy travel as a pickle,
and that way only: a worker talks with strangers, and nothing of what it says is unpickled.
"""

import asyncio
import pickle
import struct
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from config.policy import Policy
from config.settings import Settings
from gateway.summing import Family

MOST = 16 * 1024 * 1024
"""Octets of a message: more than the metrics of any process."""
_LENGTH = struct.Struct(">I")

Message = TypeVar("Message")


class Question(msgspec.Struct, frozen=True):
    """What the supervisor asks."""

    id: int
    verb: str
    """`begin`, `report`, `refresh`, `prepare`, `commit`, `abandon` or `stop`."""
    body: bytes = b""


class Answer(msgspec.Struct, frozen=True):
    """What the worker answers."""

    id: int
    error: str = ""
    """Why not; empty: it is done."""
    body: bytes = b""


class Report(msgspec.Struct, frozen=True):
    """How a worker is."""

    trouble: list[str]
    """Why mail does not flow through it, one line per reason."""
    metrics: list[Family]


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is to be."""

    settings: Settings
    policy: Policy

    def packed(self) -> bytes:
        """As octets."""
        return pickle.dumps((self.settings, self.policy))

    @classmethod
    def unpacked(cls, octets: bytes) -> "Task":
        """From the octets that a supervisor sent."""
        return cls(*pickle.loads(octets))  # noqa: S301 - of our own parent, see above


class ChannelError(Exception):
    """The other side sends what is no message."""


async def send(writer: asyncio.StreamWriter, message: Question | Answer) -> None:
    """Send one message; raises ConnectionError when nobody is there any more."""
    octets = msgspec.msgpack.encode(message)
    writer.write(_LENGTH.pack(len(octets)) + octets)
    await writer.drain()


async def receive(reader: asyncio.StreamReader, kind: type[Message]) -> Message | None:
    """The next message; None when the other side is gone. Raises ChannelError."""
    try:
        (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if size > MOST:
            raise ChannelError(f"a message of {size} octets")
        return msgspec.msgpack.decode(await reader.readexactly(size), type=kind)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except msgspec.DecodeError as error:
        raise ChannelError(str(error)) from None
