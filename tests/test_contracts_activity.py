"""One set of cases for all forms of a credential's activity: in memory, in a real Redis and in a real Redis Cluster."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.signals import MOST_DISTINCT
from filters.activity import KEPT_DAYS, Activity, Measured
from gateway.ledger.activity import COUNTERS, DAY, HOUR, MOST_BODIES, QUIET, Answer, Kind, Passage, Watch, activity_of
from gateway.ledger.memory import MemoryLedger
from gateway.ledger.model import Ledger
from gateway.ledger.redis import RedisLedger
from tests.rig.redis import Cluster, RedisServer, running, running_cluster
from tests.rig.windows import Time

ONE = Passage(("ann",), ("acme",), "192.0.2.0/24", "body", 1)


def alarm(part: str, text: str) -> None:
    raise AssertionError(f"{part}: {text}")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as started:
        yield started


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may be busy."""
    monkeypatch.setattr("gateway.ledger.server.TIMEOUT", 60.0)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(params=["memory", "redis", "cluster"])
async def ledger(request: pytest.FixtureRequest, time: Time) -> AsyncIterator[Ledger]:
    if request.param == "memory":
        made: Ledger = MemoryLedger(time)
    else:
        where: RedisServer | Cluster = request.getfixturevalue("server" if request.param == "redis" else "cluster")
        remote = RedisLedger(where.url, processes=1, clock=time, alarm=alarm, tell_time=True)
        await remote._server.client.flushall()
        made = remote
    await made.open()
    yield made
    await made.close()


async def do(ledger: Ledger, kind: Kind, passage: Passage | None = None, *codes: str, name: str = "app") -> Answer:
    answer = await ledger.watch(Watch(kind, "acme", name, passage, codes))
    assert answer is not None
    return answer


async def look(ledger: Ledger, passage: Passage = ONE, name: str = "app") -> Activity:
    return activity_of(await do(ledger, Kind.LOOK, passage, name=name))


async def count(ledger: Ledger, passage: Passage = ONE, name: str = "app") -> None:
    assert await do(ledger, Kind.COUNT, passage, name=name) == []


async def test_looking_counts_nothing_and_what_is_asked_about_is_in_the_numbers(ledger: Ledger) -> None:
    new = Activity(0, Measured(5, 0), Measured(1, 0), Measured(1, 0), Measured(1, 0), Measured(5, 0), False)
    for _ in range(2):
        assert await look(ledger, replace(ONE, recipients=5)) == new
    await count(ledger, replace(ONE, recipients=5))
    other = Passage(("ann", "bob"), ("acme", "news"), "198.51.100.0/24", "other", 2)
    found = await look(ledger, other)
    assert (found.recipients.now, found.senders.now, found.sender_domains.now) == (7, 2, 2)
    assert (found.networks.now, found.one_body.now) == (2, 2)


async def test_credentials_are_apart(ledger: Ledger) -> None:
    await count(ledger)
    assert (await look(ledger, name="other")).recipients == Measured(1, 0)


