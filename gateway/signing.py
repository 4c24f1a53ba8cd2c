"""Signing: which keys sign a message, held in memory, and the threads that do it.

Measured with RSA-2048 (docs/performance.md): a signature takes 0.4 ms, in which the interpreter is free for others, and
hashing a body 4 ms per megabyte. Inline it costs no less CPU, also where each core has a worker of its own, and makes
everybody wait; so it is done in a thread, and large bodies in one of their own, which small messages do not wait
behind. A second thread for small ones would only make them change places more often.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from msgspec import structs

from config.customers import Customer
from consent.dkim_keys import DkimKey
from consent.keys import Secrets, Unsealable
from filters.message import Field, Message
from filters.model import Facts
from filters.signatures import aligned
from filters.signing import signing_domain
from gateway.sign import BadKey, SigningKey, sign
from gateway.transform import Change

LARGE = 256 * 1024
"""Octets of a message above which another thread has it."""


class SigningFailed(Exception):
    """A message that is to be signed cannot be: our fault. The text names the key, and nothing private."""


@dataclass(slots=True)
class _Held:
    """A key that signs, opened when it is first used."""

    stored: DkimKey
    opened: SigningKey | None = None


class Signing:
    """The active keys of all customers, as this process knows them, and what signs with them."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._keys: dict[str, dict[str, list[_Held]]] = {}
        self._small = ThreadPoolExecutor(1, "signing")
        self._large = ThreadPoolExecutor(1, "signing-large")

    def close(self) -> None:
        """Sign nothing any more; what is under way ends unheard."""
        for thread in (self._small, self._large):
            thread.shutdown(wait=False, cancel_futures=True)

    def update(self, active: Mapping[str, Iterable[DkimKey]]) -> None:
        """These are the active keys of these customers now."""
        for customer, keys in active.items():
            held: dict[str, list[_Held]] = {}
            # RSA comes first, so on top: some verifiers know nothing else, and some look at one signature only.
            for key in sorted(keys, key=lambda key: key.algorithm != "rsa"):
                held.setdefault(key.domain, []).append(_Held(key))
            self._keys[customer] = held
            if not held:
                del self._keys[customer]

    def domains(self, customer: str) -> Collection[str]:
        """Those for which the customer has an active key."""
        return self._keys.get(customer, {}).keys()

    def complete(self, facts: Facts, message: Message) -> Facts:
        """The facts with the domain in whose name the message will be signed."""
        domain = signing_domain(message, facts, self.domains(facts.customer.id))
        return facts if domain is None else structs.replace(facts, signing_domain=domain)

    async def sign(self, facts: Facts, message: Message, change: Change, now: datetime) -> Change:
        """The change with a signature of each key of the facts' signing domain on top of all other fields, if any.

        On top because that is where the trace grows (RFC 6376 section 5.6): a signature covers what stands beneath it.
        A signature that the customer has put there stays, and ours comes beside it: theirs may cover less, and may
        not verify. Raises SigningFailed.
        """
        customer, domain = facts.customer.id, facts.signing_domain
        if domain is None:
            return change
        held = self._keys.get(customer, {}).get(domain)
        if not held:
            raise SigningFailed(f"the keys of {domain} (customer {customer}) were taken away meanwhile")
        thread = self._large if len(message.raw) > LARGE else self._small
        loop = asyncio.get_running_loop()
        try:
            fields = await loop.run_in_executor(thread, self._sign, held, message, change, now)
        except SigningFailed:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the message goes neither unsigned nor lost
            raise SigningFailed(f"signing for {domain} (customer {customer}): {type(error).__name__}") from None
        made = (f"signed for {domain}: selector {each.stored.selector}, {each.stored.algorithm}" for each in held)
        return replace(change, head=fields + change.head, modifications=(*change.modifications, *made))

    async def sign_ours(self, customer: Customer, author: str, raw: bytes, now: datetime) -> bytes:
        """Signature fields, with CRLF, for a message that we wrote in a customer's name, from a mailbox in the domain
        `author`: of that domain, or of the nearest above it that has a key; none are no octets. Raises SigningFailed.
        """
        keyed, domain = self._keys.get(customer.id, {}), author
        while domain and not (domain in keyed and domain in customer.domains and aligned(domain, author)):
            domain = domain.partition(".")[2]
        if not domain:
            return b""
        message, unchanged = Message(raw), Change(b"", 0, ())
        work = asyncio.get_running_loop().run_in_executor(
            self._small, self._sign, keyed[domain], message, unchanged, now
        )
        return await work

    def _sign(self, held: Iterable[_Held], message: Message, change: Change, now: datetime) -> bytes:
        keys = [self._opened(each) for each in held]
        return sign(keys, sent_fields(message, change), message.raw, message.body_start, now)

    def _opened(self, held: _Held) -> SigningKey:
        if held.opened is None:
            key = held.stored
            try:
                private = self._secrets.open_signing_key(key.owner, key.sealed or b"")
                held.opened = SigningKey.load(key.domain, key.selector, key.algorithm, private)
            except (Unsealable, BadKey) as error:
                raise SigningFailed(f"the key {key.name} (customer {key.customer}) cannot be used: {error}") from None
        return held.opened


def sent_fields(message: Message, change: Change) -> Sequence[Field]:
    """The fields of the header block as it is sent; where they stand in it is not said."""
    if any(each.defect for each in message.fields):
        # What begins with white space continues our last line then: only together they are what will be read.
        return Message(change.head + bytes(message.raw[change.keep_from : message.body_start])).fields
    return (*Message(change.head).fields, *(each for each in message.fields if each.start >= change.keep_from))
