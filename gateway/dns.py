"""DNS: what a name holds, asked of the operator's resolvers. Bounded in time, in lookups at once, and in memory.

There are three answers: records, none (a definite answer), and `Away`. Only the first two are remembered; that a
resolver did not answer says nothing about the name.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from config.files import ConfigError
from config.settings import split_nameserver

DEADLINE = 1.0
"""Seconds for one lookup, waiting for its turn included."""
_TRY = 0.4
"""Seconds that one resolver gets before it, or the next one, is asked again."""
_AT_ONCE = 100
_MOST_KEPT = 4096
_LARGEST_KEPT = 4096
_LONGEST_KEPT = 3600
_NONE_KEPT = 60
"""Seconds that the answer that there is none is remembered: a key that was just put in should be found soon."""


class Away(Exception):
    """No answer about this name in time: nothing is known."""


class Resolver:
    """Looks names up, and remembers what it was told."""

    def __init__(self, servers: Sequence[str], clock: Callable[[], float]) -> None:
        """`servers` as in the settings: `system`, or addresses; `clock` counts seconds, from whenever.

        Raises ConfigError where the system has none.
        """
        self._clock = clock
        system = tuple(servers) == ("system",)
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=system)
        except dns.exception.DNSException as error:
            raise ConfigError(f"dns.servers = ['system']: {error}; name addresses instead") from None
        if not system:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(*split_nameserver(each)) for each in servers]
        self._resolver.timeout = _TRY
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._kept: OrderedDict[str, tuple[float, tuple[bytes, ...]]] = OrderedDict()

    async def txt(self, name: str) -> tuple[bytes, ...]:
        """The TXT records of a name, the strings of each joined (RFC 7208 section 3.3); () for none. Raises Away."""
        kept = self._kept.get(name)
        if kept is not None and kept[0] > self._clock():
            self._kept.move_to_end(name)
            return kept[1]
        try:
            async with asyncio.timeout(DEADLINE), self._turns:
                seconds, found = await self._ask(name)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise Away(type(error).__name__) from None
        if sum(map(len, found)) > _LARGEST_KEPT:
            return found
        self._kept[name] = self._clock() + seconds, found
        self._kept.move_to_end(name)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return found

    async def _ask(self, name: str) -> tuple[float, tuple[bytes, ...]]:
        try:
            asked = dns.name.from_text(name).concatenate(dns.name.empty)
        except dns.exception.DNSException:
            return _NONE_KEPT, ()  # it cannot be a name, so there is nothing at it
        try:
            answer = await self._resolver.resolve(asked, dns.rdatatype.TXT, lifetime=DEADLINE, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return _NONE_KEPT, ()
        found = tuple(b"".join(record.strings) for record in answer)
        return min(_LONGEST_KEPT, answer.ttl if answer.rrset is None else answer.rrset.ttl), found
