"""One set of cases for the forms of the clusters: in memory, in a real Redis, and in a real cluster of three."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator

import pytest

from filters.fingerprint import NONE, Fingerprint, fingerprint
from filters.message import Message
from gateway.ledger.clusters import BOUNDS, LIKENESS, NOWHERE, Bounds, Cluster, Reach, new_id
from gateway.ledger.clusters_memory import MemoryClusters
from gateway.ledger.clusters_redis import RedisClusters
from gateway.ledger.redis import RedisLedger
from tests.bulk.campaigns import KINDS, merged, templates
from tests.bulk.letters import Firm, letters
from tests.rig.redis import Cluster as Three
from tests.rig.redis import RedisServer, running, running_cluster

KEY = b"of sixteen bytes"


class Time:
    """Seconds since 1970 that move when told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def alarm(part: str, text: str) -> None:
    raise AssertionError(f"{part}: {text}")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running() as started:
        yield started


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.ledger.server.TIMEOUT", 60.0)


@pytest.fixture
def time() -> Time:
    return Time()


Form = MemoryClusters | RedisClusters


@pytest.fixture(scope="module")
def three() -> Iterator[Three]:
    with running_cluster() as started:
        yield started


@pytest.fixture(params=["memory", "redis", "cluster"])
async def clusters(request: pytest.FixtureRequest, time: Time, patient: None) -> AsyncIterator[Form]:
    if request.param == "memory":
        yield MemoryClusters(time)
        return
    server: RedisServer | Three = request.getfixturevalue("server" if request.param == "redis" else "three")
    ledger = RedisLedger(server.url, processes=1, clock=time, alarm=alarm)
    await ledger._server.client.flushall()
    await ledger.open()
    made = RedisClusters(ledger, processes=1, clock=time)
    yield made
    await made.close()
    await ledger.close()


async def settled(clusters: Form) -> None:
    await clusters.close()


def made(*features: int) -> Fingerprint:
    return Fingerprint(tuple(sorted(features)))


ADVERT = tuple(range(1000, 1040))
OTHER = tuple(range(5000, 5040))


async def test_what_is_alike_joins_and_what_is_not_founds(clusters: Form, time: Time) -> None:
    first = await clusters.place("acme", made(*ADVERT), fresh="a")
    time.now += 60
    again = await clusters.place("acme", made(*ADVERT[:35], 9000, 9001), fresh="b")
    other = await clusters.place("acme", made(*OTHER), fresh="c")
    assert (first.cluster, first.messages, first.since) == ("a", 1, 1_800_000_000.0)
    assert (again.cluster, again.messages, again.since) == ("a", 2, 1_800_000_000.0)
    assert (other.cluster, other.messages) == ("c", 1)
    assert await clusters.grown("acme") == [Cluster("a", 1_800_000_000.0, time.now, 2, Reach(0, 0, 0))]


async def test_lists_tell_what_was_reached(clusters: Form, time: Time) -> None:
    for number in range(3):
        await clusters.place("acme", made(*ADVERT), fresh=f"{number}")
    clusters.reached("acme", "0", ["ann", "bob"])
    await settled(clusters)
    time.now += 2 * 86_400
    clusters.reached("acme", "0", ["eve"])
    await settled(clusters)
    assert [(each.id, each.reach) for each in await clusters.grown("acme")] == [("0", Reach(1, 3, 3))]


async def test_customers_have_clusters_of_their_own(clusters: Form) -> None:
    await clusters.place("acme", made(*ADVERT), fresh="a")
    assert (await clusters.place("other", made(*ADVERT), fresh="b")).cluster == "b"
    assert await clusters.grown("nobody") == []


async def test_a_message_without_features_is_nowhere(clusters: Form) -> None:
    assert await clusters.place("acme", NONE, fresh="a") == NOWHERE


async def test_a_padded_message_joins_what_has_grown(clusters: Form) -> None:
    for number in range(3):
        await clusters.place("acme", made(*ADVERT, 9000 + number), fresh=f"{number}")
    assert (await clusters.place("acme", made(*ADVERT, *range(20_000, 20_060)), fresh="x")).cluster == "0"


async def test_text_that_stands_in_different_mail_no_longer_counts(clusters: Form) -> None:
    notice = tuple(range(100, 130))
    for number in range(5):
        own = range(10_000 + 100 * number, 10_040 + 100 * number)
        assert (await clusters.place("acme", made(*notice, *own), fresh=f"{number}")).cluster == f"{number}"
    assert await clusters.place("acme", made(*notice, 1, 2), fresh="x") == NOWHERE


