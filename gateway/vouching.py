"""Vouching: verifies the signatures that stand in a message, where a rule asks for it.

Keys are fetched all at once; body and header are hashed in threads of their own, few of them, so that other sessions
go on. A message without a DKIM-Signature costs nothing here.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import structs

from filters import forwarding, signatures
from filters.engine import Bound
from filters.message import Message
from filters.model import Facts, Verification, Verified
from filters.signatures import BodyHashes, Signature
from gateway.dns import Away, Resolver

log = logging.getLogger("postern.vouching")

THREADS = 2
KEY_SECONDS = 1.0
"""That a message waits for its keys, which are asked for all at once."""
MOST_DOMAINS = 20
"""Foreign domains of one message that signatures are asked about; no more is vouched for."""
SECONDS = 10.0
"""For hashing one message, waiting for a thread included. A body of 64 MiB takes about one."""

_Chosen = Sequence[tuple[Signature, frozenset[str]]]
_Keys = Sequence[tuple[bytes, ...] | str]
"""For each signature the records at its key's name, or why there is no answer."""


class Vouching:
    """Verifies signatures with a resolver's keys; without a resolver every key is away."""

    def __init__(self, resolver: Resolver | None) -> None:
        self._resolver = resolver
        self._threads = ThreadPoolExecutor(THREADS, "vouching")
        if resolver is not None:
            signatures.aligned("a.example", "b.example")  # the list of suffixes is read now, not while mail waits

    def close(self) -> None:
        """Verify nothing any more; what is under way ends unheard."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def complete(self, facts: Facts, message: Message, rules: Sequence[Bound]) -> Facts:
        """The facts with what is known of the message's signatures, where one of the rules asks for that."""
        if not message.all("dkim-signature"):
            return facts
        domains: tuple[str, ...] = ()
        if facts.credential.forwarding:
            domains = forwarding.foreign_domains(message, facts, forwarding.SENDERS)
        watched = self._resolver is not None and any(bound.rule.code == "SIG-BROKEN" for bound in rules)
        if not rules or not (domains or watched):
            return facts
        return structs.replace(facts, signatures=await self._verified(message, domains))

    async def _verified(self, message: Message, domains: tuple[str, ...]) -> tuple[Verified, ...]:
        chosen = signatures.chosen(signatures.read(message), domains[:MOST_DOMAINS])
        keys = await asyncio.gather(*(self._key(each) for each, _ in chosen))
        work = asyncio.get_running_loop().run_in_executor(self._threads, verified, message, chosen, keys)
        try:
            async with asyncio.timeout(SECONDS):
                return await work
        except TimeoutError:
            log.warning("verifying signatures took longer than %s s", SECONDS)
            return tuple(_fact(each, speaks, "away", "verifying it takes too long") for each, speaks in chosen)

    async def _key(self, signature: Signature) -> tuple[bytes, ...] | str:
        if signature.fault:
            return ()
        if self._resolver is None:
            return "no resolver is configured ([dns] servers)"
        try:
            return await self._resolver.texts.get(signature.key_name, KEY_SECONDS)
        except Away as away:
            return f"no answer about its key ({away})"


def verified(message: Message, chosen: _Chosen, keys: _Keys) -> tuple[Verified, ...]:
    """What became of each signature, given what is known of its key. Takes its time: run it in a thread."""
    bodies = BodyHashes(message)
    pairs = zip(chosen, keys, strict=True)
    return tuple(_verified(message, each, speaks, key, bodies) for (each, speaks), key in pairs)


def _verified(
    message: Message, signature: Signature, speaks: frozenset[str], key: tuple[bytes, ...] | str, bodies: BodyHashes
) -> Verified:
    if isinstance(key, str):
        return _fact(signature, speaks, "away", key)
    # Several records at one name are a fault of who owns it (RFC 6376 section 3.6.2.2); the first that is a key counts.
    record = next((text for text in key if b"p=" in text), None)
    if record is None and not signature.fault:
        return _fact(signature, speaks, "no key", "there is no key at its name")
    try:
        result, why, unsigned = signatures.verify(message, signature, record or b"", bodies)
    except Exception as error:
        # Our fault: a rule that needs it defers the message, and one that only observes has seen nothing.
        if not getattr(message.raw, "closed", False):  # else the client is gone, and the message with it
            log.exception("verifying a signature failed")
        return _fact(signature, speaks, "away", f"verifying failed: {type(error).__name__}")
    return _fact(signature, speaks, result, why, unsigned)


def _fact(signature: Signature, speaks: frozenset[str], result: Verification, why: str, unsigned: int = 0) -> Verified:
    names = frozenset(signature.names)
    return Verified(signature.number, signature.domain, result, why, speaks, names, unsigned, signature.expires)
