"""What is told goes into audit and registry in the order that loses nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consent.address import Address
from consent.model import ALL, Event, State
from consent.records import Entry
from consent.store import ConsentStore
from gateway.audit.anchors import Anchored
from gateway.audit.encoding import Record
from gateway.audit.errors import JournalClosed, JournalError, JournalFull
from gateway.audit.record import Act
from gateway.audit.withdrawals import MOST_ITEMS, Withdrawals
from gateway.recording import By, Recording, Unrecorded, write_ahead
from tests.rig import registry

BOB = Address.parse("bob@recipient.example")
BY = By("token:1", operator=True)


class Book:
    """A journal that keeps what it is given, or fails."""

    def __init__(self) -> None:
        self.appended: list[Record] = []
        self.noted: list[Record] = []
        self.fails: JournalError | None = None
        self.closed = False

    def append_blocking(self, record: Record) -> int:
        """Keep it."""
        if self.fails is not None:
            raise self.fails
        self.appended.append(record)
        return len(self.appended)

    def note(self, record: Record) -> None:
        """Keep it elsewhere."""
        if self.closed:
            raise JournalClosed("the audit journal is closed")
        self.noted.append(record)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConsentStore]:
    """A registry of consents."""
    with registry.sqlite(tmp_path) as database:
        found = ConsentStore(database, registry.secrets(tmp_path))
        yield found
        found.close()


def entry(state: State, at: int = 5) -> Entry:
    """An event about Bob."""
    return Entry(BOB, Event(state=state, party=ALL, list=ALL, at=at, recorded=at))


def test_what_stops_mail_is_in_the_audit_first(store: ConsentStore) -> None:
    book = Book()
    recording = Recording(store, book, lambda part, text: None)
    done = recording.append("acme", entry(State.WITHDRAWN), BY)
    assert done.number == 1
    (ahead,) = book.appended
    assert isinstance(ahead, Withdrawals)
    assert ahead.customer == "acme"
    assert [event.state for _, event in ahead.items] == [State.WITHDRAWN]
    (noted,) = book.noted
    assert isinstance(noted, Anchored)
    assert (noted.batch, noted.actor, noted.customer) == (1, "token:1", "acme")


def test_what_the_audit_cannot_take_is_not_in_the_registry(store: ConsentStore) -> None:
    book = Book()
    book.fails = JournalFull("the disk is full")
    recording = Recording(store, book, lambda part, text: None)
    with pytest.raises(JournalFull):
        recording.append("acme", entry(State.WITHDRAWN), BY)
    assert store.history("acme", BOB) == []
    assert book.noted == []
    assert recording.append("acme", entry(State.GIVEN), BY).new, "a consent needs no writing ahead"


def test_what_is_known_is_not_recorded_again(store: ConsentStore) -> None:
    book = Book()
    recording = Recording(store, book, lambda part, text: None)
    recording.append("acme", entry(State.GIVEN), BY)
    done = recording.append("acme", entry(State.GIVEN), BY)
    assert (done.new, done.batch, len(book.noted)) == (False, None, 1)
    recording.did(BY, "consent given", "acme", BOB, done)
    assert book.appended == []


def test_many_are_written_ahead_in_parts() -> None:
    book = Book()
    event = entry(State.WITHDRAWN).event
    write_ahead(book, "acme")([(bytes([number % 256]) * 33, number, event) for number in range(2 * MOST_ITEMS + 1)])
    sizes = [len(record.items) for record in book.appended if isinstance(record, Withdrawals)]
    assert sizes == [MOST_ITEMS, MOST_ITEMS, 1]


def test_an_act_that_cannot_be_recorded_is_owed_and_told(store: ConsentStore) -> None:
    book, alarms = Book(), []
    recording = Recording(store, book, lambda part, text: alarms.append((part, text)))
    book.fails = JournalFull("the disk is full")
    with pytest.raises(Unrecorded, match="the disk is full; it will be written as soon as it can be"):
        recording.acted(BY, "consent export", "acme", None)
    assert [type(record) for record in book.noted] == [Act]
    assert alarms[0][0] == "audit"
    book.closed = True
    with pytest.raises(Unrecorded, match=r"^the disk is full$"):
        recording.acted(BY, "consent export", "acme", None)


def test_only_the_operators_doing_is_an_act(store: ConsentStore) -> None:
    book = Book()
    recording = Recording(store, book, lambda part, text: None)
    own = By("token:2", operator=False)
    recording.did(own, "consent given", "acme", BOB, recording.append("acme", entry(State.GIVEN), own))
    assert book.appended == []
    recording.did(BY, "consent given", "acme", BOB, recording.append("acme", entry(State.GIVEN, 6), BY), "by letter")
    (act,) = book.appended
    assert isinstance(act, Act)
    assert (act.actor, act.target, act.reason, act.details) == ("token:1", BOB, "by letter", {"event": 2, "list": "*"})
    assert (own.entity, BY.entity) == ("tenant", "operator")
