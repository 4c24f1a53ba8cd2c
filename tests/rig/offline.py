"""A whole edge without sockets, files or waiting: sessions in memory, in a loop whose time moves only when told to.

A real `Gateway` is built and started once; then its sessions are made by its own listeners' factories and fed by hand,
its journal is one that encodes and forgets, its next hop one that keeps what it is sent. So thousands of sessions pass
in a second, for property tests and for the fuzz.
"""

import asyncio
import logging
import selectors
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Self

from config.policy import Policy
from consent.address import Address
from filters.model import Reply
from gateway.app import Gateway
from gateway.audit.encoding import encoded, sealed_members
from gateway.audit.record import Sealed, stamp
from gateway.nexthop import Delivery
from gateway.nexthop.dial import Offer
from gateway.nexthop.wire import mail_line, rcpt_line
from gateway.smtp import auth, backoff
from tests.rig.gateway import HASH, Clock, ReplyLinter, prepared, settings_for
from tests.rig.smtpd import Smtpd

CUSTOMER = "127.0.0.2"
"""The peer address that is a customer's (tests.rig.gateway.CUSTOMERS)."""


class _Selector(selectors.DefaultSelector):
    """Once `loop` is set it waits for nothing: it moves that loop's time forward, or lets it end."""

    loop: "Loop | None" = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready."""
        if self.loop is None:
            return super().select(timeout)
        if timeout != 0:
            self.loop.idle(timeout)
        return []


class Loop(asyncio.SelectorEventLoop):
    """An event loop that begins as any other; after `detach` nothing comes from outside any more, and work for
    threads is done at once."""

    def __init__(self) -> None:
        self._waits = _Selector()
        super().__init__(self._waits)
        self._shift, self._until = 0.0, 0.0
        self._base: float | None = None
        self.factories: list[Callable[[], Any]] = []
        """Of what listens, in order."""

    def detach(self) -> None:
        """From now on time stands still."""
        self._base = super().time()
        self._waits.loop = self

    def attach(self) -> None:
        """As any other again; the time that was passed over has passed."""
        self._base, self._waits.loop = None, None

    def time(self) -> float:
        """Seconds."""
        return (super().time() if self._base is None else self._base) + self._shift

    def settle(self, seconds: float = 0) -> None:
        """Run until nothing is left to do for so long."""
        self._until = self._shift + seconds
        self.run_forever()

    def idle(self, timeout: float | None) -> None:
        """Nothing is ready for `timeout` seconds."""
        if timeout is None or self._shift + timeout > self._until:
            self._shift = self._until
            self.stop()
        else:
            # A little more, lest rounding makes it wait once again.
            self._shift += timeout + 1e-9

    def run_in_executor(self, executor: Executor | None, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """At once, when detached."""
        if self._base is None:
            return super().run_in_executor(executor, func, *args)
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - handed on
            done.set_exception(error)
        return done

    async def create_server(self, protocol_factory: Any, *args: Any, **kwargs: Any) -> Any:
        """Also keeps the factory."""
        self.factories.append(protocol_factory)
        return await super().create_server(protocol_factory, *args, **kwargs)

    async def start_tls(self, transport: Any, protocol: Any, sslcontext: Any, **kwargs: Any) -> Any:
        """A handshake that is done."""
        transport.tls = _Tls()
        return transport


class _Tls:
    """What there is to know of a TLS connection."""

    def version(self) -> str:
        return "TLSv1.3"

    def cipher(self) -> tuple[str, str, int]:
        return "TLS_AES_256_GCM_SHA384", "TLSv1.3", 256

    def getpeercert(self, binary_form: bool = False) -> None:
        return None


class Plug(asyncio.Transport):
    """One connection, seen from the gateway."""

    def __init__(self, loop: Loop, peer: str) -> None:
        super().__init__()
        self._loop, self._peer = loop, peer
        self._protocol: Any = None
        self.out = bytearray()
        self.closing = False
        self.tls: _Tls | None = None

    def connect(self, protocol: Any) -> None:
        """Let a protocol have it."""
        self._protocol = protocol
        protocol.connection_made(self)

    def feed(self, data: bytes) -> None:
        """The client sends."""
        if not self.closing:
            self._protocol.data_received(data)

    def end(self) -> None:
        """The client closes its side."""
        if not self.closing and not self._protocol.eof_received():
            self.close()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """peername and ssl_object."""
        return {"peername": (self._peer, 40000), "sockname": ("127.0.0.1", 25), "ssl_object": self.tls}.get(
            name, default
        )

    def write(self, data: Any) -> None:
        """Keep it."""
        if not self.closing:
            self.out += data

    def close(self) -> None:
        """Once is enough."""
        if not self.closing:
            self.closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """The same."""
        self.close()

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self.closing

    def get_protocol(self) -> Any:
        """Who has it."""
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        """Somebody else has it."""
        self._protocol = protocol

    def pause_reading(self) -> None:
        """What is fed was sent."""

    def resume_reading(self) -> None:
        """What is fed was sent."""

    def get_write_buffer_size(self) -> int:
        """All is read at once."""
        return 0


class Hop:
    """A next hop that keeps what it is sent, as (recipients, wire data without the final dot). Recipients named
    no…, later…, odd… and lost… are refused, put off, refused at the dot, and never answered for."""

    name, healthy, trouble, authenticates = "default", True, "", True

    def __init__(self) -> None:
        self.offer = Offer(frozenset(("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE", "DSN", "CHUNKING")), 10_485_760)
        self.sent: list[tuple[tuple[str, ...], bytes]] = []

    def transaction(self, customer: str, reverse_path: str, parameters: Sequence[str] = (), **more: Any) -> "_Onward":
        """Checks the line as the real one does."""
        mail_line(reverse_path, parameters)
        return _Onward(self)


class _Onward:
    """One message."""

    def __init__(self, hop: Hop) -> None:
        self._hop = hop
        self.dot_sent = False
        self.accepted: list[str] = []

    async def rcpt(self, address: str, parameters: Sequence[str] = (), **more: Any) -> Reply:
        rcpt_line(address, parameters)
        if address.startswith("no"):
            return Reply(550, "5.1.1", "No such mailbox")
        if address.startswith("later"):
            return Reply(450, "4.2.1", "Later")
        self.accepted.append(address)
        return Reply(250, "2.1.5", "Ok")

    async def send_before(self, deadline: float, head: bytes, body: Iterable[bytes], **more: Any) -> Delivery:
        content = b"".join([head, *body])
        self.dot_sent = True
        self._hop.sent.append((tuple(self.accepted), content))
        await asyncio.sleep(0)
        if any(address.startswith("odd") for address in self.accepted):
            return Delivery("refused", Reply(550, "5.7.1", "Odd"), "550 5.7.1 Odd", "hop", True)
        if any(address.startswith("lost") for address in self.accepted):
            return Delivery("unknown", Reply(451, "4.4.2", "Lost"), "", "hop", True)
        return Delivery("accepted", Reply(250, "2.0.0", "Ok"), "250 2.0.0 Ok", "hop", True)

    async def abandon(self) -> None:
        pass


class _Journal:
    """Encodes each record as the real one does, and keeps the last ones only."""

    full = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def append(self, record: Any) -> int:
        self.note(record)
        return 1

    def note(self, record: Any) -> None:
        sealed = sealed_members(record.addresses, _seal)
        encoded(record, stamp(self._clock()), "gateway", sealed)


def _seal(addresses: Sequence[Address]) -> list[Sealed]:
    return [Sealed(f"1:{len(address.canonical)}", address.text.encode("utf-8").hex()) for address in addresses]


class _Ears(logging.Handler):
    """Hears what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []
        self._form = logging.Formatter("%(name)s: %(message)s")

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self._form.format(record))


