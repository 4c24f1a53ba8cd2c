"""Passwords: argon2id off the event loop, bounded, with a short memory of what was right.

An unknown username costs the same time and gets the same reply as a wrong password. A password that was verified is
remembered for ten minutes as a keyed hash under a key that only this process has; the memory holds for one password
hash, so a changed credential is asked again.
"""

import asyncio
import hmac
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.directory import Directory, Identity

REMEMBERED_SECONDS = 600.0
DECOY = "$argon2id$v=19$m=65536,t=3,p=4$x+226/P9mHuvjwaWpiGdug$nDpCGw+JRgErJVjRL9zJs53zKRUqj0y+j/mGNrUb1XI"
"""The hash of a random password that nobody knows: what an unknown username is verified against, at the usual cost."""
_REMEMBERED = 10_000
_THREADS = 2
_WAITING = 64
_WAITING_PER_PEER = 4


class Busy(Exception):
    """More verifications wait than are allowed: the client is asked to come again (454 4.7.0)."""


class Authenticator:
    """Verifies usernames and passwords against the directory."""

    def __init__(self, directory: Directory, monotonic: Callable[[], float]) -> None:
        self._directory, self._monotonic = directory, monotonic
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, tuple[float, str]] = OrderedDict()
        self._hasher = PasswordHasher()
        self._pool = ThreadPoolExecutor(_THREADS, "argon2")
        self._waiting: Counter[str] = Counter()

    async def verify(self, username: str, password: str, peer: str) -> Identity | None:
        """The identity, or None for a wrong username or password alike; raises Busy.

        One peer address holds a small share of the places at most, so that guessing from it keeps nobody else out.
        """
        identity = self._directory.by_username(username)
        held = identity.credential.password_hash if identity else None
        digest = hmac.digest(self._key, f"{username}\0{password}".encode("utf-8", "surrogatepass"), "sha256")
        if held and self._remembers(digest, held):
            return identity
        if self._waiting.total() >= _WAITING or self._waiting[peer] >= _WAITING_PER_PEER:
            raise Busy
        self._waiting[peer] += 1
        try:
            right = await asyncio.get_running_loop().run_in_executor(self._pool, self._matches, held or DECOY, password)
        finally:
            self._waiting[peer] -= 1
            if not self._waiting[peer]:
                del self._waiting[peer]
        if not right or held is None:
            return None
        self._right[digest] = (self._monotonic() + REMEMBERED_SECONDS, held)
        if len(self._right) > _REMEMBERED:
            self._right.popitem(last=False)
        return identity

    def _remembers(self, digest: bytes, held: str) -> bool:
        found = self._right.get(digest)
        if found is None:
            return False
        if found[0] <= self._monotonic() or not hmac.compare_digest(found[1], held):
            del self._right[digest]
            return False
        return True

    def _matches(self, held: str, password: str) -> bool:
        try:
            return self._hasher.verify(held, password)
        except (VerificationError, InvalidHashError):
            return False

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
