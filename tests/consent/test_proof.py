"""The proof of one address: what it says, that it claims no more than is on file, that nothing in it runs."""

import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.customers import Customer
from consent.decide import Decision, Ground
from consent.export import Shape
from consent.lists import MailingList
from consent.model import ALL, Event, Kind, Related, State, micros
from consent.notices import Notice
from consent.parties import own_party
from consent.proof import Proof, page
from consent.records import Batch, Recorded
from consent.standing import build
from tests.rig.registry import NOW

T = micros(NOW)
ACME = Customer(
    id="acme", name="Acme Ltd", postal_address="1 High Street", contact="post@acme.example", domains=("acme.example",)
)
SPRING = MailingList(id="spring", party="acme", list_id="spring.acme.example", name="Spring offers")
SIGNUP = Notice(id="signup-3", text="Yes, send me offers.\nI can withdraw at any time.", language="en")
ADDRESS = {"address": "bob@recipient.example"}


def event(state: State = State.GIVEN, **changes: Any) -> Event:
    values: dict[str, Any] = {"state": state, "party": "acme", "list": "spring", "at": T, "recorded": T, **changes}
    return Event(**values)


GIVEN = Recorded(
    7,
    event(
        grade=2, zone="+02:00", method="web_form", notice="signup-3", source="https://acme.example/join",
        imported=True, line=12, origin="import:generic",
    ),
    {**ADDRESS, "ip": "192.0.2.7"},
    3,
)  # fmt: skip
STOPPED = Recorded(9, event(State.WITHDRAWN, list=ALL, reason="complaint", entity="mailbox_provider"), ADDRESS, 4)
ALLOWED = Decision(True, "allow", None, Ground("express", 7, T, "E2"))
REFUSED = Decision(False, "refuse", "COMPLAINT", None, ("COMPLAINT: complaint, event 9",))


def proof(*history: Recorded, **changes: Any) -> Proof:
    made = Proof(
        address="bob@recipient.example",
        address_key="1:abc",
        shape=Shape.of(ACME, (own_party(ACME),), (SPRING,), (SIGNUP,)),
        history=history,
        batches={each.batch: Batch(each.batch, f"{each.batch:064x}", each.number, 1, "acme", T) for each in history},
        standing=build((each.number, each.event) for each in history),
        decisions=(("spring", ALLOWED),),
        made=NOW,
        operator="gw.example",
        version="0.1.0",
    )
    return replace(made, **changes)


def text(made: Proof) -> str:
    """What a reader sees."""
    body = page(made).partition("<body>")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_it_says_who_which_list_which_notice_when_how_well_evidenced_and_where_in_the_chain() -> None:
    shown = text(proof(GIVEN))
    for words in (
        "bob@recipient.example", "Acme Ltd", "1 High Street", "post@acme.example", "Spring offers (spring)",
        "Yes, send me offers. I can withdraw at any time.", SIGNUP.sha256,
        "2026-03-04 05:06:07 UTC (2026-03-04 07:06:07 +02:00, as told)",
        "E2: time and source, network address or user agent, and the notice shown", "https://acme.example/join",
        "192.0.2.7", "declared by import (line 12), not witnessed", "event 7 in batch 3, " + f"{3:064x}",
        "yes", "express, event 7, E2", "None is on record.",
    ):  # fmt: skip
        assert words in shown


def test_a_withdrawal_and_the_refusal_it_leads_to_are_shown() -> None:
    shown = text(proof(GIVEN, STOPPED, decisions=(("spring", REFUSED),)))
    assert "withdrawal everything from the sender bulk mail 2026-03-04 05:06:07 UTC" in shown
    assert "Recipient unsubscribed; do not retry (WITHDRAWN)" in shown


def test_who_complained_is_for_the_operator_only() -> None:
    made = proof(GIVEN, STOPPED, decisions=(("spring", REFUSED),))
    assert "complaint" not in text(made).lower()
    assert "mailbox_provider" not in text(made)
    shown = text(replace(made, shape=replace(made.shape, public=False)))
    assert "(COMPLAINT)" in shown
    assert "COMPLAINT: complaint, event 9" in shown


def test_a_complaint_that_the_customer_told_us_of_is_named_to_it() -> None:
    told = Recorded(9, event(State.WITHDRAWN, list=ALL, reason="complaint", imported=True), ADDRESS, 4)
    assert "(COMPLAINT)" in text(proof(GIVEN, told, decisions=(("spring", REFUSED),)))


