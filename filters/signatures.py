"""Signatures that stand in the message already (DKIM, RFC 6376): reading, verifying, and rules about them. Pure.

Keys are fetched elsewhere (`gateway.vouching`) and come in as text. The header is hashed by dkimpy; the body is hashed
here, piece by piece, because dkimpy does it in one go and in time that grows with the square of a run of spaces. So is
time: dkimpy reads the clock for `t=` and `x=`, and here `now` is an argument.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from weakref import WeakKeyDictionary

import dkim
from publicsuffixlist import PublicSuffixList

from config.domain import domain_name
from config.policy import Policy
from filters import canonical
from filters.headers import ONCE
from filters.message import Field, Message
from filters.model import Action, Facts, Reply, Verification, Verified, rule

MOST = 5
"""Signatures of one message that are verified; `MOST_READ` those that are read."""
MOST_READ = 20
LONGEST_BODY = 64 * 1024 * 1024
"""Octets of a body above which it is not hashed: more than most hops take."""
LONGEST_KEY = 1024
"""Octets of a key record. RSA with 4096 bits takes 760; a longer one could hold numbers that take seconds."""
SMALLEST_KEY = 1024
"""Bits of an RSA key (RFC 8301 section 3.2)."""
SLACK = 3600
"""Seconds by which clocks may differ."""

_LONGEST_FIELD = 8192
_LONGEST_SPACE = 64
"""Octets of white space in a row in a signature: dkimpy's time grows with the square of it."""
_MOST_NAMES = 200
_SELECTOR = re.compile(rb"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,125}[A-Za-z0-9_])?\Z")
_NUMBER = re.compile(rb"[0-9]{1,12}\Z")
_SPACE = re.compile(rb"[ \t\r\n]+")
_LONG_SPACE = re.compile(rb"[ \t\r\n]{%d}" % _LONGEST_SPACE)
_SINGLE = frozenset(("from", "date", *ONCE, "list-unsubscribe", "list-unsubscribe-post", "list-id"))
"""Fields that a message has once (RFC 5322 section 3.6, RFC 2369 section 3, RFC 2919 section 3)."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM-Signature field, read. With a `fault` it cannot be verified, and what else is here may be blank."""

    number: int
    field: Field
    fault: str = ""
    domain: str = ""
    selector: str = ""
    algorithm: str = ""
    header_way: bytes = b"simple"
    """How header fields are canonicalised (RFC 6376 section 3.4); `body_way` the same for the body."""
    body_way: bytes = b"simple"
    names: tuple[str, ...] = ()
    """The fields it signs, lower-case, as often as `h=` says them."""
    body_hash: bytes = b""
    signature: bytes = b""
    length: int | None = None
    """`l=`: octets of the body that it signs; None is all."""
    signed: int | None = None
    """`t=`, in seconds since 1970; `expires` is `x=`."""
    expires: int | None = None

    @property
    def key_name(self) -> str:
        """Where its key is: a TXT record (RFC 6376 section 3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


_FOUND: WeakKeyDictionary[Message, tuple[Signature, ...]] = WeakKeyDictionary()
"""Several rules read the same signatures; what was read goes with the message."""


def read(message: Message) -> tuple[Signature, ...]:
    """The DKIM-Signature fields from the top down, the first `MOST_READ`; never raises."""
    fields = message.all("dkim-signature")
    if not fields:
        return ()
    found = _FOUND.get(message)
    if found is None:
        found = tuple(_read(number, field) for number, field in enumerate(fields[:MOST_READ], 1))
        _FOUND[message] = found
    return found


def _read(number: int, field: Field) -> Signature:
    if len(field.value) > _LONGEST_FIELD or _LONG_SPACE.search(field.value):
        return Signature(number, field, "longer than anybody writes it")
    try:
        tags = dkim.util.parse_tag_value(field.value)
        tags |= {tag: _SPACE.sub(b"", tags[tag]) for tag in (b"b", b"bh", b"h") if tag in tags}
        # dkimpy would hold the times against the clock.
        dkim.validate_signature_fields({tag: tags[tag] for tag in tags if tag not in (b"t", b"x")})
        domain = domain_name(tags[b"d"].decode())
        names = tuple(name.decode("ascii").lower() for name in tags[b"h"].split(b":"))
        ways = tags.get(b"c", b"simple/simple").split(b"/")
        dkim.CanonicalizationPolicy.from_c_value(tags.get(b"c"))
        found = Signature(
            number,
            field,
            "",
            domain,
            tags[b"s"].decode("ascii", "replace"),
            tags[b"a"].decode("ascii"),
            ways[0],
            ways[1] if len(ways) > 1 else b"simple",
            names,
            base64.b64decode(tags[b"bh"]),
            tags[b"b"],
            _number(tags, b"l"),
            _number(tags, b"t"),
            _number(tags, b"x"),
        )
    except Exception:  # noqa: BLE001 - dkimpy raises many kinds on malformed input: it cannot be read
        return Signature(number, field, "malformed (RFC 6376 section 3.5)")
    fault = _fault(found, tags[b"s"])
    # Nothing is said of a signature that nobody can read the same way.
    return Signature(number, field, fault, domain) if fault else found


def _fault(found: Signature, selector: bytes) -> str:
    if "from" not in found.names:
        return "does not sign From (RFC 6376 section 5.4)"
    if found.algorithm not in ("rsa-sha256", "ed25519-sha256"):
        return f"algorithm {found.algorithm} (RFC 8301 section 3.1)"
    if len(found.names) > _MOST_NAMES:
        return f"signs more than {_MOST_NAMES} fields"
    return "" if _SELECTOR.match(selector) and ".." not in found.selector else "malformed selector"


def _number(tags: dict[bytes, bytes], tag: bytes) -> int | None:
    if tag not in tags:
        return None
    if not _NUMBER.match(tags[tag]):
        raise ValueError(tag)
    return int(tags[tag])


def chosen(signatures: Iterable[Signature], domains: Iterable[str]) -> list[tuple[Signature, frozenset[str]]]:
    """The signatures to verify, at most `MOST`, each with those of the domains that it speaks for.

    Those that speak for one come first: who forwards puts signatures on top, so the author's is often the lowest.
    """
    asked = tuple(domains)
    found = [
        (each, frozenset(domain for domain in asked if each.domain and aligned(each.domain, domain)))
        for each in signatures
    ]
    return sorted(found, key=lambda pair: not pair[1])[:MOST]


def aligned(signing: str, author: str) -> bool:
    """Whether they have one organisational domain: relaxed alignment, DMARC's default (RFC 7489 section 3.1.1)."""
    if signing == author:
        return True
    suffixes = _suffixes()
    organisation = suffixes.privatesuffix(signing)
    return organisation is not None and organisation == suffixes.privatesuffix(author)


