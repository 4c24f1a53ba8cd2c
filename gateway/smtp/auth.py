"""Passwords: argon2id off the event loop, bounded, with a short memory of what was right.

An unknown username costs the same time and gets the same reply as a wrong password. A password that was verified is
remembered for ten minutes as a keyed hash under a key that only this process has; the memory holds for one password
hash, so a changed credential is asked again.
"""

import asyncio
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.directory import Directory, Identity

REMEMBERED_SECONDS = 600.0
_REMEMBERED = 10_000
_THREADS = 2
_WAITING = 64


class Busy(Exception):
    """More verifications wait than are allowed: the client is asked to come again (454 4.7.0)."""


class Authenticator:
    """Verifies usernames and passwords against the directory."""

    def __init__(self, directory: Directory, monotonic: Callable[[], float]) -> None:
        self._directory, self._monotonic = directory, monotonic
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, tuple[float, str]] = OrderedDict()
        self._hasher = PasswordHasher()
        self._decoy = self._hasher.hash(secrets.token_hex(16))
        self._pool = ThreadPoolExecutor(_THREADS, "argon2")
        self._waiting = 0

    async def verify(self, username: str, password: str) -> Identity | None:
        """The identity, or None for a wrong username or password alike; raises Busy."""
        identity = self._directory.by_username(username)
        held = identity.credential.password_hash if identity else None
        digest = hmac.digest(self._key, f"{username}\0{password}".encode("utf-8", "surrogatepass"), "sha256")
        if held and self._remembers(digest, held):
            return identity
        if self._waiting >= _WAITING:
            raise Busy
        self._waiting += 1
        try:
            right = await asyncio.get_running_loop().run_in_executor(
                self._pool, self._matches, held or self._decoy, password
            )
        finally:
            self._waiting -= 1
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
