"""Proof: one page about one address, for whoever asks "show me" (R-081, R-258; BGH I ZR 164/09: for each address, at
any time, on paper).

It says what is recorded and on what each grade rests, never more: whatever Postern did not witness is called declared.
HTML without scripts or anything fetched; jinja2 escapes every value.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from consent.decide import Decision
from consent.export import Shape
from consent.model import ALL, Event, Reason, Standing, State
from consent.records import Batch, Recorded
from consent.refusals import refusal
from consent.words import STATES, SUBJECTS, clock, grade_text, local_clock, rests_on, witness

CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What the page needs: its own style and nothing else. The page says so itself; a server sends it as a header, too."""

_PERSONAL = {
    "ip": "network address",
    "user_agent": "user agent",
    "form_url": "form",
    "confirm_ip": "network address of the confirmation",
    "confirm_user_agent": "user agent of the confirmation",
    "document_ref": "document",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """What the page is made from."""

    address: str
    """As asked for."""
    address_key: str
    shape: Shape
    history: Sequence[Recorded]
    """Oldest first."""
    batches: Mapping[int, Batch]
    """By number; of every event in `history`."""
    standing: Standing
    decisions: Sequence[tuple[str, Decision]]
    """(list id, may bulk mail of this list be sent to it now)."""
    made: datetime
    """Aware."""
    operator: str
    """The gateway's name."""
    version: str


def page(proof: Proof) -> str:
    """The page, a whole HTML document."""
    seen = list(proof.shape.seen(proof.history))
    reasons = {each.number: each.event.reason for each in seen}
    environment = Environment(
        loader=PackageLoader("consent"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("proof.html").render(
        policy=CONTENT_SECURITY_POLICY,
        proof=proof,
        customer=proof.shape.customer,
        made=f"{proof.made.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        lists=list(_lists(proof)),
        events=[_event(proof, each) for each in seen],
        notices=list(_notices(proof)),
        parties=list(_parties(proof)),
        withdrawals=[
            {
                "scope": scope(proof.shape, each.list),
                "from": clock(each.at),
                "reason": reasons.get(each.event) or each.reason or "not told",
                "stops": "every mail" if each.stops == "all" else "bulk mail",
                "event": each.event,
            }
            for each in proof.standing.withdrawals
        ],
        suppressions=[
            {
                "scope": scope(proof.shape, each.list),
                "from": clock(each.since),
                "until": clock(each.until) if each.until is not None else "without end",
                "reason": each.reason or "not told",
                "stops": "every mail" if each.stops == "all" else "bulk mail",
                "event": each.event,
            }
            for each in proof.standing.suppressions
        ],
        erased=any(each.event.state is State.ERASED for each in proof.history),
    )


def scope(shape: Shape, name: str) -> str:
    """A list as people read it: name and id; ALL is everything from the sender."""
    if name == ALL:
        return "everything from the sender"
    found = shape.lists.get(name)
    return f"{found.name} ({name})" if found is not None and found.name else name


def _event(proof: Proof, each: Recorded) -> dict[str, Any]:
    event = each.event
    batch = proof.batches.get(each.batch)
    return {
        "number": each.number,
        "state": event.state.value,
        "what": STATES[event.state],
        "at": clock(event.at),
        "local": local_clock(event.at, event.zone),
        "zone": event.zone,
        "recorded": clock(event.recorded),
        "scope": scope(proof.shape, event.list),
        "party": "every party of the sender" if event.party == ALL else proof.shape.party(event.party).name,
        "grade": grade_text(event),
        "rests_on": rests_on(event),
        "witness": witness(event),
        "details": list(_details(event)),
        "personal": None
        if each.personal is None
        else [
            (_PERSONAL.get(name, name), value)
            for name, value in sorted(each.personal.items())
            if value and name not in SUBJECTS
        ],
        "batch": each.batch,
        "hash": batch.hash if batch else "not on file",
    }


def _details(event: Event) -> Iterator[tuple[str, str]]:
    """The facts of an event that are there, each with a name for people."""
    for name, value in (
        ("notice shown", event.notice),
        ("source", event.source),
        ("method", event.method),
        ("reason", event.reason),
        ("stops", "every mail" if event.stops == "all" else ""),
        ("cannot be a ground", event.flaw),
        ("holds until", clock(event.until) if event.until is not None else ""),
        ("who acted", event.entity),
        ("recorded by", event.actor),
        ("from", event.origin),
        ("import", event.import_id),
        ("country", event.country),
        ("language", event.language),
    ):
        if value:
            yield name, value
    related = event.related
    if related is not None:
        yield "relationship", f"{related.kind.value.replace('_', ' ')}, dated {related.basis}"
        if related.ongoing or related.ended:
            yield "lasts", f"ended {related.ended}" if related.ended else "still going on"
        for name, known in (
            ("own similar products", related.similar_products),
            ("opt-out offered when collected", related.optout_offered),
            ("published with a refusal of such mail", related.no_unsolicited_statement),
            ("concerns the person's role", related.relevant),
        ):
            if known is not None:
                yield name, "yes" if known else "no"
        if related.negotiation:
            yield "negotiation for a sale", "yes"


def _lists(proof: Proof) -> Iterator[dict[str, Any]]:
    told_of_complaint = any(each.event.reason == Reason.COMPLAINT for each in proof.shape.seen(proof.history))
    for name, decision in proof.decisions:
        ground = decision.ground
        code = decision.reason or ""
        if code == "COMPLAINT" and not told_of_complaint:
            code = "WITHDRAWN"
        yield {
            "name": scope(proof.shape, name),
            "allowed": decision.allowed,
            "code": code,
            "text": refusal(code).text if code else "",
            "ground": f"{ground.kind.replace('_', ' ')}, event {ground.event}, {ground.grade}" if ground else "none",
            # They name the operator's records (consent.decide.Decision).
            "reasons": [] if proof.shape.public else list(decision.reasons),
        }


def _notices(proof: Proof) -> Iterator[dict[str, Any]]:
    for number in dict.fromkeys(each.event.notice for each in proof.history if each.event.notice):
        found = proof.shape.notices.get(number)
        yield {
            "id": number,
            "text": found.text if found else None,
            "language": (found.language if found else "") or "not declared",
            "sha256": found.sha256 if found else "",
            "url": found.url if found else "",
            "box": "ticked beforehand" if found and found.default_checked else "not ticked beforehand",
        }


def _parties(proof: Proof) -> Iterator[Any]:
    named = dict.fromkeys(each.event.party for each in proof.history if each.event.party != ALL)
    for number in named or [proof.shape.customer.id]:
        yield proof.shape.party(number)
