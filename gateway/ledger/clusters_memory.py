"""The clusters of one process, in its memory. `clusters.lua` does the same."""

from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from filters.fingerprint import Fingerprint
from gateway.ledger.clusters import (
    BOUNDS,
    COMPARED,
    FEW,
    HELD,
    INDEXED,
    LIKENESS,
    LISTED,
    NOWHERE,
    PACED,
    POSTED,
    WEIGHT,
    WINDOWS,
    YOUNG,
    Bounds,
    Cluster,
    Likeness,
    Placed,
    Reach,
    reduced,
)
from gateway.ledger.generations import Generations
from gateway.ledger.sketch import Sketch, count

MAX_CUSTOMERS = 200
"""Beyond them the one that sent nothing for longest is forgotten."""
MOST = 20_000
"""Clusters of one message of all customers, about 4 KB each; beyond them the same is done."""
_LOOKED_EACH = 250
"""Clusters that are founded before these are counted again."""
_ALL = 2**32 - 1


@dataclass(slots=True)
class _Held:
    """A cluster. Times are milliseconds since 1970."""

    since: int
    last: int
    messages: int
    weight: int
    top: int
    """Features up to this one are held, if all are held that there were."""
    features: "dict[int, int] | array[int]"
    """Feature -> how many of the `weight` last messages had it; of one message its features, in a tenth of the room."""
    few: list[tuple[str, int]] = field(default_factory=list)
    """Recipients and when they were reached, while there is one message and few of them; 0 while it is on the way."""

    @property
    def times(self) -> dict[int, int]:
        """The features as of several messages."""
        return self.features if isinstance(self.features, dict) else dict.fromkeys(self.features, 1)


@dataclass(slots=True)
class _Found:
    """A cluster beside a message."""

    id: str
    held: _Held
    shared: list[int]
    like: float
    """0 where the message does not join."""


class _Customer:
    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.forget_single()
        self.grown = Generations[str, _Held](bounds.grown)
        self.grown_postings = Generations[int, tuple[str, ...]](bounds.postings)
        self.common = Generations[int, tuple[int, int]](bounds.common)
        """Feature -> times it was noted, times it alone would have made a message join."""
        self.slots = Generations[tuple[str, int, int], Sketch](8 * bounds.grown * len(WINDOWS))
        """(Cluster, window, slot) -> recipients."""
        self.paced = OrderedDict[str, OrderedDict[tuple[str, str], int]]()
        """Cluster -> recipient, and who holds it or "" for one that was reached -> when, in the order of that. First
        comes the cluster that was not touched for longest."""

    def forget_single(self) -> None:
        self.single = Generations[str, _Held](self._bounds.single)
        self.single_postings = Generations[int, tuple[str, ...]](self._bounds.postings)


