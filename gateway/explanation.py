"""Explanation: what was decided about a message and why, and whether it would be decided so again (R-101).

A message has one reference and may have several decisions: recipients that are refused have their own. Each is shown
with all that it rests on, and replayed from what is on record:

- the verdict, from the findings and what policy did with each: the worst wins. Bodies are not kept, so the rules
  themselves are not asked again;
- each recipient, from the registry's events as of the decision (`consent.replay`), with the recorded mailing.

What differs is named. Nothing is written, and nothing is asked but audit and registry. For a customer, all is as the
customer may see it (`gateway.audit.public`, `consent.words.in_public`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from consent.address import Address, AddressError
from consent.decide import Class, Mailing
from consent.import_jobs import ImportStore, Job, UnknownImport
from consent.keys import key_octets
from consent.model import Event, Grade
from consent.notices import NoticeStore, UnknownNotice
from consent.profiles import Profile
from consent.records import Recorded
from consent.refusals import REFUSALS as REASONS
from consent.replay import Filed, Replayed, replay
from consent.words import grade_text, in_public, rests_on, time_text, witness
from filters import RULES
from filters.clauses import CLAUSES
from gateway.audience import grounds
from gateway.audit.public import in_public as public_record
from gateway.audit.public import public_ground
from gateway.audit.record import Json
from gateway.audit.search import ERASED, Query
from gateway.evidence import Evidence
from gateway.smtp.replies import REFUSALS
from gateway.stores import Stores

SAME, DIFFERS, UNKNOWN = "same", "differs", "unknown"
"""What a replay comes to; unknown: the record has an address that nobody can read any more, and a stop of its domain
may have been what refused it."""
_TEXTS = {
    **{each.code: (each.text, each.fix) for each in REASONS},
    **{each.code: (each.reply.text, each.fix) for each in REFUSALS},
    **{each.code: (each.reply.text, each.fix) for each in RULES},
}
_EDGE = frozenset(each.code for each in REFUSALS)
_LIMITS = ("QUOTA", "FLOOD-", "SLOW-START", "UNDECLARED-BULK", "CONFIRMATION-ONE", "AUDIENCE-CHANGED")
"""How codes begin that mode observe does not refuse for, though no rule has them."""
_OF_PERSONS = frozenset(each.code for each in REASONS)
_STOPS = frozenset(("PROVIDER-BLOCK", "RCPT-INVALID", "ALL-MAIL-STOP", "WITHDRAWN", "COMPLAINT", "SUPPRESSED"))
"""Reasons that may stand for a domain, or a hash."""
_SEVERITY = ("accept", "defer", "reject")
_EVENT = re.compile(r"\bevent (\d{1,18})\b")
_EARLY, _LATE = timedelta(minutes=10), timedelta(days=2)
"""How long before its reference's time a transaction's records are looked for, and after: no session is as long."""
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains decisions. Its methods block, and raise `consent.database.RegistryError`."""

    evidence: Evidence
    stores: Stores
    profiles: Mapping[str, Profile]
    policy: str
    """Hash of the policy that is in force."""
    version: str
    """Of this program."""

    def explain(self, reference: str, customer: str | None = None, *, inward: bool = True) -> Json | None:
        """All decisions of a reference, the oldest first, replayed; None where there is none.

        `customer` narrows it to one; not `inward`: as that customer may see it.
        """
        records = self._records(reference, customer)
        if not records:
            return None
        decisions = [self._explained(record, inward) for record in reversed(records)]
        replays = [each["replay"] for each in decisions]
        return {
            "reference": records[0]["reference"],
            "customer": records[0]["customer"],
            "replay": next((one for one in (DIFFERS, UNKNOWN) if one in replays), SAME),
            "policy_now": self.policy,
            "version_now": self.version,
            "decisions": decisions,
        }

    def _explained(self, sealed: Json, inward: bool) -> Json:
        try:
            return _Explained(self, sealed, inward).members()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            changed = f"the record is not as a gateway writes it ({type(error).__name__}): run postern audit verify"
            kept = {name: sealed.get(name) for name in ("time", "phase", "verdict", "reply")}
            return {"replay": DIFFERS, "differences": [changed], **kept, "findings": [], "recipients": []}

    def _records(self, reference: str, customer: str | None) -> list[Json]:
        time = _time_of(reference)
        if time is not None:
            query = Query(reference=reference, customer=customer, since=time - _EARLY, until=time + _LATE, limit=None)
            if found := list(self.evidence.sealed(query)):
                return found
        return list(self.evidence.sealed(Query(reference=reference, customer=customer, limit=None)))

    def imported(self, customer: str, events: Iterable[Event]) -> dict[str, Job]:
        """The imports that these events came by, as far as they are on file."""
        store, found = ImportStore(self.stores.consent_database), {}
        for number in sorted({event.import_id for event in events if event.import_id}):
            with suppress(UnknownImport):
                found[number] = store.get(number, customer)
        return found


