"""Model: what is recorded about who may be written to, and the standing that follows from it. Pure values.

Nothing here is ever changed in place. An `Event` says one thing about one address on one day; a `Standing` is what
all events of one address come to, for one customer, kept so that a decision needs one look-up. It can be built again
from the events at any time (`consent.standing`), and the order in which they were recorded makes no difference to it.

Times are integers, microseconds since 1970-01-01T00:00Z (`micros`, `moment`): they are stored, compared and hashed by
the million. Dates, where only the day counts (relationships), are ISO texts. Words are those of ISO/IEC TS 27560:2023
where it has one.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Literal

import msgspec

ALL = "*"
"""As a list: everything from the sender. As a customer: the operator."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Grade(IntEnum):
    """How well a consent is evidenced (R-084). Written "E0" to "E4"."""

    E0 = 0
    """Bare assertion."""
    E1 = 1
    """Time and source."""
    E2 = 2
    """And address or user agent, and the notice shown: single opt-in."""
    E3 = 3
    """Confirmed opt-in, by the log of whoever ran it."""
    E4 = 4
    """Confirmed opt-in that Postern itself witnessed."""


class RelationshipGrade(IntEnum):
    """How well a relationship is evidenced (design.md section 9). Written "R0" to "R2"."""

    R0 = 0
    """Bare assertion."""
    R1 = 1
    """Type, date and an own document reference."""
    R2 = 2
    """Hash of the document, or the message ids of a two-way exchange."""


class State(StrEnum):
    """What an event says."""

    REQUESTED = "requested"
    """Asked to be on the list; nothing is confirmed yet."""
    GIVEN = "given"
    CONFIRMED = "confirmed"
    """Given, and the mailbox confirmed it."""
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    INVALIDATED = "invalidated"
    """The operator found the consent void; all of its scope up to that time."""
    RELATED = "related"
    """A relationship exists, or existed."""
    SUPPRESSED = "suppressed"
    LIFTED = "lifted"
    """Suppressions of that scope and reason up to that time are over; never a withdrawal."""
    ERASED = "erased"
    """Personal data was erased at the person's request; suppresses like a withdrawal of everything."""


_POSITIVE = (State.REQUESTED, State.GIVEN, State.CONFIRMED, State.RELATED)


class Kind(StrEnum):
    """Of a relationship (R-094)."""

    PURCHASE = "purchase"
    LEASE = "lease"
    BARTER = "barter"
    OPPORTUNITY_ACCEPTED = "opportunity_accepted"
    CONTRACT = "contract"
    MEMBERSHIP = "membership"
    DONATION = "donation"
    VOLUNTEER = "volunteer"
    MEETING_ATTENDED = "meeting_attended"
    INQUIRY = "inquiry"
    APPLICATION = "application"
    QUOTE_REQUEST = "quote_request"
    REFERRAL = "referral"
    PROFESSIONAL_PUBLISHED = "professional_published"
    PROFESSIONAL_DISCLOSED = "professional_disclosed"
    EMPLOYMENT = "employment"
    PERSONAL = "personal"
    FAMILY = "family"


class Reason(StrEnum):
    """Why a consent was withdrawn or an address suppressed."""

    UNSUBSCRIBE = "unsubscribe"
    """By the person, by whatever means that has no name of its own here."""
    ONE_CLICK = "one_click"
    WEB = "web"
    MAILTO = "mailto"
    COMPLAINT = "complaint"
    MANUAL = "manual"
    ERASURE = "erasure"
    LEGAL = "legal"
    HARD_BOUNCE = "hard_bounce"
    INVALID = "invalid"
    SPAMTRAP = "spamtrap"
    THREAT = "threat"
    SANCTION = "sanction"


Stops = Literal["marketing", "all"]
"""What a withdrawal or suppression stops: bulk mail only, or every mail."""


