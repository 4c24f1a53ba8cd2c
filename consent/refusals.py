"""Refusals: what each reason code of a decision says in public, and what the sender can do about it. Pure.

A text names no rule's insides, nothing of another customer's and never why a person withdrew: a complaint reads like
any unsubscribe, and a block by the operator like any other (spec/replies.md). The mail of a person who withdrew is
not to be tried again, so those say so.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason code's public face."""

    code: str
    smtp: int
    """Reply code: 550, or 450 where waiting helps."""
    enhanced: str
    """Enhanced status code (RFC 3463) of the same class."""
    text: str
    """One sentence for the SMTP reply; ASCII, at most 120 characters, so that a reference fits behind it."""
    fix: str
    """What the sender can do, one sentence."""


def refusal(code: str) -> Refusal:
    """The public face of a reason code; raises KeyError for one that no decision gives."""
    return _BY_CODE[code]


_UNSUBSCRIBED = "Recipient unsubscribed; do not retry"
_LEAVE = (
    "Take the address off the list; only a new opt-in that the person confirms, later than the unsubscribe, permits "
    "mail again."
)
_PROVIDER = "Contact your provider's abuse desk with the reference."

REFUSALS = (
    Refusal("TENANT-SUSPENDED", 550, "5.7.1", "Sending suspended under the acceptable-use policy", _PROVIDER),
    Refusal(
        "STREAM-PAUSED",
        450,
        "4.7.0",
        "Bulk mail is paused for this sender; retry later",
        "Find out what the complaints were about; your provider lifts the pause.",
    ),
    Refusal("PROVIDER-BLOCK", 550, "5.7.1", "Refused by provider policy", _PROVIDER),
    Refusal(
        "RCPT-INVALID",
        550,
        "5.1.1",
        "Address is on file as undeliverable",
        "Take the address off the list, or lift the suppression once the person has told you that it works.",
    ),
    Refusal(
        "ALL-MAIL-STOP",
        550,
        "5.7.1",
        "Recipient refuses all mail from you; do not retry",
        "Reach the person by another way; no mail of any kind may be sent to this address.",
    ),
    Refusal("WITHDRAWN", 550, "5.7.1", _UNSUBSCRIBED, _LEAVE),
    Refusal("COMPLAINT", 550, "5.7.1", _UNSUBSCRIBED, _LEAVE),
    Refusal(
        "SUPPRESSED",
        550,
        "5.7.1",
        "Address is on your suppression list",
        "Take the address off the list, or lift the suppression with a reason.",
    ),
    Refusal(
        "SOURCE-BANNED",
        550,
        "5.7.1",
        "Addresses from this source are no ground for bulk mail",
        "Delete purchased, rented, appended and scraped addresses; ask for consent in your own name.",
    ),
    Refusal(
        "NO-CONSENT",
        550,
        "5.7.1",
        "No consent or relationship on file for this bulk mail",
        "Import the consent or relationship with its proof, or take the address off the list.",
    ),
    Refusal(
        "UNCONFIRMED",
        550,
        "5.7.1",
        "Opt-in not confirmed",
        "Wait until the person has confirmed; then record the confirmation.",
    ),
    Refusal(
        "CONSENT-EXPIRED",
        550,
        "5.7.1",
        "Permission expired",
        "Ask for consent anew, or take the address off the list.",
    ),
    Refusal(
        "REL-EXPIRED",
        550,
        "5.7.1",
        "Relationship too old for bulk mail",
        "Record a later purchase, contract or inquiry with its date, or take the address off the list.",
    ),
    Refusal(
        "EVIDENCE-LOW",
        550,
        "5.7.1",
        "Proof of consent or relationship insufficient",
        "Record what is missing: time, source, IP address or browser, the notice shown, or the document's reference.",
    ),
    Refusal(
        "GROUND-INCOMPLETE",
        550,
        "5.7.1",
        "Relationship on file lacks facts that the law asks for",
        "Record the missing facts, such as similar products and the opt-out offered when the address was collected.",
    ),
    Refusal(
        "GROUND-INVALID",
        550,
        "5.7.1",
        "Relationship on file is no ground for bulk mail",
        "Ask for consent, or take the address off the list.",
    ),
    Refusal(
        "CONSENT-INVALID",
        550,
        "5.7.1",
        "Consent on file is not valid",
        "A box ticked in advance is no consent: ask anew with an empty box, or take the address off the list.",
    ),
    Refusal(
        "REFERRAL-USED",
        550,
        "5.7.1",
        "A referral permits one message only",
        "Write again only when the person has answered or consented.",
    ),
    Refusal(
        "SCOPE",
        550,
        "5.7.1",
        "Permission on file is for another list or sender",
        "Send it as the list and sender that the person agreed to, or record a consent for this one.",
    ),
    Refusal(
        "CONTENT",
        550,
        "5.7.0",
        "Message lacks what bulk mail must carry",
        "Add what is missing: one-click unsubscribe fields, a visible unsubscribe link, your name and postal address.",
    ),
    Refusal(
        "NO-REQUEST",
        550,
        "5.7.1",
        "No recent opt-in request on file for this confirmation mail",
        "Send a confirmation mail only within 7 days after the person asked, and record the request first.",
    ),
    Refusal(
        "CONFIRMATION-LIMIT",
        550,
        "5.7.1",
        "Confirmation mail was sent already",
        "Wait until the person asks again; two confirmation mails are sent per request at most.",
    ),
)
"""Every reason that `consent.decide` gives, in the order of its steps."""
_BY_CODE = {each.code: each for each in REFUSALS}