@cache
def _suffixes() -> PublicSuffixList:
    """The list as the library ships it; it takes 50 ms to read, so only who needs it does."""
    return PublicSuffixList()


class BodyHashes:
    """SHA-256 of a message's body in the ways its signatures ask for, each made once."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._made: dict[tuple[bytes, int | None], tuple[bytes, int] | None] = {}

    def get(self, way: bytes, length: int | None) -> tuple[bytes, int] | None:
        """The hash of the first `length` octets of the canonical body, and the octets of it all.

        None for a body that is too long.
        """
        if (way, length) not in self._made:
            self._made[way, length] = self._make(way, length)
        return self._made[way, length]

    def _make(self, way: bytes, length: int | None) -> tuple[bytes, int] | None:
        raw, start = self._message.raw, self._message.body_start
        if len(raw) - start > LONGEST_BODY:
            return None
        digest, total = hashlib.sha256(), 0
        for piece in canonical.body(raw, start, relaxed=way == b"relaxed"):
            digest.update(piece if length is None else piece[: max(0, length - total)])
            total += len(piece)
        return digest.digest(), total


def verify(message: Message, signature: Signature, record: bytes, bodies: BodyHashes) -> tuple[Verification, str, int]:
    """Verify one signature against its key record: the result, why it is not `pass`, and the octets behind `l=`."""
    if signature.fault:
        return "unusable", signature.fault, 0
    if len(record) > LONGEST_KEY:
        return "unusable", f"its key record is longer than {LONGEST_KEY} octets", 0
    try:
        key, bits, kind, other_service = dkim.evaluate_pk(signature.key_name, record)
    except Exception:  # noqa: BLE001 - dkimpy raises many kinds on a malformed record
        return "unusable", "its key record is malformed or revoked", 0
    if key is None or not signature.algorithm.startswith(kind.decode()) or other_service:
        return "unusable", "its key is for another algorithm or service", 0
    if kind == b"rsa" and bits < SMALLEST_KEY:
        return "unusable", f"its key has {bits} bits", 0
    body = bodies.get(signature.body_way, signature.length)
    if body is None:
        return "unusable", "the body cannot be hashed within its bounds", 0
    digest, total = body
    length = total if signature.length is None else signature.length
    if length > total:
        return "fail", "l= is more than the body has", 0
    if digest != signature.body_hash:
        return "fail", "the body is not what was signed", 0
    try:
        right = _header_verifies(message, signature, key, bits, kind)
    except Exception:  # noqa: BLE001 - likewise
        return "unusable", "its key does not fit the signature", 0
    return ("pass", "", total - length) if right else ("fail", "the header is not what was signed", 0)


def _header_verifies(message: Message, signature: Signature, key: object, bits: int, kind: bytes) -> bool:
    checker = dkim.DKIM()
    wanted = frozenset(signature.names)
    checker.headers = [_as_written(message, field) for field in message.fields if field.name in wanted]
    checker.pk, checker.keysize, checker.ktag = key, bits, kind
    # Without bh: the body is done.
    tags = {b"a": signature.algorithm.encode(), b"c": signature.header_way, b"b": signature.signature}
    names = [name.encode() for name in signature.names]
    return bool(checker.verify_sig_process(tags, names, _as_written(message, signature.field), None))


def _as_written(message: Message, field: Field) -> tuple[bytes, bytes]:
    """Name and value with its CRLF, as dkimpy has them; the name as the sender wrote it."""
    return message.header[field.start : field.end].partition(b":")[0], field.value + b"\r\n"


def counts(found: Verified, now: float) -> bool:
    """Whether a signature vouches for the message as it is: it verifies, signs all of it, and has not expired."""
    return found.result == "pass" and not found.unsigned and not _expired(found.expires, now)


def _expired(expires: int | None, now: float) -> bool:
    return expires is not None and expires + SLACK < now


@rule(
    "SIG-BROKEN", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(550, "5.7.7", "A DKIM signature in this message does not verify"),
    fix="Sign after the last change to the message, or take the signature out when the message is changed.",
)  # fmt: skip
def broken(message: Message, facts: Facts, policy: Policy) -> str | None:
    """An existing DKIM signature fails against its key (RFC 6376 section 6.1.3). Without a key nothing is said."""
    for found in facts.signatures or ():
        if found.result == "fail":
            return f"signature {found.number} of {found.domain[:200]}: {found.why}"
    return None


@rule(
    "SIG-LENGTH", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(550, "5.7.7", "A DKIM signature in this message leaves room for more behind it (l=)"),
    fix="Sign without l=: what others put behind the signed part would pass for the signer's.",
)  # fmt: skip
def leaves_room(message: Message, facts: Facts, policy: Policy) -> str | None:
    """An existing DKIM signature signs only so many octets of the body (`l=`, RFC 6376 section 8.2)."""
    known = {found.number: found for found in facts.signatures or ()}
    for each in read(message):
        if each.length is not None:
            found = known.get(each.number)
            behind = f"; {found.unsigned} octets behind them are not signed" if found and found.unsigned else ""
            return f"signature {each.number} of {each.domain[:200]} signs {each.length} octets of the body{behind}"
    return None


@rule(
    "SIG-DOUBLED", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(554, "5.6.0", "A header field that a DKIM signature covers stands a second time"),
    fix="Send each field that may stand once once: of two, readers may show the one that is not signed.",
)  # fmt: skip
def doubled(message: Message, facts: Facts, policy: Policy) -> str | None:
    """A field that may stand once stands more often than an existing DKIM signature signs it (RFC 6376 section 8.15).

    The signature still verifies over the lower one, while many readers show the upper.
    """
    for each in read(message):
        for name in dict.fromkeys(each.names):
            count = len(message.all(name)) if name in _SINGLE else 0
            if count > 1 and count > each.names.count(name):
                return f"signature {each.number} of {each.domain[:200]}: {count} {name} fields"
    return None


@rule(
    "SIG-TIME", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(550, "5.7.7", "A DKIM signature in this message is of a time to come, or has expired"),
    fix="Set the clock of the host that signs; sign anew what is sent again later.",
)  # fmt: skip
def out_of_time(message: Message, facts: Facts, policy: Policy) -> str | None:
    """`t=` of an existing DKIM signature lies ahead, or its `x=` is past or before `t=` (RFC 6376 section 3.5)."""
    now = facts.now.timestamp()
    for each in read(message):
        who = f"signature {each.number} of {each.domain[:200]}"
        if each.signed is not None and each.signed > now + SLACK:
            return f"{who}: t= lies {int(each.signed - now)} s ahead"
        if each.expires is not None and _expired(each.expires, now):
            return f"{who}: x= was {int(now - each.expires)} s ago"
        if each.signed is not None and each.expires is not None and each.expires <= each.signed:
            return f"{who}: x= is not later than t="
    return None
