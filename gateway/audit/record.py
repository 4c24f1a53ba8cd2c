"""What stands in the audit journal: the kinds of records, and how one becomes JSON.

A line of a segment is `{"hash":"<64 hex>","n":N,"kind":"…","time":"…","process":"…",…}` and LF. `hash` is SHA-256
over the 32 bytes of the previous record's hash and the bytes of this object without its hash member, exactly as
they stand. Here are the records that say what was decided, what became of it and who did what; those the journal
writes about itself are in `gateway.audit.upkeep`.

Personal addresses never stand in clear: each becomes `{"key": "…", "sealed": "…"}`, a keyed hash to search by
(R-240) and the address encrypted under its subject's own key, so that erasing the subject destroys that key and
every chain still verifies (R-235). `sealed` is null when no subject key could be had.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from consent.address import Address
from filters.model import Finding, Verified

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sealed:
    """An address as the journal keeps it."""

    key: str
    """Keyed hash with its version, such as `1:base64…`: equal for equal canonical addresses."""
    sealed: str | None
    """The address as written, encrypted; None when no subject key could be had."""


Seal = Callable[[Sequence[Address]], Sequence[Sealed]]
"""Seals addresses, one answer for each, in order. Called in the writer's thread, once for a group of records."""
Unseal = Callable[[Sequence[Sealed]], Sequence[str | None]]
"""Opens addresses, one answer for each, in order; None for one whose subject's key is destroyed."""


def stamp(time: datetime) -> str:
    """A time as the journal writes it: UTC, microseconds, offset; always 32 characters, so that text sorts as time.

    Raises ValueError for a naive time.
    """
    if time.tzinfo is None:
        raise ValueError("a record's time must be aware")
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def without_local_parts(text: str) -> str:
    """A text of somebody else's, such as a next hop's reply, with the local-parts of addresses in it masked: the
    journal holds no address in clear."""
    return _LOCAL_PART.sub("***@", text) if "@" in text else text


class Kind:
    """What all kinds of records share."""

    __slots__ = ()
    kind: ClassVar[str]

    @property
    def reserved(self) -> bool:
        """Whether it may use the space kept free for it when the disk is full."""
        return True

    @property
    def addresses(self) -> Sequence[Address]:
        """The personal addresses in it."""
        return ()

    @property
    def opens(self) -> str | None:
        """The reference that waits for an outcome from here on."""
        return None

    @property
    def closes(self) -> str | None:
        """The reference whose outcome this is."""
        return None


_LOCAL_PART = re.compile(r"""(?:"[^"]*"|[^\s<>@,;:()"'=]+)@(?=[\w\[])""")
VERDICTS = frozenset(("accept", "defer", "reject"))
PHASES = frozenset(("mail", "rcpt", "data"))
OUTCOMES = frozenset(("accepted", "refused", "deferred", "unknown", "repeat"))


class Decision(msgspec.Struct, Kind, frozen=True):
    """One verdict about one transaction, with what it was made from (R-231, R-232).

    Written and durable before anything is forwarded. `evidence` in findings names fields, counts and domains, never
    a local-part; every other address is an Address and is sealed. Raises ValueError for a phase or verdict that is
    none.
    """

    kind: ClassVar[str] = "decision"

    reference: str
    """ULID, as in the reply."""
    customer: str | None
    credential: str | None
    stream: str | None
    client: Mapping[str, Any]
    """`address` and `port` of the other end."""
    ehlo: str
    tls: str | None
    """Version and cipher; None in clear."""
    listener: str
    phase: str
    """`mail`, `rcpt` or `data`: when it was decided."""
    reverse_path: Address | None
    """None is the null reverse-path."""
    recipients: Sequence[Address]
    verdict: str
    """`accept`, `defer` or `reject`."""
    reply: str
    """As sent, or as it will be sent when the next hop accepts."""
    policy: str
    """Hash of the effective policy."""
    version: str
    """Of the program."""
    profile: str
    mode: str
    """`enforce` or `observe`."""
    header_from: Sequence[Address] = ()
    message_id: str | None = None
    size: int | None = None
    """Octets as received; None before DATA."""
    sha256: str | None = None
    """Of the message as received, hexadecimal."""
    header_sha256: str | None = None
    """Of its header block."""
    findings: Sequence[Mapping[str, Any]] = ()
    """Each with `code`, `clause`, `action`, `evidence` and `failed`, and `exemption`, an id, where that made it
    `observe`; observed ones too."""
    clauses: Sequence[str] = ()
    """Of the acceptable-use policy, that the findings rest on."""
    modifications: Sequence[str] = ()
    """Each change made to what is forwarded."""
    signatures: Sequence[Mapping[str, Any]] | None = None
    """Of the DKIM signatures that stood in the message those that were verified, each with `number` (from the top),
    `domain` (its `d=`), `result` and `why`; None where no rule asked."""

    message_class: str | None = None
    """`C0` to `C5` (`consent.mailing.Class`); None where it was not found out."""
    basis: str | None = None
    """Why it is of that class."""
    cluster: str | None = None
    """Of near-identical mail; None where that was not asked, or the message says too little."""
    mailing: Mapping[str, Any] | None = None
    """What the recipients were decided about: `list`, `party`, `required` grade, `profiles`, `list_source`,
    `list_complaint_at`, `class` and `at`, both times in microseconds since 1970; None where nobody was."""
    grounds: Sequence[Mapping[str, Any] | None] = ()
    """Of each recipient, in order: `ground`, `event` (its number in the registry) and `grade`, or `refused`, a reason
    code, and `reasons`; with `at` where that is not the mailing's. None where it was not decided. Empty where none
    was."""

    def __post_init__(self) -> None:
        if self.phase not in PHASES or self.verdict not in VERDICTS:
            raise ValueError(f"no such phase or verdict: {self.phase!r}, {self.verdict!r}")

    @property
    def reserved(self) -> bool:
        """No decision is taken without room for its outcome."""
        return False

    @property
    def addresses(self) -> Sequence[Address]:
        """Reverse-path, header From, recipients."""
        first = () if self.reverse_path is None else (self.reverse_path,)
        return (*first, *self.header_from, *self.recipients)

    @property
    def opens(self) -> str | None:
        """An accepted message waits for its outcome."""
        return self.reference if self.verdict == "accept" else None

    def members(self, sealed: Mapping[Address, Json]) -> Json:
        """The members of its own; `reference` comes first, recovery reads it there."""
        return {
            "reference": self.reference,
            "customer": self.customer,
            "credential": self.credential,
            "stream": self.stream,
            "client": dict(self.client),
            "ehlo": self.ehlo,
            "tls": self.tls,
            "listener": self.listener,
            "phase": self.phase,
            "reverse_path": None if self.reverse_path is None else sealed[self.reverse_path],
            "recipients": [sealed[address] for address in self.recipients],
            "header_from": [sealed[address] for address in self.header_from],
            "message_id": self.message_id,
            "size": self.size,
            "sha256": self.sha256,
            "header_sha256": self.header_sha256,
            "verdict": self.verdict,
            "reply": self.reply,
            "findings": [dict(found) for found in self.findings],
            "clauses": list(self.clauses),
            "modifications": list(self.modifications),
            "signatures": None if self.signatures is None else [dict(each) for each in self.signatures],
            "class": self.message_class,
            "basis": self.basis,
            "cluster": self.cluster,
            "mailing": None if self.mailing is None else dict(self.mailing),
            "grounds": [None if each is None else dict(each) for each in self.grounds],
            "policy": self.policy,
            "version": self.version,
            "profile": self.profile,
            "mode": self.mode,
        }


