"""Export: what is recorded of a customer's recipients, shaped for others to read. No I/O.

JSON in the four sections of ISO/IEC TS 27560:2023 (header, processing, parties, events), as the W3C DPVCG guide to it
names them; CSV with one line per event, safe to open in a spreadsheet. Both come in portions, so that a registry of
any size passes through constant memory.
"""

import csv
import io
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from config.customers import Customer
from consent.lists import MailingList
from consent.model import ALL, Event, Grade, State
from consent.notices import Notice
from consent.parties import Party
from consent.records import Recorded
from consent.words import SUBJECTS, grade_text, in_public, time_text

SCHEMA = "postern-consent/1 (ISO/IEC TS 27560:2023)"

_RECORDS = uuid.UUID("6f1c8f0e-52a1-5d0c-9b57-3f6a4f4b5a10")
"""Namespace of record ids (RFC 9562 section 5.5): one customer, subject, party and list always have one id."""

_STATES = {
    State.REQUESTED: "requested",
    State.GIVEN: "given",
    State.CONFIRMED: "reaffirmed",
    State.REFUSED: "refused",
    State.WITHDRAWN: "withdrawn",
    State.EXPIRED: "expired",
    State.INVALIDATED: "invalidated",
    State.ERASED: "terminated",
}
"""Our states in the words of ISO/IEC TS 27560; it has none for relationships and suppressions."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_BEHIND_SEMICOLON = re.compile(rf";(?=[{re.escape(''.join(_FORMULA))}])")

_UNKNOWN_PARTY = Party(id="unknown", name="?")
_UNKNOWN_LIST = MailingList(id="unknown", party="unknown", list_id="unknown.invalid")

COLUMNS = (
    "address", "subject", "party", "list", "event", "state", "at", "zone", "recorded", "grade", "imported", "until",
    "ground", "method", "flaw", "reason", "stops", "entity", "notice", "source", "origin", "country", "language",
    "import", "line", "relationship", "basis", "ongoing", "ended", "ip", "user_agent", "form_url", "confirm_ip",
    "batch",
)  # fmt: skip
_PERSONAL = ("ip", "user_agent", "form_url", "confirm_ip")


def safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe in front (OWASP).

    Where the decimal mark is a comma, spreadsheets split lines at semicolons: what stands behind one may begin a cell.
    """
    text = _BEHIND_SEMICOLON.sub(";'", cell)
    return f"'{text}" if text.startswith(_FORMULA) else text


