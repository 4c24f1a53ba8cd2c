"""R-101: a thousand decisions over a registry that goes on changing, each replayed to the same verdict; on SQLite and
PostgreSQL."""

import random
from collections import Counter
from dataclasses import dataclass, replace

from msgspec.structs import replace as changed

from consent.address import Address
from consent.database import Database
from consent.decide import Class, Decision, Mailing, decide
from consent.imports.row import DomainName, Subject
from consent.keys import Secrets
from consent.model import ALL, Event, Grade, Kind, Reason, Related, State
from consent.records import Entry
from consent.replay import AROUND, replay
from consent.store import ConsentStore, hashes
from tests.rig.consent_cases import all_profiles
from tests.rig.consents import AT

pytest_plugins = ("tests.rig.contracts",)

DECISIONS = 1000
PROFILES = all_profiles()
DAY = 86_400_000_000
PEOPLE = [Address.parse(f"person{number}@d{number % 5}.example") for number in range(40)]
STATES = (State.GIVEN,) * 6 + (State.CONFIRMED,) * 3 + (State.RELATED,) * 3 + tuple(State)


@dataclass
class Taken:
    """A decision as the audit has it."""

    address: Address
    mailing: Mailing
    at: int
    decision: Decision


def _event(chance: random.Random, now: int, *, imported: bool = False) -> Event:
    state = chance.choice([each for each in STATES if each is not State.ERASED])
    consent = state in (State.GIVEN, State.CONFIRMED)
    return Event(
        state=state,
        party=chance.choice(("acme", "acme", "shoes", ALL)),
        list=chance.choice(("news", "offers", ALL)),
        at=chance.choice((None, now, now - chance.randrange(30) * DAY)),
        recorded=now,
        grade=chance.randrange(5) if consent else chance.randrange(3),
        imported=imported,
        until=chance.choice((None, None, now + chance.randrange(20) * DAY)) if consent else None,
        ground="express" if consent else "",
        reason=chance.choice(tuple(Reason)) if state in (State.WITHDRAWN, State.SUPPRESSED, State.LIFTED) else "",
        stops=chance.choice(("marketing", "marketing", "all")),
        country=chance.choice(("", "de", "us", "ca")),
        import_id="running" if imported else "",
        related=Related(kind=chance.choice(tuple(Kind)), basis="2026-02-01") if state is State.RELATED else None,
    )


def _mailing(chance: random.Random, now: int) -> Mailing:
    return Mailing(
        chance.choice((Class.BULK,) * 4 + (Class.PERSONAL, Class.TRANSACTIONAL, Class.CONFIRMATION)),
        chance.choice(("acme", "acme", "shoes")),
        chance.choice((None, "news", "news", "offers")),
        chance.choice((Grade.E1, Grade.E2, Grade.E3)),
        chance.choice((("us",), ("ca", "eu"), ("uk",))),
        list_complaint_at=chance.choice((None, None, now)),
    )


def _subject(chance: random.Random) -> Subject:
    address = chance.choice(PEOPLE)
    if chance.random() < 0.9:
        return address
    return chance.choice((DomainName(address.domain), chance.choice(hashes(address))))


def _lives(store: ConsentStore, chance: random.Random) -> list[Taken]:
    """Histories and decisions, mixed; now and then in one instant, and a file is being imported all the time."""
    now, taken = AT, list[Taken]()
    file = [Entry(chance.choice(PEOPLE), _event(chance, now, imported=True)) for _ in range(60)]
    while len(taken) < DECISIONS:
        now += chance.choice((0, 1, AROUND // 2, 4 * AROUND, DAY // 3))
        what = chance.random()
        if what < 0.35:
            customer = "acme" if chance.random() < 0.9 else ALL
            entries = [Entry(_subject(chance), _event(chance, now)) for _ in range(chance.randrange(1, 4))]
            store.append(customer, entries)
        elif what < 0.37:
            store.erase("acme", chance.choice(PEOPLE), actor="x", now=now)
        elif what < 0.45 and file:
            store.append("acme", [file.pop() for _ in range(min(len(file), 3))], import_id="running")
        mailing = _mailing(chance, now)
        few = chance.sample(PEOPLE, 3)
        for address, known in zip(few, store.known("acme", few), strict=True):
            taken.append(Taken(address, mailing, now, decide(mailing, known, PROFILES, now)))
    return taken


def test_a_thousand_decisions_are_replayed_to_the_same_verdict(database: Database, secrets: Secrets) -> None:
    store, chance = ConsentStore(database, secrets), random.Random(101)
    taken = _lives(store, chance)
    reasons = Counter(each.decision.reason for each in taken)
    # Not all one answer, or the rest would prove little.
    assert len(reasons) >= 12
    assert min(reasons[None], reasons["WITHDRAWN"], reasons["PROVIDER-BLOCK"], reasons["SUPPRESSED"]) >= 20
    filed = store.filed("acme", [each.address for each in taken])
    whole, later, turned = 0, 0, 0
    for each, events in zip(taken, filed, strict=True):
        same = lambda decision, each=each: decision == each.decision  # noqa: E731
        found = replay(events, each.mailing, PROFILES, each.at, same, {"running": None})
        assert found.agrees, each
        whole += not found.around
        # What is on record now would give another answer: the past was built again, not the present asked.
        later += decide(each.mailing, events.known(lambda number, event: True), PROFILES, each.at) != each.decision
        # A registry that somebody has changed does not agree.
        short = replace(events, own=[(n, e) for n, e in events.own if e.recorded > each.at - 4 * AROUND or e.imported])
        turned += not replay(short, each.mailing, PROFILES, each.at, same, {"running": None}).agrees
    assert whole >= 0.8 * len(taken)
    assert later >= 0.1 * len(taken)
    assert turned >= 0.1 * len(taken)
    store.close()


def test_an_address_that_cannot_be_read_is_found_by_its_key(database: Database, secrets: Secrets) -> None:
    store = ConsentStore(database, secrets)
    chance = random.Random(7)
    bob = PEOPLE[0]
    events = [changed(_event(chance, AT + number), state=State.GIVEN, related=None) for number in range(3)]
    store.append("acme", [Entry(bob, each) for each in events])
    store.append(ALL, [Entry(bob, _event(chance, AT)), Entry(DomainName(bob.domain), _event(chance, AT))])
    by_address, by_key = store.filed("acme", [bob, secrets.subject_octets(bob)])
    assert (by_address.whole, by_key.whole) == (True, False)
    assert by_key.own == by_address.own
    assert by_key.operator == by_address.operator
    assert len(by_address.own) == 3
    assert (len(by_address.operator_domain), by_key.operator_domain) == (1, [])
    assert store.filed("nobody", [bob])[0].own == []
    store.close()
