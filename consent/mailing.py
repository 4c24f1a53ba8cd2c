"""Mailing: what a decision about one recipient must know of the mail itself. Pure values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from consent.model import ALL, Grade, RelationshipGrade


class Class(StrEnum):
    """What kind of mail it is (spec/consent.md section 3.3)."""

    SYSTEM = "C0"
    """A delivery report, disposition notification or abuse report, found valid."""
    PERSONAL = "C1"
    TRANSACTIONAL = "C2"
    MANDATORY = "C3"
    """A recall, a security or legal notice."""
    BULK = "C4"
    CONFIRMATION = "C5"
    """It asks the mailbox to confirm an opt-in."""


@dataclass(frozen=True, slots=True)
class Mailing:
    """What is the same for every recipient of a message: whose it is and what it must fulfil."""

    message_class: Class
    party: str
    """Id of the party that sends."""
    list: str | None
    """Id of the list; None (or ALL): it names none."""
    required: Grade
    """The customer's minimum grade for consents."""
    profiles: tuple[str, ...]
    """Names of the customer's profiles, or the operator's where it has none."""
    list_source: str = ""
    """Where the list is said to come from; see BANNED_SOURCES."""
    stream: Literal["open", "paused", "suspended"] = "open"
    missing: tuple[str, ...] = ()
    """Content duties of bulk mail that the message does not meet, in words for the sender."""
    sender_is_person: bool = False
    """A natural person writes, not an organisation."""
    charity: bool = False
    """The party is a registered charity."""
    all_mail_override: bool = False
    """The operator's rule lets mandatory mail (C3) pass a stop of all mail."""
    uk_corporate: bool = False
    """The switch is on for the customer, and this recipient is the role address of a company."""
    minimum_relationship: RelationshipGrade = RelationshipGrade.R1
    list_complaint_at: int | None = None
    """A complaint about this list that came live: then consents must be E3 and relationships R2 until the operator
    lowers that (R-084)."""
    max_age_months: int | None = 24
    """How long a relationship lasts at most where the law names no shorter period; None: no such cap."""
    confirmations_sent: int = 0
    """To this recipient, in answer to its newest request."""

    def __post_init__(self) -> None:
        if self.list == ALL:
            object.__setattr__(self, "list", None)