class _Explained:
    """One decision."""

    def __init__(self, explainer: Explainer, sealed: Json, inward: bool) -> None:
        self._explainer, self._inward = explainer, inward
        self._sealed, self._record = sealed, explainer.evidence.opened(sealed)
        self._customer = str(sealed["customer"])
        self._jobs: dict[str, Job] = {}

    def members(self) -> Json:
        """As JSON has it."""
        record = self._record if self._inward else public_record(self._record)
        recipients = self._recipients()
        differences = [each["difference"] for each in recipients if "difference" in each]
        differences = [*_verdict(self._record), *differences]
        unknown = any(each.get("replay") == UNKNOWN for each in recipients)
        left_out = ("recipients", "grounds", "findings", "clauses", "n", "kind", "reference", "customer", "process")
        return {
            "replay": DIFFERS if differences else UNKNOWN if unknown else SAME,
            "differences": differences,
            **{name: value for name, value in record.items() if name not in left_out},
            "mailing": _mailing_shown(record.get("mailing")),
            "findings": [_finding(each) for each in record["findings"]],
            "recipients": recipients,
        }

    def _recipients(self) -> list[Json]:
        addresses = [_address(text) for text in self._record["recipients"]]
        recorded: Sequence[Json | None] = self._record.get("grounds") or [None] * len(addresses)
        if not any(recorded) or not self._record.get("mailing"):
            return [{"address": text, "decided": None} for text in self._record["recipients"]]
        who = [
            address or key_octets(sealed["key"])
            for address, sealed in zip(addresses, self._sealed["recipients"], strict=True)
        ]
        filed = self._explainer.stores.consents.filed(self._customer, who)
        self._jobs = self._explainer.imported(self._customer, (event for each in filed for _, event in each.events()))
        each_one = zip(self._record["recipients"], recorded, filed, strict=True)
        return [self._recipient(number, *each) for number, each in enumerate(each_one, 1)]

    def _recipient(self, number: int, text: str, recorded: Json | None, filed: Filed) -> Json:
        if recorded is None:
            return {"address": text, "decided": None}
        at = recorded.get("at", self._record["mailing"]["at"])
        stands = {name: value for name, value in recorded.items() if name != "at"}
        ended = {number: job.finished for number, job in self._jobs.items()}
        mailing, profiles = _mailing(self._record["mailing"]), self._explainer.profiles
        found = replay(filed, mailing, profiles, at, lambda decision: grounds(decision) == stands, ended)
        shown: Json = {
            "address": text,
            "decided": self._shown(stands),
            "at": time_text(at),
            "replay": self._replay(stands, filed, found),
            **self._because(stands, filed),
        }
        if shown["replay"] == DIFFERS:
            again = _told(self._shown(grounds(found.decision)))
            shown["difference"] = f"recipient {number}, {text}: on record {_told(shown['decided'])}; replayed {again}"
        if self._allowed_wrongly(stands):
            shown["replay"] = DIFFERS
            shown["difference"] = f"recipient {number}, {text}: {_told(shown['decided'])}, yet the message went to them"
        notes = list(self._notes(filed, found)) if self._inward else []
        return shown | ({"notes": notes} if notes else {})

    def _allowed_wrongly(self, stands: Json) -> bool:
        accepted = self._record["verdict"] == "accept" and self._record["mode"] == "enforce"
        return accepted and "refused" in stands

    def _replay(self, stands: Json, filed: Filed, found: Replayed) -> str:
        if found.agrees:
            return SAME
        return UNKNOWN if not filed.whole and stands.get("refused") in _STOPS else DIFFERS

    def _shown(self, ground: Json) -> Any:
        return ground if self._inward else public_ground(ground)

    def _because(self, stands: Json, filed: Filed) -> Json:
        """The events it rests on, or the words of what refuses it."""
        events = dict(filed.events())
        if "refused" not in stands:
            event = events.get(stands["event"])
            return {} if event is None else {"event": self._event(stands["event"], event)}
        text, fix = _TEXTS.get(self._shown(stands)["refused"], ("", ""))
        words = {"reason": text, "fix": fix}
        if not self._inward:
            return words
        named = sorted({int(each) for reason in stands["reasons"] for each in _EVENT.findall(reason)} & events.keys())
        return {**words, "events": [self._event(number, events[number]) for number in named]}

    def _event(self, number: int, event: Event) -> Json:
        if not self._inward:
            event = in_public(Recorded(number, event, None, 0)).event
        job = self._jobs.get(event.import_id)
        return {
            "number": number,
            "state": event.state.value,
            "ground": event.ground or None,
            "grade": grade_text(event) or None,
            "rests_on": rests_on(event) or None,
            "witness": witness(event) or None,
            "at": time_text(event.at),
            "zone": event.zone or None,
            "recorded": time_text(event.recorded),
            "until": time_text(event.until),
            "party": event.party,
            "list": event.list,
            "method": event.method or None,
            "reason": event.reason or None,
            "flaw": event.flaw or None,
            "source": event.source or None,
            "by": event.actor or event.entity or None,
            "relationship": None if event.related is None else msgspec.to_builtins(event.related),
            "notice": self._notice(event.notice) if event.notice else None,
            "import": None if not event.import_id else self._import(event, job),
        }

    def _import(self, event: Event, job: Job | None) -> Json:
        shown: Json = {"id": event.import_id, "line": event.line or None}
        if job is None:
            return shown
        uploader = job.order.uploader
        return {
            **shown,
            "uploader": "the operator" if "@" in uploader and not self._inward else uploader,
            "filename": job.order.filename or None,
            "sha256": job.sha256,
            "attestation": job.order.attestation or None,
            "created": time_text(job.created),
        }

    def _notice(self, number: str) -> Json:
        try:
            notice = NoticeStore(self._explainer.stores.consent_database).get(self._customer, number)
        except UnknownNotice:
            return {"id": number, "text": None}
        return {"id": number, "text": notice.text, "language": notice.language or None, "sha256": notice.sha256,
                "default_checked": notice.default_checked, "recorded": time_text(notice.recorded)}  # fmt: skip

    def _notes(self, filed: Filed, found: Replayed) -> Iterable[str]:
        if filed.erased is not None:
            yield (
                f"the person's data were erased at {time_text(filed.erased)}: what named them is gone, the events and "
                "their order are shown"
            )
        if not filed.whole:
            yield "the address can be read no more: what stands for its domain or a hash of it cannot be looked up"
        for number in found.around:
            event = dict(filed.events())[number]
            by = f"by import {event.import_id}, which was running" if event.import_id else "within seconds of it"
            yield (
                f"event {number} ({event.state.value}) was recorded at {time_text(event.recorded)}, {by}, and makes "
                "the difference: the decision is the same as of the moment before or after it"
            )


