"""DNS: the one door to it. What a name holds, asked of the operator's resolvers; all of it bounded.

Only a resolver's definite word is an answer: time-outs, SERVFAIL, and what is no answer to the question are `Away`. A
question goes on when nobody waits for it any more, so that who asks later finds its answer.
"""

import asyncio
import logging
import struct
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from config.files import ConfigError
from config.settings import split_nameserver
from filters.model import DomainState

log = logging.getLogger("postern.dns")

Clock = Callable[[], float]
"""Seconds, monotonic, from whenever."""
_LIFETIME = 3.0
"""Seconds that a question goes on."""
_TRY = 0.5
"""Seconds that one resolver gets before the next one, or it again, is asked."""
_MOST_ASKED = 300
"""Questions under way, of each kind."""
_LARGEST, _MOST_RECORDS = 4096, 64
"""Octets and records of an answer over TCP: who owns a name says how many, and one record may cost milliseconds."""
_MOST_KEPT = 10_000
"""Answers, of each kind."""
_LEAST_TTL, _MOST_TTL = 60.0, 3600.0
_FINDING_TTL = 300.0
"""At most, for what may be held against a domain: who has mended it is not told about it for an hour."""
_FAILED_TTL = 30.0
_DEAD_AFTER = 5
"""Time-outs in a row after which it is not worth waiting."""

T = TypeVar("T")


class Away(Exception):
    """Nothing is known about this name now; the text says why."""


class Lookups(Generic[T]):
    """One kind of question: asked once for all who wait, its answers remembered."""

    def __init__(self, look_up: Callable[[str], Awaitable[tuple[T, float]]], clock: Clock, failed: float) -> None:
        """`look_up` answers with the seconds that it holds, or raises; `failed` is how long a failure is remembered."""
        self._look_up, self._clock, self._failed = look_up, clock, failed
        self._kept: OrderedDict[str, tuple[float, T | Away]] = OrderedDict()
        self._asked: dict[str, asyncio.Task[T | Away]] = {}
        self._unheard = 0

    def dead(self) -> bool:
        """Whether no resolver has answered several times in a row."""
        return self._unheard >= _DEAD_AFTER

    def known(self, name: str) -> T | Away | None:
        """What is remembered; None where the name is to be asked about."""
        until, answer = self._kept.get(name, (0.0, None))
        return answer if until > self._clock() else None

    def ask(self, name: str) -> "asyncio.Task[T | Away] | None":
        """The question about a name, under way; None where there are too many."""
        task = self._asked.get(name)
        if task is None and len(self._asked) < _MOST_ASKED:
            task = self._asked[name] = asyncio.get_running_loop().create_task(self._answer(name))
            task.add_done_callback(lambda _: self._asked.pop(name, None))
        return task

    async def get(self, name: str, seconds: float) -> T:
        """The answer, waited for so long; raises Away."""
        answer = self.known(name)
        if answer is None:
            task = self.ask(name)
            if task is None:
                raise Away("too many questions are under way")
            done, _ = await asyncio.wait([task], timeout=seconds)
            answer = task.result() if done else Away(f"no answer within {seconds:g} s")
        if isinstance(answer, Away):
            raise Away(str(answer))
        return answer

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, name: str) -> T | Away:
        answer: T | Away
        try:
            async with asyncio.timeout(_LIFETIME):
                answer, seconds = await self._look_up(name)
        except Exception as error:  # noqa: BLE001 - whatever a resolver sends, it is no answer and changes no verdict
            log.debug("%s: %s: %s", name, type(error).__name__, error)
            answer, seconds = Away(" ".join(str(error).split())[:200] or type(error).__name__), self._failed
            if isinstance(error, dns.exception.Timeout | TimeoutError):
                self._unheard += 1
                if self._unheard == _DEAD_AFTER:
                    log.warning("no resolver has answered, %s times in a row", _DEAD_AFTER)
        else:
            if self.dead():
                log.warning("resolvers answer again")
            self._unheard = 0
        self._kept.pop(name, None)
        if seconds:
            self._kept[name] = self._clock() + seconds, answer
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return answer


