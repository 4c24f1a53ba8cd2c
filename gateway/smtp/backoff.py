"""Back-off: how long an attempt to authenticate waits because others have failed before it.

Failures are counted per address (an IPv6 /64 is one) and per account, over all processes; one is forgotten each minute.
An attempt waits 0.25 s after one failure, twice as long after each further one, 5 s at most, and is then judged like
any other: a right password is never refused for what others did. An address from which the account has authenticated
within 30 days waits for that account only because of its own failures at it, so that nobody who guesses from elsewhere
slows a customer's server.
"""

from hashlib import blake2b

from gateway.ledger.activity import Kind, Watch
from gateway.ledger.model import Add, Ledger, Mark, Marked, address_group, key

LONGEST = 5.0
"""Seconds that one attempt waits at most."""
_FIRST = 0.25
_FORGET_SECONDS = 60.0
_MOST_COUNTED = 10.0
"""Failures beyond this make nothing worse: an attack is forgotten ten minutes after it has ended."""
BURST = 8.0
"""So many failures at an account are a burst; what then is right from a new address may have been guessed."""
_GOOD_SECONDS = 30 * 86_400.0


def pause(failures: float) -> float:
    """Seconds to wait after so many failures."""
    return 0.0 if failures < 1 else min(LONGEST, _FIRST * 2.0 ** (min(failures, _MOST_COUNTED) - 1))


class Attempt:
    """One address trying one account, known or not."""

    __slots__ = ("account", "address", "burst", "good", "pair")

    def __init__(self, address: str, username: str) -> None:
        self.address = address_group(address)
        # A digest: of any length, and what is typed for a username may be a password.
        self.account = blake2b(username.lower().encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        self.pair = f"{self.account} {self.address}"
        self.good = False
        """The account has authenticated from there: filled in by `Backoff.failures`."""
        self.burst = False
        """It has not, and there was a burst of failures at the account: likewise."""

    @property
    def meters(self) -> tuple[str, str, str]:
        """Keys of the failures of this pair, of the account, of the address."""
        what = "auth failures"
        return (
            key(what, "account", self.account, self.address),
            key(what, "account", self.account),
            key(what, "address", self.address),
        )

    @property
    def mark(self) -> str:
        """Key of what says that this address is good for this account."""
        return key("auth good", "account", self.account, self.address)


class Backoff:
    """Failures of all processes, in the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def failures(self, attempt: Attempt) -> float:
        """The failures that count for an attempt."""
        good, pair, account, address = await self._ledger.ask(
            Marked(attempt.mark), *(_meter(each, 0) for each in attempt.meters)
        )
        attempt.good = bool(good)
        attempt.burst = not good and account >= BURST
        return pair if good else max(account, address)

    def failed(self, attempt: Attempt) -> None:
        """The password was wrong, or there is no such account."""
        self._ledger.tell(*(_meter(each, 1) for each in attempt.meters))

    def succeeded(self, attempt: Attempt) -> None:
        """The password was right."""
        self._ledger.tell(Mark(attempt.mark, _GOOD_SECONDS))

    def guessed(self, customer: str, credential: str) -> None:
        """It was right after a burst of wrong ones (SIGNAL-GUESSED)."""
        self._ledger.watch(Watch(Kind.GUESSED, customer, credential))


def _meter(name: str, amount: float) -> Add:
    return Add(name, amount, _FORGET_SECONDS, _MOST_COUNTED)