def _verdict(record: Json) -> Iterable[str]:
    """In what the recorded verdict differs from what its findings come to."""
    counted: list[tuple[str, str]] = []
    for found in record["findings"]:
        code, action = found["code"], found["action"]
        judged = code not in _EDGE or code.startswith(_LIMITS)
        if action in _SEVERITY and not (judged and record["mode"] == "observe"):
            counted.append((code, action))
    actions = sorted((action for _, action in counted), key=_SEVERITY.index) or ["accept"]
    expected = {actions[-1]}
    if len(counted) > 1 and record["phase"] == "data" and all(map(_of_recipients, counted)):
        # Each recipient had a reply of its own (PRDR); then the last one is the mildest.
        expected.add(actions[0])
    if record["verdict"] not in expected:
        yield f"verdict: on record {record['verdict']}; the findings come to {actions[-1]}"


def _of_recipients(found: tuple[str, str]) -> bool:
    return found[0] in _OF_PERSONS or found[0].startswith(_LIMITS)


def _mailing(recorded: Json) -> Mailing:
    """What recipients were decided about. What a record does not name was not asked for."""
    return Mailing(
        Class(recorded["class"]),
        recorded["party"],
        recorded["list"],
        Grade[recorded["required"]],
        tuple(recorded["profiles"]),
        list_source=recorded["list_source"],
        list_complaint_at=recorded["list_complaint_at"],
    )


def _mailing_shown(recorded: Json | None) -> Json | None:
    if recorded is None:
        return None
    times = ("at", "list_complaint_at")
    return {name: time_text(value) if name in times else value for name, value in recorded.items()}


def _finding(found: Json) -> Json:
    """A finding with its words. The record keeps what was found; the words are this version's."""
    reason, fix = _TEXTS.get(found["code"], (None, None))
    return {**found, "clause_text": CLAUSES.get(found["clause"]), "reason": reason, "fix": fix}


def _told(ground: Json) -> str:
    if "refused" in ground:
        reasons = ground.get("reasons")
        return f"refused {ground['refused']}" + (f" ({'; '.join(reasons)})" if reasons else "")
    event = f", event {ground['event']}" if ground["event"] else ""
    return f"allowed: {ground['ground']}{event}" + (f", {ground['grade']}" if ground["grade"] else "")


def _address(text: str) -> Address | None:
    """The address of a record; None where it can be read no more."""
    if text == ERASED:
        return None
    with suppress(AddressError):
        return Address.parse(text)
    return None


def _time_of(reference: str) -> datetime | None:
    """When its transaction began, as a reference (ULID) says; None where it is none."""
    try:
        milliseconds = 0
        for each in reference[:10].upper():
            milliseconds = milliseconds * 32 + _BASE32.index(each)
        return datetime.fromtimestamp(milliseconds / 1000, UTC) if len(reference) >= 26 else None
    except (ValueError, OverflowError, OSError):
        return None
