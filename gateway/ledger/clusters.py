"""Clusters: which near-identical mail a customer has sent, and to how many different recipients.

A message's fingerprint (filters/fingerprint.py) is *placed*: it joins the cluster that it is like, or founds one. What
the next hop has accepted is told as *reached*. There are two forms with one contract
(tests/test_contracts_clusters.py): `clusters_memory` for one process, `clusters_redis` for several.

**Alike.** Compared are the features of the message with the *core* of a cluster: the features that a share of its
messages had. One must be in the other by ALIKE, and the other in the one by NOT_UNLIKE, with at least FEWEST in common:
so a padded message joins a cluster whose core it holds, and a mail that only shares a paragraph does not.

**Common text** (signatures, disclaimers, phrases) is found by what it does: it stands in mail that is otherwise
different. Each time a message shares features with a cluster and is not like it, these features are noted; from
COMMON_AFTER times on they no longer count. That alone could be used to make an advertisement "common" with a few
padded messages; so when messages that consist of nothing else come again and again, they count anew: a feature stays
common only while the first is at least COMMON_SHARE of both.

**Bounds.** All is held in two generations: what is touched goes into the newer; when that is full, the older is
forgotten. Clusters of one message and those of several have generations of their own, and so have the features
by which they are found, so that one-to-one mail, however
much, does not push out a slow campaign.

**Reach** is counted with HyperLogLog in slots; the slot of now and as many as a window has before it are looked at, so
a window counts no less than its length and at most one slot more. A cluster of one message with few recipients holds
them itself, so that one-to-one mail costs no sketch.

**Pace.** Who is on the way or was reached within PACED is counted exactly, person by person, for mail that is `held`:
a message that is tried again, by whatever process, counts no one twice, and what a process that died had held is over
after PACED at the latest. Who founded a cluster by a message to one counts from then on; nobody asked for room for it.
"""

from collections.abc import Sequence
from hashlib import blake2b
from secrets import token_hex
from typing import NamedTuple, Protocol

from filters.fingerprint import Fingerprint

DAY = 86_400


class Window(NamedTuple):
    """How long, and in how many slots. Seconds."""

    length: int
    slots: int


WINDOWS = (Window(DAY, 6), Window(30 * DAY, 6), Window(365 * DAY, 12))
"""Those of `Reach`, in its order."""


class Likeness(NamedTuple):
    """What makes a message like a cluster. The figures are those of docs/bulk.md."""

    alike: float = 0.45
    """So much of the smaller must be in the larger."""
    not_unlike: float = 0.25
    """So much of the larger must be in the smaller."""
    pair: float = 0.7
    """Instead of `alike`, for the second message of a cluster."""
    pair_not_unlike: float = 0.5
    fewest: int = 10
    """Features in common; also the fewest that are not common text by which a message can be known."""
    core: float = 0.3
    """A feature is in the core of a cluster when such a share of its messages had it."""
    common_after: int = 3
    common_share: float = 0.1
    noted_from: int = 5
    """Features shared with a cluster that a message is not like, for it to be noted."""


LIKENESS = Likeness()


class Bounds(NamedTuple):
    """Entries of each of the two generations, for one customer."""

    single: int = 1_000
    """Clusters of one message."""
    grown: int = 500
    """Clusters of several."""
    postings: int = 16_000
    """Features by which clusters of one message are found; and as many for those of several."""
    common: int = 4_000
    """Features that were noted."""


BOUNDS = Bounds()
INDEXED = 16
"""Features of a message by which its cluster is looked for: the smallest, which like messages have in common."""
POSTED = 6
"""Clusters that one feature leads to: the newest."""
COMPARED = 4
"""Clusters that are compared with a message: those that most features lead to."""
HELD = 96
"""Features of a cluster."""
WEIGHT = 128
"""Messages after which what was counted in a cluster is halved, so that it follows what changes."""
YOUNG = 8
"""Messages up to which a cluster learns how large the features are that it holds."""
FEW = 20
"""Recipients that a cluster of one message holds itself."""
LISTED = 200
"""Clusters in a list."""
PACED = 600
"""Seconds for which a recipient counts for the pace of a new cluster."""
TTL = 400 * DAY
"""Seconds after which a customer who sends nothing is forgotten."""


class Reach(NamedTuple):
    """Different recipients of a cluster, by window: about 1 % more or less (two in a hundred by more than 2 %), nearly
    always exact below ten."""

    day: int
    month: int
    """30 days."""
    year: int
    """365 days."""


class Placed(NamedTuple):
    """Where a message belongs."""

    cluster: str
    """Its id; "" for a message that says too little, beside common text, to be known again."""
    since: float
    """When the cluster was founded, seconds since 1970."""
    messages: int
    """That were placed in it, this one included."""
    reach: Reach
    """What was accepted in it, and the recipients that were asked about."""


NOWHERE = Placed("", 0.0, 0, Reach(0, 0, 0))


class Cluster(NamedTuple):
    """One cluster of several messages, for lists."""

    id: str
    since: float
    last: float
    """When a message was last placed in it, seconds since 1970."""
    messages: int
    reach: Reach
    """What was accepted in it."""


class Clusters(Protocol):
    """What both forms do. No call raises, and none takes longer than the form's stated time."""

    async def place(
        self, customer: str, fingerprint: Fingerprint, recipients: Sequence[str] = (), *, fresh: str
    ) -> Placed:
        """Join the cluster that this is like, or found one under the id `fresh` (from `new_id`).

        The answer's reach is what it would be if the recipients were reached.
        """
        ...

    async def hold(self, customer: str, cluster: str, holder: str, recipients: Sequence[str], most: int) -> int | None:
        """Count these as on their way, where with them no more than `most` are or were reached within PACED.

        None when that is done; where there is no room, how many others are and were. `holder` is an id of the message's
        own (from `new_id`). What is held counts until it is `reached` or `let_go`, PACED at most.
        """
        ...

    def let_go(self, customer: str, cluster: str, holder: str, recipients: Sequence[str]) -> None:
        """They were not reached; nobody needs to wait."""
        ...

    def reached(self, customer: str, cluster: str, recipients: Sequence[str], holder: str = "") -> None:
        """Count recipients that the next hop has accepted; nobody needs to wait. Under a `holder` they were held.

        The caller leaves out those in the customer's own domains, reports and auto-replies. A recipient is named by any
        text that is the same each time, such as its address key; it is not kept.
        """
        ...

    async def grown(self, customer: str) -> list[Cluster]:
        """The clusters of several messages, the one with most first, LISTED at most."""
        ...

    async def close(self) -> None:
        """Return when what was told is counted."""
        ...


def new_id() -> str:
    """An id for a cluster that may be founded: 16 hexadecimal digits."""
    return token_hex(8)


def reduced(recipients: Sequence[str]) -> list[str]:
    """What stands for recipients here: 16 hexadecimal digits each, no two alike."""
    return list(
        dict.fromkeys(blake2b(each.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest() for each in recipients)
    )