async def test_what_was_made_common_with_padded_messages_counts_again_when_sent_alone(clusters: Form) -> None:
    advert = tuple(range(100, 130))
    for number in range(5):
        own = range(10_000 + 100 * number, 10_030 + 100 * number)
        await clusters.place("acme", made(*advert, *own), fresh=f"{number}")
    placed = [(await clusters.place("acme", made(*advert), fresh=f"x{number}")).cluster for number in range(100)]
    assert placed[0] == ""
    assert placed[-1] != "" and len(set(placed[-20:])) == 1


async def test_one_to_one_mail_does_not_push_out_a_slow_campaign(clusters: Form, time: Time) -> None:
    for number in range(2):
        await clusters.place("acme", made(*ADVERT), fresh=f"{number}")
    draw = random.Random(1)
    for number in range(2 * BOUNDS.single + 10):
        await clusters.place("acme", made(*draw.sample(range(10**6, 2**32), 20)), fresh=f"o{number}")
    assert (await clusters.place("acme", made(*ADVERT), fresh="x")).cluster == "0"


async def test_reach_counts_each_recipient_once_and_those_asked_about(clusters: Form, time: Time) -> None:
    for number in range(3):
        placed = await clusters.place("acme", made(*ADVERT), ["ann", f"bob{number}"], fresh=f"{number}")
        assert tuple(placed.reach) == (number + 2,) * 3
        clusters.reached("acme", placed.cluster, ["ann", f"bob{number}"])
        await settled(clusters)
    assert tuple((await clusters.place("acme", made(*ADVERT), fresh="x")).reach) == (4,) * 3


async def test_those_on_their_way_and_reached_count_once_for_the_pace_and_ten_minutes_long(
    clusters: Form, time: Time
) -> None:
    async def hold(holder: str, *recipients: str, most: int = 5) -> int | None:
        return await clusters.hold("acme", "a", holder, recipients, most)

    for fresh in "ab":
        await clusters.place("acme", made(*ADVERT), ["ann", "bob"], fresh=fresh)
    assert await hold("1", "ann", "bob") is None
    assert await hold("2", "bob", "carol") is None
    assert await hold("3", "dan", "eve", "fay") == 3, "there is no room for three, and none of them is held"
    assert await hold("3", "dan") is await hold("4", "eve") is None
    assert await hold("5", "fay") == 5
    assert await hold("5", "fay", "dan") == 4, "dan counts as asked about"
    assert await clusters.hold("other", "a", "5", ["fay"], 1) is None
    assert await clusters.hold("acme", "b", "5", ["fay"], 1) is None
    clusters.let_go("acme", "a", "1", ["ann", "bob"])
    await settled(clusters)
    assert await hold("5", "fay", most=4) == 4, "bob is on his way in another message"
    time.now += 300
    clusters.reached("acme", "a", ["bob", "carol"], "2")
    await settled(clusters)
    time.now += 299
    assert await hold("6", "guy", most=4) == 4
    time.now += 1
    assert await hold("6", "guy", most=2) == 2, "what a process held that died is over after ten minutes"
    time.now += 300
    assert await hold("7", "bob", most=1) is None


async def test_a_message_that_is_tried_again_needs_no_second_room(clusters: Form) -> None:
    for fresh in "ab":
        await clusters.place("acme", made(*ADVERT), fresh=fresh)
    team = [f"r{number}" for number in range(20)]
    assert await clusters.hold("acme", "a", "1", team, 20) is None
    assert await clusters.hold("acme", "a", "2", team, 20) is None
    clusters.reached("acme", "a", team, "2")
    await settled(clusters)
    assert await clusters.hold("acme", "a", "3", team, 20) is None
    assert await clusters.hold("acme", "a", "4", ["another"], 20) == 20


async def test_who_founded_a_cluster_counts_for_the_pace_while_on_the_way(clusters: Form) -> None:
    await clusters.place("acme", made(*ADVERT), ["ann"], fresh="a")
    placed = await clusters.place("acme", made(*ADVERT), ["bob"], fresh="b")
    assert placed.cluster == "a" and placed.reach == Reach(1, 1, 1)
    assert await clusters.hold("acme", "a", "1", ["bob"], 1) == 1
    assert await clusters.hold("acme", "a", "1", ["bob"], 2) is None
    assert await clusters.hold("acme", "a", "2", ["ann"], 2) is None, "the same one again"
    clusters.reached("acme", "a", ["ann"])
    await settled(clusters)
    assert await clusters.hold("acme", "a", "3", ["carol"], 2) == 2
    assert (await clusters.place("acme", made(*ADVERT), ["dan"], fresh="x")).reach == Reach(2, 2, 2)


