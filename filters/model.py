"""The values rules and the engine work with. Pure: no clock, no I/O.

A rule reports evidence or None and never knows the action; policy pairs each rule with an action; the worst
action wins. Values are checked when they are built, so that what exists is valid.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Literal

import msgspec

from config.customers import Credential, Customer
from config.policy import Action, Policy
from config.switch import Exemption
from consent.address import Address

if TYPE_CHECKING:
    from filters.activity import Activity
    from filters.message import Message

__all__ = [
    "Action",
    "DomainState",
    "Facts",
    "Finding",
    "Outcome",
    "Phase",
    "Reply",
    "Rule",
    "Verdict",
    "Verified",
    "rule",
]

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\Z")
_PRINTABLE = re.compile(r"[\x20-\x7e]*\Z")


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMTP reply: code, enhanced status code (RFC 3463), text. What is sent is `str(reply)` and CRLF.

    Raises ValueError when code and enhanced code differ in class (RFC 2034 section 4), or when the text is not
    printable ASCII on one line of at most 512 octets (RFC 5321 section 4.5.3.1.5).
    """

    code: int
    enhanced: str
    text: str

    def __post_init__(self) -> None:
        if not 200 <= self.code <= 599 or self.code // 100 == 3:
            raise ValueError(f"not a final SMTP reply code: {self.code}")
        if not _ENHANCED.match(self.enhanced) or int(self.enhanced[0]) != self.code // 100:
            raise ValueError(f"enhanced status code {self.enhanced!r} does not fit {self.code}")
        if not self.text or not _PRINTABLE.match(self.text):
            raise ValueError("reply text must be printable ASCII on one line")
        if len(str(self)) > 510:
            raise ValueError("reply longer than 512 octets with CRLF")

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}"

    @property
    def positive(self) -> bool:
        """Whether it accepts."""
        return self.code < 300

    def telling(self, evidence: str) -> "Reply":
        """The same reply with what was found behind it, as far as that is printable ASCII and there is room for it."""
        plain = "".join(each for each in evidence if " " <= each <= "~")
        return Reply(self.code, self.enhanced, f"{self.text}: {plain}"[: 440 - len(self.enhanced)])

    def with_reference(self, reference: str) -> "Reply":
        """The same reply, ending in the reference under which the audit holds the evidence."""
        room = 510 - len(f"{self.code} {self.enhanced} ; ref {reference}")
        return Reply(self.code, self.enhanced, f"{self.text[:room]}; ref {reference}")


class Outcome(IntEnum):
    """What is to happen with a message, in order: the worst wins."""

    ACCEPT = 0
    DEFER = 1
    REJECT = 2


class Phase(Enum):
    """From when on a rule can be asked: MAIL rules need no message, DATA rules do.

    At end of data the rules of both phases are asked, so that one evaluation stands in the record.
    """

    MAIL = "mail"
    DATA = "data"


class DomainState(Enum):
    """What the DNS definitely says about a domain and mail. A domain that it said nothing about has no state."""

    TAKES_MAIL = "takes mail"
    """It has an MX, or without one an address (RFC 5321 section 5.1)."""
    ABSENT = "absent"
    """NXDOMAIN: neither it nor anything under it exists."""
    NULL_MX = "null MX"
    """It says that it takes none (RFC 7505)."""
    DEAF = "deaf"
    """It exists and has neither MX nor address."""


Verification = Literal["pass", "fail", "no key", "away", "unusable"]
"""What became of verifying a signature. `fail`: against a key that was fetched; `no key`: there definitely is none;
`away`: no answer, so nothing is known; `unusable`: the signature or its key has a form that cannot be verified."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What is known of one DKIM-Signature that stood in the message as received (RFC 6376 section 6.1)."""

    number: int
    """Among the DKIM-Signature fields, from the top, beginning with 1."""
    domain: str
    """Its `d=`, in lower-case A-labels."""
    result: Verification
    why: str = ""
    """For every result but `pass`; holds nothing of the message."""
    aligned: frozenset[str] = frozenset()
    """Of the domains that were asked about, those it speaks for: they have its organisational domain."""
    names: frozenset[str] = frozenset()
    """Lower-case names of the fields it signs."""
    unsigned: int = 0
    """Octets of the body behind its `l=`."""
    expires: int | None = None
    """Its `x=`, in seconds since 1970."""


