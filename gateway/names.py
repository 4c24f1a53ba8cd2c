"""Domain names: what the DNS says about them and mail, asked ahead of the rules, with a cache and a deadline.

A message waits for its answers as long as the deadline and no longer, and only the definite word of a resolver is an
answer: time-outs, SERVFAIL and a resolver that is dead say nothing, so they change no verdict. A question goes on when
nobody waits for it any more, so the next message finds its answer; where no resolver has answered several times in a
row, no message waits until one of them does again.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.MX import MX

from config.settings import split_nameserver
from filters.model import DomainState

log = logging.getLogger("postern.names")

DEADLINE = 1.0
"""Seconds that a message waits."""
MOST_AT_ONCE = 50
"""Domains asked about for one message; a message to more has no facts about the rest, until they are in the cache."""
_LIFETIME = 5.0
"""Seconds that a question goes on, over all servers."""
_MOST_QUESTIONS = 200
"""On the way at once, over all messages."""
_MOST_KEPT = 20_000
_LEAST_TTL, _MOST_TTL = 60.0, 3600.0
_ABSENT_TTL = 300.0
"""At most, for what is a finding: who has mended the domain is not told about it for an hour."""
_FAILED_TTL = 30.0
_DEAD_AFTER = 5
"""Time-outs in a row after which nobody waits."""


@dataclass(frozen=True, slots=True)
class _Kept:
    state: DomainState | None
    """None: the DNS did not say."""
    until: float


class DomainNames:
    """Asks and remembers; one per process. Nothing in it raises for what the DNS does."""

    def __init__(
        self, resolver: dns.asyncresolver.Resolver, clock: Callable[[], float], *, deadline: float = DEADLINE
    ) -> None:
        """`clock` is monotonic, in seconds."""
        self._resolver, self._clock, self._deadline = resolver, clock, deadline
        self._kept: dict[str, _Kept] = {}
        self._asked: dict[str, asyncio.Task[None]] = {}
        self._unheard = 0
        """Questions in a row that no server answered."""

    @classmethod
    def open(cls, servers: tuple[str, ...], clock: Callable[[], float]) -> "DomainNames | None":
        """As [dns] servers says; None where it names none. Raises OSError where the system's cannot be read."""
        return cls(make_resolver(servers), clock) if servers else None

    async def states(self, domains: Iterable[str]) -> Mapping[str, DomainState]:
        """What is known about the domains, at the deadline or as soon as all is; the others are not in it."""
        wanted = list(dict.fromkeys(domains))
        now = self._clock()
        unknown = [name for name in wanted if name not in self._kept or self._kept[name].until <= now]
        waiting = [task for name in unknown[:MOST_AT_ONCE] if (task := self._ask(name)) is not None]
        if waiting and self._unheard < _DEAD_AFTER:
            await asyncio.wait(waiting, timeout=self._deadline)
        return {name: state for name in wanted if (state := self._state(name)) is not None}

    async def close(self) -> None:
        """Give up what is still asked."""
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _state(self, name: str) -> DomainState | None:
        kept = self._kept.get(name)
        return kept.state if kept is not None and kept.until > self._clock() else None

    def _ask(self, name: str) -> "asyncio.Task[None] | None":
        """The question about a domain that is on its way; None where there are too many."""
        task = self._asked.get(name)
        if task is None and len(self._asked) < _MOST_QUESTIONS:
            task = self._asked[name] = asyncio.get_running_loop().create_task(self._answer(name))
            task.add_done_callback(lambda _: self._asked.pop(name, None))
        return task

    async def _answer(self, name: str) -> None:
        try:
            async with asyncio.timeout(_LIFETIME):
                state, ttl = await self._look_up(dns.name.from_text(name))
        except (dns.exception.Timeout, TimeoutError):
            self._unheard += 1
            if self._unheard == _DEAD_AFTER:
                log.warning("dns: no answer, %s times in a row: mail waits no longer for one", _DEAD_AFTER)
            state, ttl = None, _FAILED_TTL
        except Exception as error:  # noqa: BLE001 - whatever a resolver sends, it is no answer and changes no verdict
            log.debug("dns: %s: %s", name, error)
            state, ttl = None, _FAILED_TTL
        else:
            if self._unheard >= _DEAD_AFTER:
                log.warning("dns: answers again")
            self._unheard = 0
        self._keep(name, state, ttl)

    def _keep(self, name: str, state: DomainState | None, ttl: float) -> None:
        self._kept.pop(name, None)
        if len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[name] = _Kept(state, self._clock() + ttl)

    async def _look_up(self, name: dns.name.Name) -> tuple[DomainState, float]:
        """The state and how long it holds, in seconds; raises what dnspython raises where there is no definite one."""
        ttls = []
        for kind in (dns.rdatatype.MX, dns.rdatatype.A, dns.rdatatype.AAAA):
            try:
                answer = await self._resolver.resolve(
                    name, kind, raise_on_no_answer=False, lifetime=_LIFETIME, search=False
                )
            except dns.resolver.NXDOMAIN as absent:
                return DomainState.ABSENT, _bounded([_ttl(absent.kwargs["responses"][name])], _ABSENT_TTL)
            ttls.append(_ttl(answer.response))
            if answer.rrset is None:
                continue
            exchanges = [each.exchange for each in answer.rrset if isinstance(each, MX)]
            if exchanges == [dns.name.root]:
                return DomainState.NULL_MX, _bounded(ttls, _ABSENT_TTL)
            return DomainState.TAKES_MAIL, _bounded(ttls, _MOST_TTL)
        return DomainState.DEAF, _bounded(ttls, _ABSENT_TTL)


def make_resolver(servers: tuple[str, ...]) -> dns.asyncresolver.Resolver:
    """A resolver for `("system",)` or for addresses; raises OSError where the system's cannot be read."""
    if servers == ("system",):
        try:
            return dns.asyncresolver.Resolver()
        except dns.resolver.NoResolverConfiguration as error:
            raise OSError(f"dns.servers: 'system': {error}") from None
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [dns.nameserver.Do53Nameserver(*split_nameserver(each)) for each in servers]
    return resolver


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