class Related(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The facts of a relationship (spec/consent.md section 3.2)."""

    kind: Kind
    basis: str
    """ISO date of the purchase, inquiry, publication…"""
    ongoing: bool = False
    ended: str | None = None
    """ISO date on which an ongoing relationship ended: from then its period counts (CASL 10(14))."""
    similar_products: bool | None = None
    """The mail is about the sender's own similar products; None is not known."""
    optout_offered: bool | None = None
    """A way to object was offered when the address was collected."""
    no_unsolicited_statement: bool | None = None
    """The address was published with a statement that it wants no such mail."""
    relevant: bool | None = None
    """The mail concerns the person's role."""
    negotiation: bool = False
    """An inquiry that was a negotiation for a sale (PECR 22)."""
    reference: str = ""
    """Keyed hash of the customer's own document reference: the same document is the same relationship."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing recorded about one address. What identifies a person is not in it, but in `personal` beside it.

    As JSON (msgspec, defaults left out, this order of members) it is what the chain of events covers.
    """

    state: State
    party: str
    """Whose mail it is about: a party of the customer; ALL for every party."""
    list: str
    """A list's id, or ALL."""
    at: int | None
    """When it happened; None is not known."""
    recorded: int
    """When we learned it."""
    zone: str = ""
    """The offset or zone in which `at` was told, such as "+02:00" or "Europe/Paris"."""
    grade: int = 0
    """Of a consent a Grade, of a relationship a RelationshipGrade."""
    imported: bool = False
    """From a file, or told too late to be believed as live: it never lifts a withdrawal."""
    until: int | None = None
    """From then on it does not hold any more."""
    ground: str = ""
    """express, implied, soft_opt_in or aup_relationship."""
    method: str = ""
    """web_form, coi, api, import, paper, verbal, pos, event or contract."""
    flaw: str = ""
    """Why it can never be a ground, such as "default_checked" (R-083) or "banned_source" (R-098)."""
    reason: str = ""
    """A Reason, of a withdrawal or suppression."""
    stops: Stops = "marketing"
    entity: str = ""
    """Who acted: recipient, tenant, operator, mailbox_provider or system."""
    actor: str = ""
    """By whose hand it was recorded: `token:<id>`, `<user>@<machine>`, `gateway`."""
    notice: str = ""
    """Id of the notice shown."""
    source: str = ""
    """Where it came from: a page's address, a form's id; nothing that names the person."""
    origin: str = ""
    """Which stream of records told it, such as "import:mailchimp": a withdrawal without a time that the same origin
    tells again is not a new one."""
    country: str = ""
    """ISO 3166 code in lower case, or `eu`, as declared."""
    language: str = ""
    import_id: str = ""
    line: int = 0
    """In that import's file: the physical line on which the row starts, the header being 1."""
    related: Related | None = None
    commitments: dict[str, str] = {}
    """Name of each personal field -> keyed commitment to its value; set by the store."""

    @property
    def identity(self) -> bytes:
        """6 octets that are the same for the same fact told again by the same origin; see `Standing.seen`.

        What is told live without a time happened when it was recorded: a second withdrawal by the same button is a
        second withdrawal. A file that names no times tells the same again.
        """
        at = self.at
        origin = self.origin if at is None or not self.imported else ""
        told = at if at is not None or self.imported else self.recorded
        # A country corrected later is news, but must not make last week's opt-out a new one.
        country = self.country if self.state in _POSITIVE else ""
        text = (
            f"{self.state}\x1f{self.party}\x1f{self.list}\x1f{told}\x1f{self.grade}\x1f{self.imported}\x1f{self.until}\x1f"
            f"{self.method}\x1f{self.reason}\x1f{self.stops}\x1f{self.flaw}\x1f{self.notice}\x1f{origin}\x1f{self.ground}\x1f"
            f"{country}"
        )
        if self.related is not None:
            text += msgspec.json.encode(self.related).decode()
        return hashlib.blake2b(text.encode(), digest_size=6).digest()


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """An express consent. Kept as long as no other of its scope is at least as good in every way."""

    party: str
    list: str
    at: int
    grade: int
    imported: bool
    until: int | None
    flaw: str
    event: int
    """Number of the event: the ground's id."""


class Request(msgspec.Struct, frozen=True, array_like=True):
    """The newest request of a scope that nothing confirmed yet."""

    party: str
    list: str
    at: int
    event: int
    imported: bool = False
    """Told by a file: no ground for sending a confirmation mail."""


class Withdrawal(msgspec.Struct, frozen=True, array_like=True):
    """A withdrawal, complaint, refusal, legal stop or erasure. The newest of its scope, `stops` and class of reason."""

    party: str
    list: str
    at: int
    """The later of when it happened and when it was recorded: what must come after it to lift it."""
    reason: str
    stops: Stops
    event: int


class Relationship(msgspec.Struct, frozen=True, array_like=True):
    """A relationship; the last told of one document."""

    party: str
    grade: int
    related: Related
    recorded: int
    event: int
    until: int | None = None
    flaw: str = ""


class Suppression(msgspec.Struct, frozen=True, array_like=True):
    """An address, or domain, that is not to be written to."""

    party: str
    list: str
    reason: str
    stops: Stops
    since: int
    until: int | None
    event: int


class End(msgspec.Struct, frozen=True, array_like=True):
    """What ends things of its scope up to its time, also those recorded later. The newest of its scope and kind."""

    party: str
    list: str
    state: State
    """EXPIRED or INVALIDATED, of consents; LIFTED, of suppressions."""
    reason: str
    """Of the suppressions; "" for consents."""
    at: int
    event: int


class Standing(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What all events of one address (or domain) come to, for one customer or, as customer ALL, for the operator.

    Every part is sorted, so that equal standings are equal texts.
    """

    grants: tuple[Grant, ...] = ()
    requests: tuple[Request, ...] = ()
    withdrawals: tuple[Withdrawal, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    country: str = ""
    """As the newest event that declared one says."""
    seen: str = ""
    """The identities of all its events, 12 hexadecimal digits each, sorted: what is told again is known."""
    ends: tuple[End, ...] = ()
    told: int = 0
    """When the event that declared the country was recorded."""


NOTHING = Standing()
"""The standing of an address of which nothing is recorded."""


class Known(msgspec.Struct, frozen=True):
    """All that is known of one recipient for one customer's mail, from one look-up."""

    own: Standing = NOTHING
    """For the customer: the address."""
    own_domain: Standing = NOTHING
    operator: Standing = NOTHING
    """For the operator: the address."""
    operator_domain: Standing = NOTHING


def micros(time: datetime) -> int:
    """An aware time as the model keeps it. Raises ValueError for a naive one."""
    if time.tzinfo is None:
        raise ValueError("a time must be aware")
    return (time - _EPOCH) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    """The time of `micros`, in UTC."""
    return _EPOCH + timedelta(microseconds=value)