class Facts(msgspec.Struct, frozen=True):
    """All that rules may know besides the message and the policy, gathered before they run.

    Another one with something changed is made by `msgspec.structs.replace`: five times a message, and a frozen
    dataclass of so many fields takes thirty times as long for it.
    """

    now: datetime
    customer: Customer
    credential: Credential
    reverse_path: Address | None
    """None is the null reverse-path `<>` (RFC 5321 section 4.5.5)."""
    recipients: tuple[Address, ...] = ()
    ehlo: str = ""
    """The name the customer's server greeted us with, in lower case."""
    own_names: frozenset[str] = frozenset()
    """Our host name and the operator's domains, in lower case."""
    trace_key: bytes = b""
    """For the check in the ids of our Received fields (`filters.trace.own_id`)."""
    holders: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Every domain that a customer holds -> that customer's id."""
    domains: Mapping[str, DomainState] = msgspec.field(default_factory=dict)
    """What the DNS says about the domains of sender and recipients, as far as it answered in time."""
    held: Mapping[str, Mapping[str, str]] = msgspec.field(default_factory=dict)
    """The domains of the operator and of all customers, by what they look like: `filters.likeness.Holders.view`."""
    signatures: tuple[Verified, ...] | None = None
    """Of the existing signatures those that were verified; None where that was not asked."""
    signing_domain: str | None = None
    """In whose name we will sign the message (`filters.signing`); None: it has no key."""
    smtputf8: bool = False
    """Whether MAIL said SMTPUTF8 (RFC 6531): then the header block may be UTF-8."""
    activity: "Activity | None" = None
    """What the credential sent lately; None where no rule asks, or the ledger could not be asked."""
    exemptions: Mapping[str, Exemption] = msgspec.field(default_factory=dict)
    """The customer's, by rule code; one that is over exempts from nothing. For the engine: rules do not ask."""
    bulk: bool = False
    """Whether the message is bulk mail (design section 5)."""
    list: str | None = None
    """The customer's list that it is sent for; None where nothing says."""
    party: str = ""
    """The customer's party that it is sent for."""
    list_ids: Mapping[str, str] = msgspec.field(default_factory=dict)
    """List-Id in lower case -> the customer's list."""
    parties: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Domain in From -> the customer's party that is meant; a domain that none has is of the customer's own."""
    own_unsubscribe: frozenset[str] = frozenset()
    """Of the URIs that `filters.unsubscribe.uris` names, those at the operator's service whose token verified and is
    for this customer, list and recipient."""
    unfit_unsubscribe: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The others at the operator's service, and why each is of no use here, as in "is for another list"."""
    content: frozenset[str] = frozenset()
    """What the law of the customer's profiles asks bulk mail to hold: of `consent.profiles.HELD`."""

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("now must be aware")

    def __repr__(self) -> str:
        """Without the key, and without what is the same for all."""
        return f"Facts({self.now}, {self.customer.id}, {self.credential.name}, {self.reverse_path}, {self.recipients})"

    @property
    def allowed(self) -> tuple[str, ...]:
        """The domains that the credential may use."""
        return self.customer.domains_of(self.credential)


Check = Callable[["Message", Facts, Policy], str | None]
"""A rule's function: evidence, or None. Evidence names fields, counts and domains, never a local-part: it is kept
in clear in the audit."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One check with its public face. Built by `@rule`; its docstring is its documentation."""

    code: str
    clause: str
    """Of the acceptable-use policy, as in spec/clauses.md."""
    default: Action
    reply: Reply
    fix: str
    """What the sender can do about it, one sentence."""
    phase: Phase
    check: Check
    tells: bool = False
    """Its evidence ends the reply: it is nothing but what the sender is to change."""

    @property
    def doc(self) -> str:
        """The check's docstring, on one line."""
        return " ".join((self.check.__doc__ or "").split())


def rule(
    code: str,
    *,
    clause: str,
    default: Action,
    reply: Reply,
    fix: str,
    phase: Phase = Phase.DATA,
    tells: bool = False,
) -> Callable[[Check], Rule]:
    """Make a Rule of a check. It builds a value and registers nothing."""

    def build(check: Check) -> Rule:
        if not check.__doc__:
            raise ValueError(f"{code}: a rule's docstring is its documentation")
        return Rule(code, clause, default, reply, fix, phase, check, tells)

    return build


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule found, and what policy makes of it."""

    code: str
    clause: str
    action: Action
    evidence: str
    reply: Reply
    fix: str
    failed: bool = False
    """The rule itself raised; evidence names the exception."""
    exemption: str = ""
    """Id of the exemption that makes policy only observe it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision about one message."""

    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    """In the order of RULES; observed ones included."""
    decisive: Finding | None = None
    """The finding whose reply is given; None when accepted."""
    refused: Mapping[Address, Finding] = field(default_factory=dict)
    """Recipients that are refused though the message passes. A client that speaks PRDR is told of each; with any other
    the message is refused whole."""