class MemoryClusters:
    """Clusters in dictionaries."""

    def __init__(self, clock: Callable[[], float], likeness: Likeness = LIKENESS, bounds: Bounds = BOUNDS) -> None:
        """`clock` gives seconds since 1970."""
        self._clock, self._likeness, self._bounds = clock, likeness, bounds
        self._customers: OrderedDict[str, _Customer] = OrderedDict()
        self._founded = 0

    async def place(
        self, customer: str, fingerprint: Fingerprint, recipients: Sequence[str] = (), *, fresh: str
    ) -> Placed:
        """The cluster it joined or founded."""
        return self.put(customer, fingerprint, recipients, fresh=fresh)

    def put(self, customer: str, fingerprint: Fingerprint, recipients: Sequence[str] = (), *, fresh: str) -> Placed:
        """As `place`."""
        index, now, asked = self._customer(customer), self._now(), reduced(recipients)
        placed = self._settle(index, fingerprint, fresh, now)
        if placed is None:
            return NOWHERE
        id, held = placed
        if held.messages == 1 and len(asked) == 1:
            held.few = [(asked[0], 0)]
        return Placed(id, held.since / 1000, held.messages, _reach(index, id, asked, now))

    def follow(self, customer: str, fingerprint: Fingerprint, placed: Placed) -> None:
        """Learn where others have placed a message: a cluster that is founded here for it has that one's id and age."""
        index, since = self._customer(customer), round(placed.since * 1000)
        settled = self._settle(index, fingerprint, placed.cluster, self._now())
        if settled is None:
            return
        id, held = settled
        if id != placed.cluster and since > held.since and not self.knows(customer, placed.cluster):
            # Those others have forgotten it, and know it by another id since.
            for each in (index.single, index.grown):
                each.drop(id)
            index.grown.put(placed.cluster, held)
            _post(index.grown_postings, placed.cluster, fingerprint.features[:INDEXED])
            id = placed.cluster
        if id == placed.cluster:
            held.since = since

    def forget_single(self) -> None:
        """Forget the clusters of one message, of all customers."""
        for each in self._customers.values():
            each.forget_single()

    def knows(self, customer: str, cluster: str) -> bool:
        """Whether there is such a cluster here."""
        index = self._customers.get(customer)
        return index is not None and bool(index.single.get(cluster) or index.grown.get(cluster))

    def _settle(self, index: _Customer, fingerprint: Fingerprint, fresh: str, now: int) -> tuple[str, _Held] | None:
        """The cluster that it joined or founded, and its id."""
        if not fingerprint.features:
            return None
        features, likeness = fingerprint.features, self._likeness
        counted = [each for each in features if not self._is_common(index, each)]
        known = len(counted) >= likeness.fewest
        found = self._find(index, fingerprint, counted if known else features)
        if not known:
            if found and found.like:
                _note(index, found.shared, alone=True)
            return None
        if found and found.like:
            id, held = found.id, found.held
            self._join(index, found, fingerprint, now)
            shared = set(found.shared)
            _post(index.grown_postings, id, [each for each in counted if each in shared][:INDEXED])
        else:
            if found and len(found.shared) >= likeness.noted_from:
                _note(index, found.shared, alone=False)
            id, top = fresh, _ALL if fingerprint.all else features[-1]
            held = _Held(now, now, 1, 1, top, array("I", features))
            index.single.put(id, held)
            self._found()
            _post(index.single_postings, id, counted[:INDEXED])
        return id, held

    def reach(self, customer: str, cluster: str) -> Reach:
        """What was accepted in a cluster of several messages."""
        return _reach(self._customer(customer), cluster, [], self._now())

    async def hold(self, customer: str, cluster: str, holder: str, recipients: Sequence[str], most: int) -> int | None:
        """Count them, where there is room."""
        return self.put_on_hold(customer, cluster, holder, recipients, most)

    def put_on_hold(
        self, customer: str, cluster: str, holder: str, recipients: Sequence[str], most: int, processes: int = 1
    ) -> int | None:
        """As `hold`, where so many processes are taken to have done as this one did."""
        index, now, mine = self._customer(customer), self._now(), reduced(recipients)
        paced = _paced(index, cluster, now)
        if processes * len(paced) + len(mine) > most:  # unless some are among these, or there twice
            others = processes * len({recipient for recipient, _ in paced}.difference(mine))
            if others + len(mine) > most:
                return others
        paced.update(((each, holder), now) for each in mine)
        return None

    def let_go(self, customer: str, cluster: str, holder: str, recipients: Sequence[str]) -> None:
        """They were not reached."""
        index = self._customer(customer)
        if paced := index.paced.get(cluster):
            for each in reduced(recipients):
                paced.pop((each, holder), None)

    def reached(self, customer: str, cluster: str, recipients: Sequence[str], holder: str = "") -> None:
        """Count them."""
        if not cluster or not recipients:
            return
        index, now = self._customer(customer), self._now()
        held = index.single.get(cluster)
        more = [(each, now) for each in reduced(recipients)]
        if holder or cluster in index.paced:  # who founded the cluster may stand there, whom nobody holds
            paced = _paced(index, cluster, now)
            for each, _ in more:
                if paced.pop((each, holder), None) is not None or holder:
                    paced.pop((each, ""), None)
                    paced[each, ""] = now
        if held is not None:
            more += [(each, when) for each, when in held.few if when]
            held.few = more if len(more) <= FEW else []
            index.single.put(cluster, held)
            if held.few:
                return
        _sketch(index, cluster, more)

    async def grown(self, customer: str) -> list[Cluster]:
        """The clusters of several messages."""
        index = self._customers.get(customer)
        if index is None:
            return []
        largest = sorted(index.grown.items(), key=lambda item: (-item[1].messages, item[0]))[:LISTED]
        now = self._now()
        return [
            Cluster(id, held.since / 1000, held.last / 1000, held.messages, _reach(index, id, [], now))
            for id, held in largest
        ]

    async def close(self) -> None:
        """Nothing waits."""

    def _now(self) -> int:
        return round(self._clock() * 1000)

    def _customer(self, customer: str) -> _Customer:
        index = self._customers.get(customer)
        if index is None:
            index = self._customers[customer] = _Customer(self._bounds)
            if len(self._customers) > MAX_CUSTOMERS:
                self._customers.popitem(last=False)
        self._customers.move_to_end(customer)
        return index

    def _found(self) -> None:
        """One more is held: see that they are not too many."""
        self._founded += 1
        if self._founded % _LOOKED_EACH == 0:
            held = sum(len(each.single) for each in self._customers.values())
            while held > MOST and len(self._customers) > 1:
                _, gone = self._customers.popitem(last=False)
                held -= len(gone.single)

    def _is_common(self, index: _Customer, feature: int) -> bool:
        noted, alone = index.common.get(feature) or (0, 0)
        return noted >= self._likeness.common_after and noted >= self._likeness.common_share * (noted + alone)

    def _find(self, index: _Customer, fingerprint: Fingerprint, counted: Sequence[int]) -> _Found | None:
        """The cluster it joins; else the one it shares most with."""
        votes: Counter[str] = Counter()
        for feature in counted[:INDEXED]:
            votes.update({*(index.single_postings.get(feature) or ()), *(index.grown_postings.get(feature) or ())})
        best: _Found | None = None
        for id, _ in sorted(votes.items(), key=lambda vote: (-vote[1], vote[0]))[:COMPARED]:
            held = index.single.get(id) or index.grown.get(id)
            if held is None:
                continue
            found = self._compare(index, id, held, fingerprint, counted)
            if best is None or _rank(found) > _rank(best):
                best = found
        return best

    def _compare(
        self, index: _Customer, id: str, held: _Held, fingerprint: Fingerprint, counted: Sequence[int]
    ) -> _Found:
        likeness, features = self._likeness, held.times
        top = min(held.top, _ALL if fingerprint.all else fingerprint.features[-1])
        least = likeness.core * held.weight
        shared = [each for each in fingerprint.features if features.get(each, 0) >= least]
        mine = [each for each in counted if each <= top]
        both = sum(1 for each in mine if features.get(each, 0) >= least)
        # Common text that both hold counts for neither.
        common = sum(1 for each in shared if each <= top) - both
        core = sum(1 for feature, times in features.items() if times >= least and feature <= top)
        theirs = core - common
        alone = held.messages == 1
        alike, not_unlike = (
            (likeness.pair, likeness.pair_not_unlike) if alone else (likeness.alike, likeness.not_unlike)
        )
        less, more = min(len(mine), theirs), max(len(mine), theirs)
        joins = both >= likeness.fewest and both >= alike * less and both >= not_unlike * more
        return _Found(id, held, shared, both / less if joins else 0.0)

    def _join(self, index: _Customer, found: _Found, fingerprint: Fingerprint, now: int) -> None:
        held = found.held
        held.messages += 1
        held.weight += 1
        held.last = max(now, held.last)
        if held.weight <= YOUNG:
            held.top = max(held.top, _ALL if fingerprint.all else fingerprint.features[-1])
        features = held.times
        for feature in fingerprint.features:
            features[feature] = features.get(feature, 0) + 1
        if held.weight >= WEIGHT:
            held.weight //= 2
            features = {feature: times // 2 for feature, times in features.items() if times >= 2}
        if len(features) > HELD:
            features = dict(sorted(features.items(), key=lambda item: (-item[1], item[0]))[:HELD])
        held.features = features
        if held.few:
            _paced(index, found.id, now).update(((each, ""), max(when, held.since)) for each, when in held.few)
            _sketch(index, found.id, [(each, when) for each, when in held.few if when])
            held.few = []
        index.single.drop(found.id)
        index.grown.put(found.id, held)


def _reach(index: _Customer, id: str, recipients: list[str], now: int) -> Reach:
    figures = []
    for at, window in enumerate(WINDOWS):
        slot = _slot(now, at)
        sketches = (index.slots.get((id, at, slot - back)) for back in range(window.slots + 1))
        figures.append(count((each for each in sketches if each), *recipients))
    return Reach(*figures)


def _paced(index: _Customer, id: str, now: int) -> OrderedDict[tuple[str, str], int]:
    """Who is on the way or was reached lately."""
    over = now - PACED * 1000
    while index.paced and next(reversed(next(iter(index.paced.values())).values()), over) <= over:
        index.paced.popitem(last=False)
    paced = index.paced.setdefault(id, OrderedDict())
    index.paced.move_to_end(id)
    while paced and next(iter(paced.values())) <= over:
        paced.popitem(last=False)
    return paced


def _rank(found: _Found) -> tuple[bool, int, float, int]:
    """Of several that a message is like, the largest, so that what began apart grows together."""
    return found.like > 0, found.held.weight if found.like else 0, found.like, len(found.shared)


def _slot(now: int, window: int) -> int:
    return now * WINDOWS[window].slots // (WINDOWS[window].length * 1000)


def _sketch(index: _Customer, id: str, recipients: Iterable[tuple[str, int]]) -> None:
    for recipient, when in recipients:
        for at in range(len(WINDOWS)):
            key = (id, at, _slot(when, at))
            sketch = index.slots.get(key) or Sketch()
            sketch.add([recipient])
            index.slots.put(key, sketch)


def _note(index: _Customer, features: Iterable[int], *, alone: bool) -> None:
    """These are shared with a message of other content; or a message that holds nothing else came (`alone`)."""
    for feature in features:
        noted = index.common.get(feature)
        if alone and noted is None:
            continue
        times, lone = noted or (0, 0)
        index.common.put(feature, (times, lone + 1) if alone else (times + 1, lone))


def _post(postings: Generations[int, tuple[str, ...]], id: str, features: Iterable[int]) -> None:
    for feature in features:
        ids = postings.get(feature) or ()
        postings.put(feature, ids if id in ids else (*ids, id)[-POSTED:])