class _Unwritten:
    """Repeats are not stored."""

    def put(self, *args: object) -> None:
        pass

    def delete(self, *args: object) -> None:
        pass


class Offline:
    """The edge; `session` begins a session. Used within its `with` block, one at a time in a process."""

    def __init__(self, folder: Path, *, listeners: Sequence[dict[str, Any]] = (), policy: Policy | None = None) -> None:
        self._folder, self._policy = folder, policy or Policy()
        self._listeners = list(listeners) or [{"address": "127.0.0.1:0", "auth_without_tls": True}]
        self.loop, self.clock = Loop(), Clock()
        self.hop, self.linter, self._ears = Hop(), ReplyLinter(), _Ears()

    def __enter__(self) -> Self:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._start())
        self.loop.detach()
        self._decoy, auth.DECOY = auth.DECOY, HASH
        self._first, backoff._FIRST = backoff._FIRST, 0.0  # every reply comes at once
        logging.getLogger().addHandler(self._ears)
        return self

    def __exit__(self, *error: object) -> None:
        logging.getLogger().removeHandler(self._ears)
        auth.DECOY = self._decoy
        backoff._FIRST = self._first
        self.loop.attach()
        self.loop.run_until_complete(self.gateway.stop())
        self.loop.close()
        asyncio.set_event_loop(None)

    async def _start(self) -> None:
        async with Smtpd() as real:
            prepared(self._folder)
            settings = settings_for(self._folder, real.address, smtp={"listeners": self._listeners})
            self.gateway = gateway = Gateway(settings, self._policy, self.clock)
            await gateway.start()
        self.factories = self.loop.factories[-len(self._listeners) :]
        # What looks after the outside world would find none.
        for task in (*gateway._tasks, *(hop._keeper for hop in gateway.hops.values())):
            assert task is not None
            task.cancel()
        pipeline: Any = gateway.edge.pipeline
        pipeline.hops = {"default": self.hop}
        pipeline.journal = _Journal(self.clock)
        pipeline.repeats._store = _Unwritten()
        gateway.edge.on_reply = self.linter

    def session(self, *, peer: str = CUSTOMER, listener: int = 0) -> "Offstage":
        """A new connection, greeted."""
        return Offstage(self, peer, listener)

    def faults(self) -> list[str]:
        """What went wrong since the last look: errors logged, replies that break a rule."""
        found = [*self._ears.heard, *(f"reply: {line!r}" for line in self.linter.faults)]
        self._ears.heard.clear()
        self.linter.faults.clear()
        self.linter.seen.clear()
        return found


