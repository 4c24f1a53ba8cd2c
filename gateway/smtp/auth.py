"""Passwords: argon2id off the event loop, bounded, after a back-off, with a short memory of what was right.

An unknown username costs the same time and gets the same reply as a wrong password, also where two passwords hold for a
while. A password that was verified is remembered for ten minutes as a keyed hash under a key that only this process
has; the memory holds for one password hash, so a changed credential is asked again. What is remembered waits for
nothing. The same guess made several times at once is one guess, so that a server which opens many connections does not
wait for itself.
"""

import asyncio
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from consent.passwords import hashed_beside
from gateway.directory import Directory, Identity
from gateway.metrics import Metrics
from gateway.smtp import backoff
from gateway.smtp.backoff import Attempt, Backoff
from gateway.smtp.places import Places
from gateway.smtp.turns import Turns

REMEMBERED_SECONDS = 600.0
DECOY = "$argon2id$v=19$m=65536,t=3,p=4$x+226/P9mHuvjwaWpiGdug$nDpCGw+JRgErJVjRL9zJs53zKRUqj0y+j/mGNrUb1XI"
"""The hash of a random password that nobody knows: what an unknown username is verified against, at the usual cost."""
_REMEMBERED = 10_000
_THREADS = 2
_ATTEMPTS = 400
"""Attempts that may wait at once, for their back-off or for a thread; a quarter only from addresses that are good for
the account."""
_ATTEMPTS_OF_ADDRESS = 32
_ATTEMPTS_AT_ACCOUNT = 64

Pause = Callable[[float], Awaitable[None]]
"""Waits so many seconds for a client; raises when it hangs up meanwhile, and then there was no attempt."""


_Guess = tuple[bytes, tuple[str, ...], str]
"""What was guessed, the hashes it was guessed at, and from where."""


class Busy(Exception):
    """More attempts wait than are allowed: the client is asked to come again (454 4.7.0)."""


class Authenticator:
    """Verifies usernames and passwords against the directory."""

    def __init__(
        self,
        directory: Directory,
        backoff: Backoff,
        metrics: Metrics,
        monotonic: Callable[[], float],
        clock: Callable[[], datetime],
    ) -> None:
        """`clock` says which passwords hold; `monotonic`, in seconds, how long one is remembered."""
        self._directory, self._backoff, self._metrics = directory, backoff, metrics
        self._monotonic, self._clock = monotonic, clock
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, tuple[float, str]] = OrderedDict()
        self._hasher = PasswordHasher()
        self._turns = Turns(_THREADS, "argon2")
        self._by_address = Places(_ATTEMPTS, reserve=_ATTEMPTS // 4, most=_ATTEMPTS_OF_ADDRESS)
        self._by_account = Places(_ATTEMPTS, most=_ATTEMPTS_AT_ACCOUNT)
        self._under_way: dict[_Guess, asyncio.Future[str | None]] = {}
        """Guess -> the hash that it fitted, or "" where it was wrong; None: it was not judged."""

    async def verify(self, username: str, password: str, peer: str, pause: Pause) -> Identity | None:
        """The identity, or None for a wrong username or password alike; raises Busy, and what `pause` raises."""
        identity = self._directory.by_username(username)
        held = identity.password_hashes(self._clock()) if identity else ()
        digest = hmac.digest(self._key, f"{username}\0{password}".encode("utf-8", "surrogatepass"), "sha256")
        # The list behind the name is no other account: guesses count together.
        attempt = Attempt(peer, username.partition("+")[0])
        guess = (digest, held, attempt.address)
        while not (fitted := self._remembered(digest, held)):
            same = self._under_way.get(guess)
            judged: str | None
            if same is None:
                judged = await self._judge(guess, attempt, password, pause)
            else:
                await asyncio.wait((same,))
                judged = same.result()
            if judged is not None:
                self._metrics.auth.labels("right" if judged else "wrong").inc()
                if not judged or identity is None:
                    return None
                if attempt.burst:
                    self._backoff.guessed(identity.entry.customer.id, identity.credential.name)
                return replace(identity, shown=judged)
        self._backoff.succeeded(attempt)
        self._metrics.auth.labels("remembered").inc()
        return replace(identity, shown=fitted) if identity else None

    async def _judge(self, guess: _Guess, attempt: Attempt, password: str, pause: Pause) -> str:
        digest, held, _ = guess
        judged: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._under_way[guess] = judged
        try:
            failures = await self._backoff.failures(attempt)
            fitted = await self._in_turn(attempt, failures, held, password, pause)
            fitted = fitted if held else ""
            if fitted:
                self._backoff.succeeded(attempt)
                self._right[digest] = (self._monotonic() + REMEMBERED_SECONDS, fitted)
                if len(self._right) > _REMEMBERED:
                    self._right.popitem(last=False)
            else:
                self._backoff.failed(attempt)
            judged.set_result(fitted)
            return fitted
        finally:
            del self._under_way[guess]
            if not judged.done():
                judged.set_result(None)

    async def _in_turn(
        self, attempt: Attempt, failures: float, held: tuple[str, ...], password: str, pause: Pause
    ) -> str:
        """The hash that the password fits, or "", after its pause and when it is its turn; raises Busy.

        Other guesses that are waiting count as failures: many at once are no way around the pause.
        """
        address, account = (attempt.pair, attempt.pair) if attempt.good else (attempt.address, attempt.account)
        waiting = max(self._by_address.held(address), self._by_account.held(account))
        if not self._by_address.take(address, known=attempt.good):
            self._metrics.auth.labels("busy").inc()
            raise Busy
        try:
            if not self._by_account.take(account):
                self._metrics.auth.labels("busy").inc()
                raise Busy
            self._metrics.auth_waiting.set(self._by_address.taken)
            try:
                seconds = backoff.pause(failures + waiting)
                if seconds:
                    await pause(seconds)
                work = partial(self._matches, held or (DECOY,), password)
                return await self._turns.run(address, work, first=attempt.good)
            finally:
                self._by_account.give(account)
        finally:
            self._by_address.give(address)
            self._metrics.auth_waiting.set(self._by_address.taken)

    def _remembered(self, digest: bytes, held: Sequence[str]) -> str:
        """The hash that this guess was found to fit, if it still holds; else ""."""
        found = self._right.get(digest)
        if found is None:
            return ""
        if found[0] <= self._monotonic() or found[1] not in held:
            del self._right[digest]
            return ""
        return found[1]

    def _matches(self, held: Sequence[str], password: str) -> str:
        """Which of the hashes the password fits, or ""; one computation, for two have one salt."""
        try:
            if len(held) == 1:
                self._hasher.verify(held[0], password)
                return held[0]
            made = hashed_beside(password, held[0])
            return next((each for each in held if hmac.compare_digest(each, made)), "")
        except (VerificationError, InvalidHashError):
            return ""

    def close(self) -> None:
        """End the threads."""
        self._turns.close()