def test_a_relationship_is_shown_with_its_facts() -> None:
    related = Related(
        kind=Kind.PROFESSIONAL_PUBLISHED, basis="2026-01-05", ended="2026-02-01", relevant=True, optout_offered=False
    )
    shown = text(proof(Recorded(5, event(State.RELATED, grade=1, related=related), ADDRESS, 2)))
    assert "R1: kind, date and a reference to the sender's own document" in shown
    assert "professional published, dated 2026-01-05" in shown
    assert "ended 2026-02-01" in shown
    assert "concerns the person's role yes" in shown
    assert "opt-out offered when collected no" in shown
    assert "similar" not in shown


def test_of_an_erased_person_nothing_personal_is_left() -> None:
    erased = replace(GIVEN, personal=None)
    shown = text(proof(erased, Recorded(12, event(State.ERASED, party=ALL, list=ALL), None, 6)))
    assert "192.0.2.7" not in shown
    assert "personal details erased" in shown
    assert "was erased at the person's request" in shown


def test_a_suppression_a_notice_that_is_not_on_file_and_nothing_at_all_are_said() -> None:
    bounce = Recorded(
        3, event(State.SUPPRESSED, reason="hard_bounce", stops="all", notice="old-1", until=T + 10**12), ADDRESS, 1
    )
    shown = text(proof(bounce))
    assert "suppression Spring offers (spring) every mail 2026-03-04 05:06:07 UTC 2026-03-15" in shown
    assert "old-1 : no text of it is on file" in shown
    assert "Nothing is on record about this address." in text(proof(decisions=()))
    assert "The customer has no list." in text(proof(decisions=()))


def test_a_batch_that_is_missing_is_said_to_be() -> None:
    assert "in batch 3, not on file" in text(proof(GIVEN, batches={}))


ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "p", "section", "table", "thead",
    "tbody", "tr", "th", "td", "span", "div", "strong", "blockquote",
}  # fmt: skip


class Inspector(HTMLParser):
    """Collects elements and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def elements(made: Proof) -> list[tuple[str, dict[str, str | None]]]:
    inspector = Inspector()
    inspector.feed(page(made))
    return inspector.seen


def test_nothing_in_it_runs_or_is_fetched_and_it_prints() -> None:
    whole = page(proof(GIVEN, STOPPED))
    found = elements(proof(GIVEN, STOPPED))
    assert not {tag for tag, _ in found} & {"script", "img", "link", "iframe", "form", "a", "object", "svg"}
    assert not {
        name
        for _, attributes in found
        for name in attributes
        if name.startswith("on") or name in ("src", "href", "style")
    }
    assert "default-src 'none'" in html.unescape(whole)
    assert "@page" in whole
    assert "url(" not in whole
    assert "@import" not in whole


NASTY = '<script>alert(1)</script>"><img src=x onerror=alert(1)>{{7*7}}{% raw %}'


def test_whatever_stands_in_the_records_is_text() -> None:
    nasty = Recorded(
        1,
        event(
            grade=2,
            source=NASTY,
            zone=NASTY,
            method=NASTY,
            notice=NASTY,
            country=NASTY,
            language=NASTY,
            list=NASTY,
            party=NASTY,
        ),
        {"address": NASTY, "ip": NASTY, NASTY: NASTY},
        1,
    )
    made = proof(nasty, address=NASTY, decisions=((NASTY, ALLOWED),), operator=NASTY)
    assert {tag for tag, _ in elements(made)} <= ELEMENTS
    assert "<script" not in page(made)
    assert "<img" not in page(made)
    assert NASTY in html.unescape(page(made))


@given(st.text(), st.dictionaries(st.text(), st.text(), max_size=3), st.sampled_from(State))
def test_no_record_breaks_the_page(words: str, personal: dict[str, str], state: State) -> None:
    related = Related(kind=Kind.INQUIRY, basis=words) if state is State.RELATED else None
    found = Recorded(
        1,
        event(state, source=words, zone=words, notice=words, reason=words, related=related, until=-(2**62)),
        personal,
        1,
    )
    assert {tag for tag, _ in elements(proof(found, address=words))} <= ELEMENTS


@pytest.mark.parametrize("code", ["NO-CONSENT", "PROVIDER-BLOCK"])
def test_a_customer_is_not_shown_what_the_operator_has_on_file(code: str) -> None:
    refused = Decision(False, "refuse", code, None, ("PROVIDER-BLOCK: spamtrap, event 77",))
    assert "spamtrap" not in text(proof(GIVEN, decisions=(("spring", refused),)))