class Offstage:
    """One session, from the client's side."""

    def __init__(self, offline: Offline, peer: str, listener: int) -> None:
        self._loop = offline.loop
        self.plug = Plug(offline.loop, peer)
        self._loop.call_soon(lambda: self.plug.connect(offline.factories[listener]()))
        self.greeting = self._heard()

    def feed(self, data: bytes) -> list[str]:
        """Send; the replies to it."""
        self._loop.call_soon(self.plug.feed, data)
        return self._heard()

    def wait(self, seconds: float) -> list[str]:
        """Say nothing; what is heard meanwhile."""
        return self._heard(seconds)

    def end(self) -> list[str]:
        """Close the client's side; the last replies. The session is over then, or hangs."""
        self._loop.call_soon(self.plug.end)
        last = self._heard()
        if not self.plug.closing:
            last += self._heard(5)
        assert self.plug.closing, "the session does not end"
        return last

    def drop(self) -> None:
        """The connection is lost, if it is not closed."""
        self._loop.call_soon(self.plug.abort)
        self._loop.settle()

    def _heard(self, seconds: float = 0) -> list[str]:
        """Replies since the last time, those of several lines as one text with LF between."""
        self._loop.settle(seconds)
        lines = self.plug.out.decode("ascii").split("\r\n")
        assert lines.pop() == "", "whole lines"
        self.plug.out.clear()
        replies: list[str] = []
        more = False
        for line in lines:
            if more:
                replies[-1] += "\n" + line
            else:
                replies.append(line)
            more = line[3:4] == "-"
        assert not more
        return replies
