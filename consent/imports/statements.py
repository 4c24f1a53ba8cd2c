"""Statements: what the rows of an export say, as rows of events.

Each platform says the same few things in its own words: this address consented, asked and has not confirmed, has
withdrawn, complained, bounced. This file says them once, so that every imported event carries the same context: the
import, its party and list, when it was recorded and by whom, and from which stream of records it came.

Dates are treated by what is at stake (spec/imports.md). A consent needs one that can be read, or the row is an error.
A withdrawal, complaint or bounce is kept whatever its date looks like, and counts from the import on; so does one that
claims to lie in the future.
"""

import re
from typing import Any

from msgspec.structs import replace

from consent.address import Address, AddressError
from consent.imports.grades import banned, grade
from consent.imports.row import Context, ImportRefused, Row, RowError
from consent.imports.times import parse_time
from consent.model import ALL, Event, Grade, Reason, State, Stops

_REMEMBERED = 1000
_LONGEST_REMEMBERED = 1000
_LONGEST_SOURCE = 200
_QUERY = re.compile(r"[?#;]")
_BEHIND_THE_HOUR = 12
"""Where in a time its offset stands at the earliest: the hyphens of a date are left of it."""
_EPOCH = re.compile(r"\d{9,}(?:\.\d+)?\Z")
_OFFSET = re.compile(r"\d(?: ?(?:Z|UTC|GMT)\Z| ?([+-]\d\d):?(\d\d)(?!\d))", re.IGNORECASE)


def zone_needed(context: Context, title: str) -> None:
    """Raise ImportRefused with the question when `context` names no zone for a format whose times have none."""
    if context.zone is None:
        raise ImportRefused(
            f"{title}: the times in this file name no zone. In which zone was it written? Say it with --tz or &tz=,"
            " for example Europe/Paris or UTC."
        )


def nameless(source: str) -> str:
    """What may be kept of a source for ever, where it must name nobody: pages lose their query, and what holds an
    address is left out."""
    if "://" in source or source.startswith(("www.", "/")):
        source = _QUERY.split(source, maxsplit=1)[0]
    return "" if "@" in source or "%40" in source else source


