"""The ledger: what the processes of a gateway count together, whatever node they run on.

A counter has a key and one kind; an operation on it is a value below and answers one number. There are two forms with
one contract (tests/test_contracts_ledger.py): `memory` for one process, `redis` for several. Whoever counts says what
is too much.

*Places* are held by sessions and given back, and those of a process that died return by themselves; a
*meter* rises by what is added and drains with time; a *mark* is there until it expires. *Windows* have caps, and are
charged: see `charges`. What a credential sends is watched: see `activity`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Protocol

from gateway.ledger.charges import Charge, Reservation, Shortfall, Use

if TYPE_CHECKING:
    from gateway.ledger.activity import Answer, Watch

VERSION = "1"
"""Of the keys and of what they hold: processes of two versions that differ in this count apart."""


@dataclass(frozen=True, slots=True)
class Take:
    """Hold one more place. Answers how many all processes hold now, this one included."""

    key: str


@dataclass(frozen=True, slots=True)
class Give:
    """Give one place back. Answers as Take does."""

    key: str


@dataclass(frozen=True, slots=True)
class Add:
    """Raise a meter, or read it by adding 0. Answers its level after that."""

    key: str
    amount: float
    drain: float
    """Seconds in which it falls by one. A meter is always used with the same `drain` and `most`."""
    most: float
    """It rises no further."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Set a mark, for so long. Answers 1."""

    key: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Marked:
    """Answers 1 while the mark is there, else 0."""

    key: str


Operation = Take | Give | Add | Mark | Marked


class Ledger(Protocol):
    """What both forms do. No call raises and none takes longer than the form's stated time."""

    async def ask(self, *operations: Operation) -> list[float]:
        """Do them in order and wait for their answers."""
        ...

    def tell(self, *operations: Operation) -> None:
        """Do them soon, in order with what is asked later; nobody waits."""
        ...

    async def reserve(self, *charges: Charge) -> Reservation | Shortfall:
        """Hold room for all of them, or for none."""
        ...

    def settle(self, reservation: Reservation, kept: Sequence[int] | None = None) -> None:
        """Count now what passed, `kept` of each charge (None: all), and give back the rest; nobody waits.

        Raises ValueError where more passed than was reserved. Does nothing for a reservation that has ended.
        """
        ...

    def release(self, reservation: Reservation) -> None:
        """Give it all back; nobody waits. Does nothing for a reservation that has ended."""
        ...

    async def usage(self, *charges: Charge) -> list[list[Use]]:
        """How the windows of each charge stand, in the order of its caps; amounts do not matter."""
        ...

    def watch(self, watch: "Watch") -> "asyncio.Future[Answer | None]":
        """An operation on the activity of a credential; who wants no answer need not wait. None: it is not known
        whether it was done, and what this process saw alone is no answer."""
        ...

    @property
    def healthy(self) -> bool:
        """Whether all processes count together now."""
        ...

    async def open(self) -> None:
        """Begin; a form whose server is away begins without it."""
        ...

    async def close(self) -> None:
        """Give back what is held, and end."""
        ...


def key(counter: str, kind: str, name: str, *more: str) -> str:
    """The key of a counter about something (an `address`, a `customer`, ...), such as
    `postern:1:{8:customer:4:acme}:11:connections`.

    It is versioned, and no two counters have one key, whatever stands in them. In braces stands the hash tag: on a
    cluster, counters about the same thing are on one server.
    """
    return f"postern:{VERSION}:{{{_joined((kind, name))}}}:{_joined((counter, *more))}"


def tag_of(counter: str) -> str:
    """A key up to the end of its hash tag: counters that have it in common are on one server of a cluster."""
    return counter[: counter.index("}:")]


def kind_of(counter: str) -> str:
    """What the counter of a key is, whatever it is about: the key without names, such as `customer connections`."""
    rest, parts = counter[len(f"postern:{VERSION}:{{") :], []
    for end in (":", "}:", ""):
        length, _, rest = rest.partition(":")
        parts.append(rest[: int(length)])
        rest = rest[int(length) :].removeprefix(end)
    about, _, counted = parts
    return f"{about} {counted}" + ("=" if "=" in rest else "")


def _joined(parts: tuple[str, ...]) -> str:
    return ":".join(f"{len(part)}:{part}" for part in parts)


@lru_cache(maxsize=10_000)
def address_group(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 address, which one client has for itself.

    An IPv4 address mapped into IPv6 is the IPv4 address; what is no address stands for itself.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or IPv6Network((parsed, 64), strict=False))