@dataclass(frozen=True, slots=True)
class Shape:
    """All that the records of one customer refer to: parties (its own among them), lists, notices."""

    customer: Customer
    parties: Mapping[str, Party]
    lists: Mapping[str, MailingList]
    notices: Mapping[str, Notice]
    public: bool = True
    """For the customer or the recipient. False: for the operator, who sees by whose hand, and who complained."""

    @classmethod
    def of(
        cls,
        customer: Customer,
        parties: Iterable[Party],
        lists: Iterable[MailingList],
        notices: Iterable[Notice],
        *,
        public: bool = True,
    ) -> "Shape":
        """From what the stores give."""
        return cls(
            customer,
            {each.id: each for each in parties},
            {each.id: each for each in lists},
            {each.id: each for each in notices},
            public,
        )

    def seen(self, history: Iterable[Recorded]) -> Iterator[Recorded]:
        """The events as whoever it is for may see them."""
        return map(in_public, history) if self.public else iter(history)

    # -- JSON

    def records(self, address_key: str, history: Sequence[Recorded], only: str | None = None) -> list[dict[str, Any]]:
        """The records of one subject, one for each party and list its events name, in the order of the first event.

        `only` is a list: then that list's, and those for everything from the sender.
        """
        scopes: dict[tuple[str, str], list[Recorded]] = {}
        for each in self.seen(history):
            if only is None or each.event.list in (only, ALL):
                scopes.setdefault((each.event.party, each.event.list), []).append(each)
        return [self._record(address_key, party, name, found) for (party, name), found in scopes.items()]

    def _record(self, key: str, party: str, name: str, found: Sequence[Recorded]) -> dict[str, Any]:
        events = [each.event for each in found]
        name_of = "\x1f".join((self.customer.id, key, party, name))
        parties = self.parties if party == ALL else {party: self.party(party)}
        return {
            "header": {
                "schema_version": SCHEMA,
                "record_id": str(uuid.uuid5(_RECORDS, name_of)),
                "pii_principal_id": key,
            },
            "processing": self._processing(name, found, events, parties),
            "parties": [_party(number, each) for number, each in parties.items()],
            "events": [self._event(each) for each in found],
        }

    def party(self, number: str) -> Party:
        """The party of that id; one that is not on file is told by its id alone."""
        found = self.parties.get(number)
        if found is not None:
            return found
        return replace(_UNKNOWN_PARTY, name=number[:200] if number.isprintable() and number.strip() else "?")

    def _processing(
        self, name: str, found: Sequence[Recorded], events: Sequence[Event], parties: Iterable[str]
    ) -> dict[str, Any]:
        everything = name == ALL
        mailing = self.lists.get(name, _UNKNOWN_LIST)
        shown = dict.fromkeys(event.notice for event in events if event.notice)
        kinds = dict.fromkeys(kind for each in found for kind in (each.personal or {}))
        country = next((event.country for event in reversed(events) if event.country), "unknown")
        return {
            "privacy_notices": [self._notice(number) for number in shown],
            "language": next((event.language for event in reversed(events) if event.language), mailing.language)
            or "und",
            "purposes": [
                {
                    "purpose_id": name,
                    "purpose": "everything from the sender" if everything else mailing.name or name,
                    "purpose_type": mailing.purpose,
                    "list_id": mailing.list_id if name in self.lists else None,
                }
            ],
            "lawful_basis": mailing.basis,
            "pii_information": [{"pii_type": "email" if kind in SUBJECTS else kind} for kind in kinds],
            "pii_controllers": list(parties),
            "collection_methods": list(dict.fromkeys(event.method for event in events if event.method)),
            "processing_methods": ["sending of electronic mail"],
            "storage_locations": [mailing.storage or "not declared"],
            "retention_period": mailing.retention or "not declared",
            "jurisdiction": country,
            "recipient_third_parties": [mailing.third_parties] if mailing.third_parties else [],
            "withdrawal_methods": list(mailing.withdrawal),
        }

    def _notice(self, number: str) -> dict[str, Any]:
        notice = self.notices.get(number)
        if notice is None:
            return {"notice_id": number, "text": None, "on_file": False}
        return {
            "notice_id": number,
            "text": notice.text,
            "on_file": True,
            "sha256": notice.sha256,
            "language": notice.language,
            "default_checked": notice.default_checked,
            "withdrawal_statement": notice.withdrawal_statement,
            "url": notice.url,
            "recorded": time_text(notice.recorded),
        }

    def _event(self, each: Recorded) -> dict[str, Any]:
        event = each.event
        own = msgspec.to_builtins(event)
        for name in ("state", "party", "list", "at", "recorded", "until", "grade", "zone", "entity"):
            own.pop(name, None)
        return {
            "event_id": each.number,
            "event_time": time_text(event.at),
            "event_time_zone": event.zone or None,
            "recorded": time_text(event.recorded),
            "validity_duration": _validity(event),
            "entity_id": event.entity or "unknown",
            "event_type": _event_type(event),
            "event_state": _STATES.get(event.state, "unknown"),
            "state": event.state.value,
            "evidence_grade": grade_text(event) or None,
            "witnessed": event.grade >= Grade.E4 and not event.imported and event.state is not State.RELATED,
            **own,
            "batch": each.batch,
            "personal": each.personal,
            "erased": each.personal is None,
        }

    def json(
        self, each: Iterable[tuple[str, Sequence[Recorded]]], now: datetime, only: str | None = None
    ) -> Iterator[str]:
        """One JSON document in portions: `schema`, `customer`, `exported`, `records`.

        `each` gives subjects with their events, oldest first.
        """
        head = {"schema": SCHEMA, "customer": self.customer.id, "list": only, "exported": now.isoformat()}
        yield json.dumps(head, ensure_ascii=False)[:-1] + ', "records": ['
        before = "\n"
        for key, history in each:
            for record in self.records(key, history, only):
                yield before + json.dumps(record, ensure_ascii=False)
                before = ",\n"
        yield "\n]}\n"

    # -- CSV

    def csv(self, each: Iterable[tuple[str, Sequence[Recorded]]], only: str | None = None) -> Iterator[str]:
        """Lines of CSV (RFC 4180), the header first: one for each event, COLUMNS as its cells."""
        yield _line(COLUMNS)
        for key, history in each:
            for found in self.seen(history):
                if only is None or found.event.list in (only, ALL):
                    yield _line([safe(cell) for cell in _cells(key, found)])


_LASTING = {
    State.SUPPRESSED: "until lifted",
    State.WITHDRAWN: "until a later confirmed consent",
    State.REFUSED: "until a later confirmed consent",
    State.ERASED: "until a later confirmed consent",
    State.LIFTED: "for good",
    State.EXPIRED: "for good",
    State.INVALIDATED: "for good",
}


def _validity(event: Event) -> str:
    """For how long it holds, in words: a mandatory member of ISO/IEC TS 27560."""
    if event.until is not None:
        return f"until {time_text(event.until)}"
    return _LASTING.get(event.state, "until withdrawn")


def _event_type(event: Event) -> str:
    if event.state is State.RELATED:
        return "implied"
    return "expressed" if event.state in (State.GIVEN, State.CONFIRMED) else "regular"


def _party(number: str, party: Party) -> dict[str, Any]:
    return {
        "party_id": number,
        "party_name": party.name,
        "party_trading_name": party.trading_name or None,
        "party_address": party.postal_address or None,
        "party_email": party.email or None,
        "party_url": party.url or None,
        "party_phone": party.phone or None,
        "party_contact": party.contact or None,
        "party_role": "PII controller" if party.type == "controller" else party.type,
        "party_type": party.type,
    }


def _cells(key: str, found: Recorded) -> Iterator[str]:
    event, personal, related = found.event, found.personal or {}, found.event.related
    yield next((personal[name] for name in SUBJECTS if name in personal), "")
    yield key
    yield from (event.party, event.list, str(found.number), event.state.value, time_text(event.at) or "")
    # An offset would begin like a formula.
    yield f"UTC{event.zone}" if event.zone[:1] in ("+", "-") else event.zone
    yield from (time_text(event.recorded) or "", grade_text(event), "yes" if event.imported else "no")
    yield time_text(event.until) or ""
    yield from (event.ground, event.method, event.flaw, event.reason, event.stops, event.entity)
    yield event.notice
    yield from (event.source, event.origin, event.country, event.language, event.import_id, str(event.line or ""))
    yield from (related.kind.value, related.basis) if related else ("", "")
    yield from ("yes" if related.ongoing else "no", related.ended or "") if related else ("", "")
    yield from (personal.get(name, "") for name in _PERSONAL)
    yield str(found.batch)


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(list(cells))
    return text.getvalue()
