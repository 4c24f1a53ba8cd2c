"""Pacing: who hammers at a limit, a lock or a suspension waits for the refusals, so that answering them costs others
nothing.

Each customer is answered RATE such refusals a second in each process; one that asks faster waits for its turn, no
longer than LONGEST. It is a matter of the reply alone: nothing is held meanwhile, and no mail that passes waits.
"""

RATE = 20
"""Refusals a second; one takes about a millisecond of a core."""
LONGEST = 2.0
"""Seconds: of a pipelined group that is refused whole, the first hundred replies come within minutes."""


class Pacing:
    """When each customer that has met a limit is answered next."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    def wait(self, customer: str, now: float) -> float:
        """Seconds that a refusal waits which was found at `now`, in seconds of any clock."""
        # One that was set back keeps nobody waiting for longer, either.
        turn = min(max(self._next.get(customer, now), now), now + LONGEST)
        self._next[customer] = turn + 1 / RATE
        return turn - now