async def test_what_was_not_accepted_is_not_counted(clusters: Form) -> None:
    await clusters.place("acme", made(*ADVERT), ["ann", "bob"], fresh="a")
    assert tuple((await clusters.place("acme", made(*ADVERT), ["ann"], fresh="b")).reach) == (1,) * 3


async def test_windows_hold_at_least_their_length_and_one_slot_more_at_most(clusters: Form, time: Time) -> None:
    placed = await clusters.place("acme", made(*ADVERT), fresh="a")
    await clusters.place("acme", made(*ADVERT), fresh="b")
    clusters.reached("acme", placed.cluster, ["ann"])
    await settled(clusters)
    begun = time.now
    for after, expected in (
        (86_400, (1, 1, 1)),
        (101_000, (0, 1, 1)),
        (30 * 86_400, (0, 1, 1)),
        (36 * 86_400, (0, 0, 1)),
        (365 * 86_400, (0, 0, 1)),
        (396 * 86_400, (0, 0, 0)),
    ):
        time.now = begun + after
        assert tuple((await clusters.place("acme", made(*ADVERT), fresh="x")).reach) == expected, after


async def test_few_recipients_of_one_message_go_along_when_the_cluster_grows(clusters: Form, time: Time) -> None:
    await clusters.place("acme", made(*ADVERT), fresh="a")
    clusters.reached("acme", "a", ["ann", "bob"])
    await settled(clusters)
    time.now += 2 * 86_400
    assert tuple((await clusters.place("acme", made(*ADVERT), ["eve"], fresh="b")).reach) == (1, 3, 3)


async def test_many_recipients_are_counted_within_three_per_cent(clusters: Form) -> None:
    await clusters.place("acme", made(*ADVERT), fresh="a")
    for start in range(0, 20_000, 1000):
        clusters.reached("acme", "a", [f"somebody{number}" for number in range(start, start + 1000)])
    await settled(clusters)
    reach = (await clusters.place("acme", made(*ADVERT), fresh="b")).reach
    assert all(figure == pytest.approx(20_000, rel=0.06) for figure in reach)


async def test_one_message_may_have_as_many_recipients_as_a_policy_lets(clusters: Form) -> None:
    everybody = [f"r{number}" for number in range(50_000)]
    for fresh in "ab":
        placed = await clusters.place("acme", made(*ADVERT), everybody, fresh=fresh)
        assert placed.cluster == "a" and placed.reach.day == pytest.approx(50_000, rel=0.06)
    assert await clusters.hold("acme", "a", "1", everybody, 50_000) is None
    clusters.reached("acme", "a", everybody, "1")
    await settled(clusters)
    assert await clusters.hold("acme", "a", "2", ["another"], 50_000) == 50_000


def test_no_two_ids_are_alike() -> None:
    assert len({new_id() for _ in range(100)}) == 100


@pytest.mark.usefixtures("patient")
def test_both_forms_place_real_mail_alike(server: RedisServer) -> None:
    """Campaigns, one-to-one mail with shared disclaimers, and bounds small enough to forget."""
    firm = Firm.of("choose", 0, "en")
    sent = [merged(each, KINDS[at % 8], firm.name, at, 1) for each in templates()[:3] for at in range(60)]
    sent += [letter.raw for letter in letters(firm, 250, 1)]
    random.Random(2).shuffle(sent)
    prints = [fingerprint(Message(raw), KEY) for raw in sent]

    async def both() -> None:
        time, bounds = Time(), Bounds(single=60, grown=3, postings=900, common=150)
        ledger = RedisLedger(server.url, processes=1, clock=time, alarm=alarm)
        await ledger._server.client.flushall()
        memory = MemoryClusters(time, LIKENESS, bounds)
        remote = RedisClusters(ledger, processes=1, clock=time, bounds=bounds)
        joined, held = 0, dict[int, int | None]()
        for number, each in enumerate(prints):
            time.now += 97
            placed = await remote.place("acme", each, [f"r{number % 40}"], fresh=f"c{number}")
            assert placed == memory.put("acme", each, [f"r{number % 40}"], fresh=f"c{number}"), number
            joined += placed.messages > 1
            for form in (memory, remote):
                others = await form.hold("acme", placed.cluster, f"{number}", [f"r{number % 40}"], 4)
                assert held.setdefault(number, others) == others
                form.reached("acme", placed.cluster, [f"r{number % 40}"], f"{number}" if others is None else "")
            await remote.close()
        assert await remote.grown("acme") == await memory.grown("acme")
        assert joined > 100 and 4 in held.values()
        await ledger.close()

    asyncio.run(both())
