"""Recording: what is told goes into the registry and the audit, in the order that loses nothing.

Whatever stops mail (withdrawal, refusal, suppression, erasure) and whatever lifts a suppression is durable in the audit
before the registry commits it, so that a registry restored from an old copy can be told again (`gateway.restore`). The
end of the registry's chain is noted in the audit after every commit, and so is every act of the operator.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from consent.address import Address
from consent.model import Event
from consent.records import Batch, BeforeCommit, Entry
from consent.store import ConsentStore
from gateway.audit.anchors import anchor
from gateway.audit.encoding import Record
from gateway.audit.errors import JournalClosed, JournalError
from gateway.audit.record import Act
from gateway.audit.withdrawals import MOST_ITEMS, Withdrawals


class Unrecorded(Exception):
    """It is done, but the audit could not record the operator's act; the text says so and why."""


class Recorder(Protocol):
    """What is needed of `gateway.audit.journal.Journal`."""

    def append_blocking(self, record: Record) -> int:
        """Make a record durable; raises JournalError."""
        ...

    def note(self, record: Record) -> None:
        """Write it with the next group; raises JournalClosed."""
        ...


@dataclass(frozen=True, slots=True)
class By:
    """Who acts."""

    actor: str
    """`token:<id>`, or `<user>@<machine>`."""
    operator: bool
    """For the operator, and not for a customer: then it stands in the audit as an act."""
    origin: str = "api"
    """By which door: `api` or `cli`."""

    @property
    def entity(self) -> str:
        """In the words of `consent.model.Event.entity`."""
        return "operator" if self.operator else "tenant"


@dataclass(frozen=True, slots=True)
class Done:
    """What became of what was told."""

    event: Event
    number: int | None
    """In the registry; None: it was known already, and nothing was recorded."""
    batch: Batch | None

    @property
    def new(self) -> bool:
        """Whether something was recorded."""
        return self.number is not None


def write_ahead(journal: Recorder, customer: str) -> BeforeCommit:
    """What makes a customer's stopping events durable in the audit before the registry commits them.

    It raises JournalError, which rolls the registry's transaction back.
    """

    def before_commit(items: Sequence[tuple[bytes, int, Event]]) -> None:
        for start in range(0, len(items), MOST_ITEMS):
            part = [(key, event) for key, _, event in items[start : start + MOST_ITEMS]]
            journal.append_blocking(Withdrawals(customer, part))

    return before_commit


class Recording:
    """Joins the registry of consents and a journal. Its methods block."""

    def __init__(self, store: ConsentStore, journal: Recorder, alarm: Callable[[str, str], None]) -> None:
        """`alarm` is `Metrics.alarm`."""
        self._store, self._journal, self._alarm = store, journal, alarm

    def ahead(self, customer: str) -> BeforeCommit:
        """`write_ahead` into its journal."""
        return write_ahead(self._journal, customer)

    def ahead_of(self, record: Record) -> None:
        """Make a record durable in the audit before what it says is done; raises JournalError."""
        self._journal.append_blocking(record)

    def append(self, customer: str, entry: Entry, by: By) -> Done:
        """Record one event. Raises RegistryError, and JournalError for one that stops mail; then nothing is changed."""
        appended = self._store.append(customer, [entry], before_commit=self.ahead(customer))
        if appended.batch is not None:
            self.note(appended.batch, by)
        return Done(entry.event, appended.numbers[0], appended.batch)

    def note(self, batch: Batch, by: By) -> None:
        """Note the end of the registry's chain."""
        # Not waited for: what is noted later says as much, for the chain covers all before it.
        with contextlib.suppress(JournalClosed):
            self._journal.note(anchor(batch, by.actor))

    def did(self, by: By, act: str, customer: str, target: Address | str, done: Done, reason: str = "") -> None:
        """Record what was told by the operator and is recorded now; raises Unrecorded."""
        if by.operator and done.new:
            told = {"event": done.number, "list": done.event.list, "code": done.event.reason}
            self.acted(by, act, customer, target, reason, {name: value for name, value in told.items() if value})

    def acted(
        self,
        by: By,
        act: str,
        customer: str,
        target: Address | str | None,
        reason: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an act that is done. Raises Unrecorded when the audit cannot take it; it is written when it can."""
        record = Act(by.actor, act, customer, target, reason, dict(details or {}))
        try:
            self._journal.append_blocking(record)
        except JournalError as error:
            self._alarm("audit", f"{act} at customer {customer} by {by.actor} is not recorded: {error}")
            with contextlib.suppress(JournalClosed):
                self._journal.note(record)
                raise Unrecorded(f"{error}; it will be written as soon as it can be") from None
            raise Unrecorded(str(error)) from None