class Statements:
    """Makes the rows of one import."""

    def __init__(self, context: Context, family: str, platform: str, *, day_first: bool = False) -> None:
        """`family` names the stream of records, such as "mailchimp", `platform` the source of a consent whose row tells
        no better one; `day_first` allows dates such as 31-12-2024."""
        self.context = context
        self.platform = platform
        self.origin = f"import:{family}"
        self.day_first = day_first
        self._withdrawn_list = ALL if context.scope_all else context.list
        self._flaw = "default_checked" if context.notice_default_checked else ""
        self._sources: dict[str, tuple[str, str]] = {}
        self._given = self._template(State.GIVEN, ground="express", notice=context.notice)
        self._confirmed = replace(self._given, state=State.CONFIRMED)
        self._requested = self._template(State.REQUESTED)
        self._stops: dict[tuple[State, str, Reason, Stops], Event] = {}

    def address(self, text: str, line: int) -> Address | RowError:
        """Whom the row is about; an error, which does not repeat the text, when it names no mailbox."""
        text = text.strip()
        if not text:
            return RowError(line, "no e-mail address: fill the address column, or leave the row out")
        try:
            return Address.parse(text)
        except AddressError as error:
            return RowError(line, f"not an e-mail address: {error}")

    def time(self, text: str) -> int | None:
        """When it happened, of a withdrawal, complaint or bounce: None when that cannot be read or lies ahead."""
        text = text.strip()
        if not text:
            return None
        try:
            at = parse_time(text, self.context.zone, self.day_first)
        except ValueError:
            return None
        return at if at <= self.context.recorded else None

    def end(self, text: str) -> int | None:
        """Until when a suppression holds; None, for ever, when that cannot be read."""
        try:
            return parse_time(text.strip(), self.context.zone, self.day_first)
        except ValueError:
            return None

    def date(self, text: str, column: str, line: int) -> int | RowError | None:
        """When a consent was given: None when `text` is empty, an error when it cannot be read."""
        text = text.strip()
        if not text:
            return None
        try:
            return parse_time(text, self.context.zone, self.day_first)
        except ValueError as error:
            return RowError(line, f'column "{column}": {error}')

    def zone(self, text: str) -> str:
        """The offset or zone in which the time `text` was told; seconds since 1970 are told in UTC."""
        text = text.strip()
        if len(text) == len("2024-12-31 23:59:59") and text[16] == ":":
            return self.context.zone_name
        told = _OFFSET.search(text, _BEHIND_THE_HOUR)
        if told is None:
            return "+00:00" if _EPOCH.match(text) else self.context.zone_name
        return "+00:00" if told[1] is None else f"{told[1]}:{told[2]}"

    def given(
        self,
        line: int,
        subject: Address,
        at: int,
        *,
        source: str,
        zone: str,
        ip: str = "",
        confirmed: bool = False,
        best: Grade = Grade.E3,
        country: str = "",
        personal: dict[str, str] | None = None,
    ) -> Row:
        """A consent to the import's list. `confirmed`: the file holds the log of a double opt-in. `best` caps the
        grade where the evidence is of less worth than it looks; `personal` is added to."""
        context = self.context
        told = {} if personal is None else personal
        if ip:
            told["ip"] = ip
        if at > context.recorded:
            best = min(best, Grade.E1)  # a time that is yet to come proves nothing
        source, flaw = self._source(source)
        event = replace(
            self._confirmed if confirmed else self._given,
            at=at,
            zone=zone,
            grade=grade(at=at, source=source, ip=ip, notice=context.notice, confirmed=confirmed, best=best),
            flaw=self._flaw or flaw,
            source=source,
            country=country,
            line=line,
        )
        return Row(line, subject, event, told)

    def _source(self, told: str) -> tuple[str, str]:
        """A source as it may be kept, and its flaw. The same few come again in every row: a bounded number is
        remembered."""
        known = self._sources.get(told)
        if known is None:
            source = nameless(" ".join(told.split())[:_LONGEST_SOURCE])
            known = (source or self.platform, "banned_source" if banned(told) else "")
            if len(self._sources) < _REMEMBERED and len(told) <= _LONGEST_REMEMBERED:
                self._sources[told] = known
        return known

    def requested(self, line: int, subject: Address, at: int, *, source: str, zone: str) -> Row:
        """The person asked to be on the list and has not confirmed."""
        return Row(line, subject, replace(self._requested, at=at, zone=zone, source=self._source(source)[0], line=line))

    def withdrawn(self, line: int, subject: Address, when: str, *, everything: bool = False) -> Row:
        """The person wants no more: of the import's list, or of anything the sender mails in bulk."""
        over = ALL if everything else self._withdrawn_list
        return self._stop(line, subject, State.WITHDRAWN, when, over, Reason.UNSUBSCRIBE, "marketing", "recipient")

    def complained(self, line: int, subject: Address, when: str) -> Row:
        """The person reported the mail as spam: everything from the sender stops (R-202)."""
        return self._stop(line, subject, State.WITHDRAWN, when, ALL, Reason.COMPLAINT, "marketing", "mailbox_provider")

    def undeliverable(self, line: int, subject: Address, when: str, reason: Reason = Reason.HARD_BOUNCE) -> Row:
        """The mailbox does not exist, so no mail of any kind can reach it."""
        return self._stop(line, subject, State.SUPPRESSED, when, ALL, reason, "all", "system")

    def suppressed(
        self,
        line: int,
        subject: Address,
        when: str,
        reason: Reason,
        *,
        everything: bool,
        until: int | None = None,
    ) -> Row:
        """Somebody or something else than the person stopped bulk mail to the address."""
        over = ALL if everything else self._withdrawn_list
        entity = "tenant" if reason is Reason.MANUAL else "system"
        return self._stop(line, subject, State.SUPPRESSED, when, over, reason, "marketing", entity, until)

    def _stop(
        self,
        line: int,
        subject: Address,
        state: State,
        when: str,
        over: str,
        reason: Reason,
        stops: Stops,
        entity: str,
        until: int | None = None,
    ) -> Row:
        at = self.time(when)
        template = self._stops.get((state, over, reason, stops))
        if template is None:
            template = self._template(state, list=over, reason=reason, stops=stops, entity=entity)
            self._stops[(state, over, reason, stops)] = template
        zone = "" if at is None else self.zone(when)
        return Row(line, subject, replace(template, at=at, zone=zone, until=until, line=line))

    def _template(self, state: State, **more: Any) -> Event:
        """An event that lacks only what differs from row to row: to copy it costs a tenth of making it anew."""
        context = self.context
        common: dict[str, Any] = {
            "party": context.party,
            "list": context.list,
            "at": None,
            "recorded": context.recorded,
            "imported": True,
            "method": "import",
            "entity": "recipient",
            "actor": context.actor,
            "origin": self.origin,
            "import_id": context.import_id,
        }
        return Event(state=state, **(common | more))


def undated(line: int, column: str) -> RowError:
    """A consent without a date is none that could be shown."""
    return RowError(line, f'column "{column}" is empty: a consent needs the date on which it was given')


def nothing(line: int, why: str) -> RowError:
    """The row says neither that the address may be written to nor that it may not: nothing is recorded of it."""
    return RowError(line, f"nothing to record: {why}")