class Resolver:
    """Asks the resolvers of the settings, in their order; one per process."""

    def __init__(self, servers: Sequence[str], clock: Clock) -> None:
        """`servers` as in the settings: `system`, or addresses. Raises ConfigError where the system has none."""
        system = tuple(servers) == ("system",)
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=system)
        except (dns.exception.DNSException, ValueError) as error:
            raise ConfigError(f"dns.servers = ['system']: {error}; name addresses instead") from None
        named = [str(each) for each in self._resolver.nameservers] if system else servers
        turn = asyncio.Semaphore(1)
        self._resolver.nameservers = [_Server(*split_nameserver(each), turn) for each in named]
        self._resolver.timeout = _TRY
        self._resolver.use_edns(False)  # over UDP answers are small, then: they are read at once
        self.texts = Lookups(self._texts, clock, 0)
        """The TXT records of a name, the strings of each joined (RFC 7208 section 3.3); () for none."""
        self.mail = Lookups(self._mail, clock, _FAILED_TTL)
        """Whether a domain takes mail."""

    async def close(self) -> None:
        """Give up what is under way."""
        await self.texts.close()
        await self.mail.close()

    async def _texts(self, name: str) -> tuple[tuple[bytes, ...], float]:
        try:
            asked = dns.name.from_text(name)
        except dns.exception.DNSException:
            return (), _LEAST_TTL  # it cannot be a name, so there is nothing at it
        try:
            answer = await self._resolve(asked, dns.rdatatype.TXT)
        except dns.resolver.NXDOMAIN:
            return (), _LEAST_TTL  # a key that was just put in should be found soon
        found = tuple(b"".join(record.strings) for record in answer.rrset or ())
        return found, _bounded([_ttl(answer.response)], _MOST_TTL if found else _LEAST_TTL)

    async def _mail(self, domain: str) -> tuple[DomainState, float]:
        name, ttls = dns.name.from_text(domain), []
        for kind in (dns.rdatatype.MX, dns.rdatatype.A, dns.rdatatype.AAAA):
            try:
                answer = await self._resolve(name, kind)
            except dns.resolver.NXDOMAIN as absent:
                return DomainState.ABSENT, _bounded([_ttl(absent.kwargs["responses"][name])], _FINDING_TTL)
            ttls.append(_ttl(answer.response))
            if answer.rrset is None:
                continue
            if [getattr(each, "exchange", None) for each in answer.rrset] == [dns.name.root]:
                return DomainState.NULL_MX, _bounded(ttls, _FINDING_TTL)
            return DomainState.TAKES_MAIL, _bounded(ttls, _MOST_TTL)
        return DomainState.DEAF, _bounded(ttls, _FINDING_TTL)

    async def _resolve(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.resolver.Answer:
        """Raises NXDOMAIN, and whatever dnspython raises where there is no definite answer."""
        return await self._resolver.resolve(name, kind, raise_on_no_answer=False, lifetime=_LIFETIME, search=False)


def texts(name: str, servers: Sequence[str]) -> list[bytes]:
    """The TXT records of a name as a command asks for them: each joined, without white space around it.

    `servers` are resolvers as in the settings; without any the system's are asked, for who gives a command wants it
    answered. Raises Away, and ConfigError where there are none. It blocks: no event loop may run in this thread.
    """
    try:
        return [text.strip() for text in asyncio.run(_texts_once(name, servers or ("system",)))]
    except Away as away:
        raise Away(f"the DNS did not answer for {name}: {away}") from None


async def _texts_once(name: str, servers: Sequence[str]) -> tuple[bytes, ...]:
    return await Resolver(servers, time.monotonic).texts.get(name, 2 * _LIFETIME)


class _Server(dns.nameserver.Do53Nameserver):
    """A resolver whose answers over TCP are bounded, and read in a thread, one at a time: others need threads too."""

    def __init__(self, address: str, port: int, turn: asyncio.Semaphore) -> None:
        super().__init__(address, port)
        self._turn = turn

    async def async_query(  # type: ignore[override]
        self, request: dns.message.QueryMessage, *, timeout: float, max_size: bool, **how: Any
    ) -> dns.message.Message:
        """Ask it: over TCP where `max_size`, as after a truncated answer."""
        if not max_size:
            return await super().async_query(request, timeout=timeout, max_size=False, **how)
        try:
            async with asyncio.timeout(timeout):
                response = await self._over_tcp(request)
        except TimeoutError:
            raise dns.exception.Timeout from None  # it is asked again; after an OSError it would not be
        if not request.is_response(response):
            raise OSError("an answer to another question")
        return response

    async def _over_tcp(self, request: dns.message.QueryMessage) -> dns.message.Message:
        reader, writer = await asyncio.open_connection(self.address, self.port)
        try:
            wire = request.to_wire()
            writer.write(struct.pack("!H", len(wire)) + wire)
            (size,) = struct.unpack("!H", await reader.readexactly(2))
            if size > _LARGEST:
                raise OSError(f"an answer of {size} octets, above {_LARGEST}")
            wire = await reader.readexactly(size)
        finally:
            writer.close()
        if sum(struct.unpack_from("!6xHHH", wire)) > _MOST_RECORDS:
            raise OSError(f"an answer of more than {_MOST_RECORDS} records")
        async with self._turn:
            return await asyncio.to_thread(dns.message.from_wire, wire)


def _ttl(response: dns.message.Message) -> float:
    """How long an answer holds, a negative one by its SOA (RFC 2308); 0 where it does not say."""
    try:
        assert isinstance(response, dns.message.QueryMessage)
        return float(response.resolve_chaining().minimum_ttl)
    except dns.exception.DNSException:
        return 0.0


def _bounded(ttls: list[float], most: float) -> float:
    # Where no SOA came with a negative answer, dnspython says the largest number there is.
    return max(_LEAST_TTL, min(most, *ttls))
