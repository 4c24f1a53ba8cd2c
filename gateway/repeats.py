"""Repeats: messages the next hop took while the client was not told (design decision 2.4).

A byte-identical repeat within five days is answered 250 with the first reference and not forwarded again. Held in
memory, written to the registry so that other nodes and a restart know too. Forgotten once the client was told.

A client that has hung up may repeat its message before the next hop has answered the first copy. Until that answer is
there, the repeat can be neither sent (it may make a duplicate) nor called accepted: this node knows which messages are
on their way, and the repeat is put off.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hashlib import sha256

from consent.address import Address
from consent.database import RegistryError
from consent.repeats import Repeat, RepeatStore

log = logging.getLogger("postern.repeats")

KEPT = timedelta(days=5)


def digest_of(reverse_path: Address | None, recipients: Iterable[Address], sha256_of_body: str) -> bytes:
    """What makes a repeat: reverse-path, recipients and bytes, all the same."""
    envelope = [reverse_path.text if reverse_path else "", *sorted(each.text for each in recipients), sha256_of_body]
    return sha256("\0".join(envelope).encode("utf-8", "surrogateescape")).digest()


class Repeats:
    """(customer, digest) -> the reference under which the message was accepted."""

    def __init__(self, store: RepeatStore, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock
        self._known: dict[tuple[str, bytes], tuple[str, datetime]] = {}
        self._on_the_way: dict[tuple[str, bytes], dict[str, Callable[[], bool]]] = {}
        self._writing: set[asyncio.Task[None]] = set()
        # A later write must not overtake an earlier one: a row that is put after it was deleted stays for five days,
        # and would swallow a message.
        self._in_order = asyncio.Lock()

    def find(self, customer: str, digest: bytes) -> str | None:
        """The first reference, or None."""
        found = self._known.get((customer, digest))
        return found[0] if found and found[1] > self._clock() - KEPT else None

    def on_the_way(self, customer: str, digest: bytes) -> str | None:
        """The reference of an identical message that is at the next hop while its client is gone, or None."""
        for reference, gone in self._on_the_way.get((customer, digest), {}).items():
            if gone():
                return reference
        return None

    def depart(self, customer: str, digest: bytes, reference: str, gone: Callable[[], bool]) -> None:
        """A message is sent to the next hop; `gone` tells whether its client has hung up. Ends with `arrive`."""
        self._on_the_way.setdefault((customer, digest), {})[reference] = gone

    def arrive(self, customer: str, digest: bytes, reference: str) -> None:
        """What became of it is known. Harmless when repeated."""
        same = self._on_the_way.get((customer, digest), {})
        same.pop(reference, None)
        if not same:
            self._on_the_way.pop((customer, digest), None)

    def remember(self, customer: str, digest: bytes, reference: str) -> None:
        """The next hop has it, the client does not know."""
        now = self._clock()
        self._known[customer, digest] = (reference, now)
        self._in_background(lambda: self._store.put(customer, digest, reference, now))

    def forget(self, customer: str, digest: bytes) -> None:
        """The client knows now."""
        self._known.pop((customer, digest), None)
        self._in_background(lambda: self._store.delete(customer, digest))

    def load(self, repeat: Repeat) -> None:
        """What the registry holds, of this node or another."""
        if repeat.heard:
            self._known.pop((repeat.customer, repeat.digest), None)
        else:
            self._known.setdefault((repeat.customer, repeat.digest), (repeat.reference, repeat.since))

    def expire(self) -> None:
        """Drop what is older than five days."""
        oldest = self._clock() - KEPT
        self._known = {key: held for key, held in self._known.items() if held[1] > oldest}

    async def close(self) -> None:
        """Wait for what is being written."""
        if self._writing:
            await asyncio.gather(*self._writing)

    def _in_background(self, write: Callable[[], object]) -> None:
        async def run() -> None:
            try:
                async with self._in_order:
                    await asyncio.to_thread(write)
            except RegistryError as error:
                # This node still knows; after a restart the repeat would be forwarded again.
                log.warning("repeat not stored: %s", error)

        task = asyncio.get_running_loop().create_task(run())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