async def test_what_was_distinct_is_so_for_an_hour_since_it_was_last_seen(ledger: Ledger, time: Time) -> None:
    await count(ledger)
    time.pass_ms(HOUR // 2)
    await count(ledger, replace(ONE, senders=("bob",)))
    assert (await look(ledger, replace(ONE, senders=("eve",)))).senders.now == 3
    time.pass_ms(HOUR // 2)
    assert (await look(ledger, replace(ONE, senders=("eve",)))).senders.now == 2
    time.pass_ms(HOUR // 2)
    assert (await look(ledger, replace(ONE, senders=("eve",)))).senders.now == 1


async def test_a_day_is_held_against_the_busiest_before_it_and_not_against_itself(ledger: Ledger, time: Time) -> None:
    for recipients in (10, 300, 20):
        await count(ledger, replace(ONE, recipients=recipients))
        time.pass_ms(DAY)
    await count(ledger, Passage(("ann", "bob", "eve"), ("acme",), "192.0.2.0/24", "body", 1000))
    found = await look(ledger)
    assert found.days_known == 3
    assert (found.recipients, found.senders, found.one_body) == (
        Measured(1001, 300),
        Measured(3, 1),
        Measured(1001, 300),
    )
    time.pass_ms(DAY)
    assert (await look(ledger)).recipients == Measured(1, 1000)


async def test_the_past_goes_back_as_far_as_it_says_and_then_the_credential_is_as_new(
    ledger: Ledger, time: Time
) -> None:
    await count(ledger, replace(ONE, recipients=900))
    time.pass_ms(DAY)
    await count(ledger, replace(ONE, recipients=9))
    time.pass_ms((KEPT_DAYS - 1) * DAY)
    assert (await look(ledger)).recipients == Measured(1, 900)
    time.pass_ms(DAY)
    found = await look(ledger)
    assert (found.recipients, found.days_known) == (Measured(1, 9), KEPT_DAYS + 1)
    time.pass_ms(DAY)
    assert ((await look(ledger)).recipients, (await look(ledger)).days_known) == (Measured(1, 0), 0)


async def test_a_body_is_counted_within_the_hour_of_the_clock(ledger: Ledger, time: Time) -> None:
    time.now = (time.now // 3600) * 3600.0
    await count(ledger, replace(ONE, recipients=40))
    time.pass_ms(HOUR - 1)
    assert (await look(ledger)).one_body.now == 41
    time.pass_ms(1)
    assert (await look(ledger)).one_body.now == 1


async def test_what_is_kept_is_bounded_whatever_is_sent(ledger: Ledger) -> None:
    await count(ledger, replace(ONE, body="the one", recipients=3))
    for number in range(MOST_DISTINCT + 50):
        name = f"{number:04}"
        await count(ledger, Passage((f"s{name}",), (f"d{name}",), f"n{name}", f"b{name}", 1))
    found = await look(ledger, replace(ONE, body="the one"))
    assert found.senders.now == found.sender_domains.now == found.networks.now == MOST_DISTINCT
    assert found.recipients.now == MOST_DISTINCT + 54
    assert found.one_body.now == 4  # those that have most are kept
    if isinstance(ledger, RedisLedger):
        client, watch = ledger._server.client, Watch(Kind.LOOK, "acme", "app")
        names = [f"{watch.key}={counter}" for counter in COUNTERS[:5]]
        sizes = [await client.zcard(name) for name in names[1:]]
        assert sizes == [MOST_DISTINCT] * 3 + [MOST_BODIES + 1]
        assert all([await client.pttl(name) > 0 for name in names])


async def test_signals_are_remembered_for_an_hour(ledger: Ledger, time: Time) -> None:
    assert await do(ledger, Kind.SIGNAL, None, "SIGNAL-VOLUME") == ["SIGNAL-VOLUME"]
    time.pass_ms(HOUR - 1)
    assert await do(ledger, Kind.SIGNAL, None, "SIGNAL-A", "SIGNAL-B") == ["SIGNAL-A", "SIGNAL-B", "SIGNAL-VOLUME"]
    time.pass_ms(1)
    assert await do(ledger, Kind.SIGNAL, None, "SIGNAL-B") == ["SIGNAL-A", "SIGNAL-B"]
    assert await do(ledger, Kind.SIGNAL, None, "SIGNAL-A", name="other") == ["SIGNAL-A"]


async def test_a_guess_is_remembered_for_an_hour(ledger: Ledger, time: Time) -> None:
    assert await do(ledger, Kind.GUESSED) == []
    time.pass_ms(HOUR - 1)
    assert (await look(ledger)).guessed
    time.pass_ms(1)
    assert not (await look(ledger)).guessed


async def test_settling_forgets_what_led_to_a_lock_and_keeps_the_past(ledger: Ledger, time: Time) -> None:
    await count(ledger, replace(ONE, recipients=10))
    time.pass_ms(DAY)
    await count(ledger, Passage(("ann", "bob"), ("acme",), "192.0.2.0/24", "body", 1000))
    await do(ledger, Kind.SIGNAL, None, "SIGNAL-VOLUME")
    await do(ledger, Kind.GUESSED)
    assert await do(ledger, Kind.SETTLE) == []
    # What other nodes let pass before they know of the lock is not counted either.
    await count(ledger, replace(ONE, recipients=1000))
    assert (await look(ledger)).recipients.now == 0
    assert await do(ledger, Kind.SIGNAL, None, "SIGNAL-VOLUME") == []
    time.pass_ms(QUIET)
    found = await look(ledger, replace(ONE, senders=("eve",)))
    assert (found.recipients, found.senders, found.one_body) == (Measured(1, 10), Measured(1, 1), Measured(1, 10))
    assert (found.days_known, found.guessed) == (1, False)
    assert await do(ledger, Kind.SIGNAL, None, "SIGNAL-SENDERS") == ["SIGNAL-SENDERS"]


async def test_a_clock_that_is_set_back_loses_nothing(ledger: Ledger, time: Time) -> None:
    await count(ledger, replace(ONE, recipients=10))
    time.pass_ms(-2 * DAY)
    await count(ledger, replace(ONE, recipients=5))
    assert (await look(ledger)).recipients == Measured(16, 0)


NAMES = st.sampled_from("abcdefgh")
PASSAGES = st.builds(
    Passage,
    st.lists(NAMES, max_size=3, unique=True).map(tuple),
    st.lists(NAMES, max_size=2, unique=True).map(tuple),
    NAMES,
    NAMES,
    st.integers(1, 1000),
)
STEPS = st.one_of(
    st.tuples(st.sampled_from([Kind.LOOK, Kind.COUNT]), PASSAGES, st.just(())),
    st.tuples(st.just(Kind.SIGNAL), st.none(), st.lists(NAMES, max_size=2, unique=True).map(tuple)),
    st.tuples(st.sampled_from([Kind.GUESSED, Kind.SETTLE]), st.none(), st.just(())),
)
GAPS = st.one_of(st.integers(-HOUR, HOUR), st.integers(0, 3 * DAY), st.just((KEPT_DAYS - 1) * DAY))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(GAPS, STEPS), max_size=40))
def test_both_forms_answer_alike(
    server: RedisServer, steps: list[tuple[int, tuple[Kind, Passage | None, tuple[str, ...]]]]
) -> None:
    async def both() -> None:
        time = Time()
        memory = MemoryLedger(time)
        remote = RedisLedger(server.url, processes=1, clock=time, alarm=alarm, tell_time=True)
        await remote._server.client.flushall()
        for milliseconds, (kind, passage, codes) in steps:
            time.pass_ms(milliseconds)
            watch = Watch(kind, "acme", "app", passage, codes)
            assert await remote.watch(watch) == await memory.watch(watch)
        await remote.close()

    asyncio.run(both())