class Outcome(msgspec.Struct, Kind, frozen=True):
    """What became of an accepted message. There is one for each, and room for it even on a full disk.

    Raises ValueError for an outcome that is none.
    """

    kind: ClassVar[str] = "outcome"

    reference: str
    """Of the decision."""
    outcome: str
    """`accepted`, `refused`, `deferred`, `unknown` (the connection or the process died after the dot) or `repeat`."""
    next_hop: str | None = None
    """Its name and the address that was used."""
    reply: str | None = None
    """The next hop's, whole, with its queue id."""
    told: bool = False
    """Whether the client was told."""
    repeat_of: str | None = None
    """The first reference, when this message repeats one that was accepted unheard."""
    accepted: int = 0
    """Recipients the next hop accepted."""
    refused: int = 0
    """Recipients the next hop refused."""

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f"no such outcome: {self.outcome!r}")

    @property
    def closes(self) -> str | None:
        """Its decision waits no more."""
        return self.reference

    def members(self, sealed: Mapping[Address, Json]) -> Json:
        """The members of its own; `reference` comes first, recovery reads it there."""
        return {
            "reference": self.reference,
            "outcome": self.outcome,
            "next_hop": self.next_hop,
            "reply": self.reply,
            "told": self.told,
            "repeat_of": self.repeat_of,
            "accepted": self.accepted,
            "refused": self.refused,
        }


@dataclass(frozen=True, slots=True)
class Act(Kind):
    """What an operator, an administrator or the program itself did.

    Not named Action, which is what policy does with a finding. It may use the reserve: a customer can be suspended,
    and that recorded, on a full disk.
    """

    kind: ClassVar[str] = "action"

    actor: str
    """Who: a token's id, `cli:<user>`, or the part of the program."""
    act: str
    """What, such as `suspend`."""
    customer: str | None = None
    target: Address | str | None = None
    """On what: a credential, a domain, an address."""
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """More, as JSON values; a value that is an Address is sealed (at the first level only)."""

    @property
    def addresses(self) -> Sequence[Address]:
        """The target and those in details."""
        return tuple(value for value in (self.target, *self.details.values()) if isinstance(value, Address))

    def members(self, sealed: Mapping[Address, Json]) -> Json:
        """The members of its own."""
        return {
            "actor": self.actor,
            "act": self.act,
            "customer": self.customer,
            "target": sealed[self.target] if isinstance(self.target, Address) else self.target,
            "reason": self.reason,
            "details": {
                name: sealed[value] if isinstance(value, Address) else value for name, value in self.details.items()
            },
        }


def of_finding(finding: Finding) -> Json:
    """A finding as a decision holds it."""
    exempted = {"exemption": finding.exemption} if finding.exemption else {}
    return exempted | {
        "code": finding.code,
        "clause": finding.clause,
        "action": finding.action.value,
        "evidence": finding.evidence,
        "failed": finding.failed,
    }


def of_signature(found: Verified) -> Json:
    """A signature that was looked at, as a decision holds it."""
    return {"number": found.number, "domain": found.domain, "result": found.result, "why": found.why}
