"""Rules about mail that others wrote and a customer passes on: it passes only with permission. Pure.

A credential with `forwarding` may send a foreign From when the author's own domain vouches for the message: a DKIM
signature aligned with From that still verifies. Everybody downstream can check the same, so nothing is forged. The
reverse-path is then the forwarder's (SRS), because bounces and SPF are about who sends, not about who wrote.

An invitation that is passed on (Exchange, Google) has the organiser in From, the forwarder in Sender, and no signature
that survives. The operator may allow this to a customer (`forwarded_calendars`); each is counted as FWD-CALENDAR.
"""

import re
from itertools import islice
from weakref import WeakKeyDictionary

from config.policy import Policy
from consent.address import Address
from filters import reports
from filters.message import Message
from filters.model import Action, Facts, Phase, Reply, Verified, rule
from filters.reach import Reach, is_anothers, reach
from filters.reports import Author
from filters.signatures import counts, read

SENDERS = ("from", "sender", "resent-from", "resent-sender")
"""Fields that say who wrote or sent a message."""
_SRS = re.compile(r"(?:srs[01][=+-][^=@]+=[^=@]*=|bounces\+srs=[^=@]+=)", re.IGNORECASE)
"""`SRS0=hash=day=domain=local`, `SRS1=hash=forwarder==…` (the Sender Rewriting Scheme), Exchange's `bounces+SRS=…`."""
_CALENDAR_OCTETS = 256 * 1024
"""Of a message, how much is searched for an invitation."""
_MOST_PARTS = 50
_HEAD = 4096
"""Octets behind the Content-Type of a calendar in which its own METHOD is looked for."""
_METHODS = (b"REQUEST", b"REPLY")
_CALENDAR = re.compile(
    rb"^content-type:[ \t]*+(?:\r\n[ \t]++)?text/calendar(?=[; \t\r\n])((?:[^\r\n]|\r\n[ \t]){0,1000})",
    re.IGNORECASE | re.MULTILINE,
)
_PARAMETER = re.compile(rb";\s{0,100}method\s{0,100}=\s{0,100}\"?([A-Za-z]{1,20})\"?(?=[;\s]|\Z)", re.IGNORECASE)
_METHOD = re.compile(rb"^METHOD:[ \t]{0,100}([A-Za-z]{1,20})[ \t]{0,100}\r?$", re.IGNORECASE | re.MULTILINE)
_SETTINGS = (
    "Forward without changing header or body, so that the author's DKIM signature holds; a list that changes mail puts"
    " its own address in From (Mailman 3: dmarc_mitigate_action = munge_from with dmarc_mitigate_unconditionally;"
    " Mailman 2.1: from_is_list = Munge From)."
)
_SRS_SETTINGS = (
    "Rewrite the reverse-path of what you forward (Postfix: postsrsd in sender_canonical_maps with"
    " sender_canonical_classes = envelope_sender; cPanel: 'Enable Sender Rewriting Scheme (SRS) Support' in WHM's Exim"
    " Configuration Manager; Exim: srs_encode in return_path of the transport; Exchange Online: SenderRewritingEnabled"
    " of the connector), or send it with <>."
)


def foreign_domains(message: Message, facts: Facts, names: tuple[str, ...] = ("from",)) -> tuple[str, ...]:
    """The domains in fields of these names that are not the customer's, sorted; a field that cannot be read has none.

    They are what `gateway.vouching` asks signatures about.
    """
    found = {
        mailbox.domain
        for name in names
        for mailbox in message.mailboxes(name) or ()
        if mailbox.domain not in facts.allowed and not _reports(name, mailbox, message, facts)
    }
    return tuple(sorted(found))


def _reports(name: str, mailbox: Address, message: Message, facts: Facts) -> bool:
    """Whether it is the author of a report that the rules on identity let pass: then nothing is forwarded."""
    if name not in ("from", "sender") or not reports.report(message, facts):
        return False
    return reach(Author.of(mailbox), facts) is not Reach.FOREIGN


def _own(facts: Facts) -> frozenset[str]:
    """The domains that the credential may use of its own."""
    return frozenset(facts.allowed)


def excused(name: str, message: Message, facts: Facts) -> bool:
    """Whether foreign mailboxes in fields of this name are no matter for the rules on identity.

    With `forwarding` From is judged by the rules here. Any other field passes where an author's signature, or one of
    that field's own domain, covers it: then it is not the forwarder who wrote it. While the key of such a signature is
    away, FWD-KEY judges it.
    """
    if name == "from" and _is_calendar(message, facts):
        return True
    if not facts.credential.forwarding:
        return False
    if name == "from":
        return True
    return _covered(name, message, facts, [*_counting(facts), *_away(facts)])


def _covered(name: str, message: Message, facts: Facts, vouching: list[Verified]) -> bool:
    """Whether signatures of the authors, or of the field's own domains, sign all foreign fields of this name."""
    authors = frozenset(foreign_domains(message, facts))
    speaking = [each.aligned for each in vouching if name in each.names]
    foreign = foreign_domains(message, facts, (name,))
    return all(any(domain in aligned or aligned & authors for aligned in speaking) for domain in foreign)


def forwarded_path(facts: Facts) -> bool:
    """Whether the reverse-path is one that a forwarder may use: `<>`, an own domain, or SRS at an own upstream."""
    path, customer = facts.reverse_path, facts.customer
    if path is None or path.domain in _own(facts):
        return True
    hosts = (*_own(facts), *customer.upstreams)
    at_own_host = any(path.domain == host or path.domain.endswith(f".{host}") for host in hosts)
    return at_own_host and bool(_SRS.match(path.text)) and not is_anothers(path.domain, facts)


def _counting(facts: Facts) -> list[Verified]:
    now = facts.now.timestamp()
    return [each for each in facts.signatures or () if counts(each, now)]


def _away(facts: Facts) -> list[Verified]:
    return [each for each in facts.signatures or () if each.result == "away"]


def _why_away(facts: Facts) -> str:
    away = _away(facts)
    return away[0].why[:300] if away else "no answer about its key"


def _unvouched(message: Message, facts: Facts) -> list[str]:
    """Foreign domains of From, of a credential with `forwarding`, that no signature vouches for."""
    if not facts.credential.forwarding or _is_calendar(message, facts):
        return []
    counting = _counting(facts)
    return [
        domain for domain in foreign_domains(message, facts) if not any(domain in each.aligned for each in counting)
    ]


def _may_yet(domain: str, message: Message, facts: Facts) -> bool:
    """Whether a signature may vouch for it once its key can be fetched."""
    if facts.signatures is None:
        return bool(message.all("dkim-signature"))
    return any(domain in each.aligned for each in _away(facts))


def _is_calendar(message: Message, facts: Facts) -> bool:
    """An invitation or its answer, passed on by the customer's own Sender, where the operator allows that."""
    if not facts.customer.forwarded_calendars or not foreign_domains(message, facts):
        return False
    senders = message.mailboxes("sender") or ()
    if len(senders) != 1 or senders[0].domain not in _own(facts):
        return False
    found = _INVITATIONS.get(message)
    if found is None:
        found = _INVITATIONS[message] = _is_invitation(bytes(message.raw[:_CALENDAR_OCTETS]), len(message.header))
    return found


_INVITATIONS: WeakKeyDictionary[Message, bool] = WeakKeyDictionary()
"""Several rules ask, and looking into a message takes its time."""


def _is_invitation(content: bytes, header: int) -> bool:
    """Whether a part of it is text/calendar with one of the methods, in Content-Type (where RFC 6047 section 2.4 wants
    it) or at the head of the calendar. By pattern, because to take a message apart costs seconds at worst; but what a
    text says of calendars makes no part. `header` is where the header block ends."""
    for found in islice(_CALENDAR.finditer(content), _MOST_PARTS):
        if found.start() >= header and not _heads_a_part(content, found.start()):
            continue
        parameter = _PARAMETER.search(found[1])
        method = parameter[1] if parameter else b""
        if not parameter:
            line = _METHOD.search(content, found.end(), found.end() + _HEAD)
            method = line[1] if line else b""
        if method.upper() in _METHODS:
            return True
    return False


def _heads_a_part(content: bytes, at: int) -> bool:
    """Whether a field in a body stands behind a boundary line, with nothing but fields between."""
    boundary = content.rfind(b"\r\n--", max(0, at - _HEAD), at)
    return boundary >= 0 and b"\r\n\r\n" not in content[boundary + 2 : at]


@rule(
    "FWD-REVERSE-PATH", clause="MOD-2.5d", default=Action.REJECT, phase=Phase.MAIL,
    reply=Reply(
        550, "5.7.1",
        "Forwarded mail needs a MAIL FROM of this account: turn on SRS (Postfix: postsrsd; cPanel: Sender Rewriting"
        " Scheme; Exim: srs_encode)",
    ),
    fix=_SRS_SETTINGS,
)  # fmt: skip
def rewritten_path(message: Message, facts: Facts, policy: Policy) -> str | None:
    """What a credential with `forwarding` sends has a reverse-path that is empty, of the customer's domains, or in SRS
    form at a host below them or under `upstreams`: a third party is not made to receive its bounces (R-005)."""
    if not facts.credential.forwarding or forwarded_path(facts):
        return None
    return f"reverse-path domain {facts.reverse_path.domain}" if facts.reverse_path else None


@rule(
    "FWD-FROM", clause="MOD-2.5d", default=Action.REJECT,
    reply=Reply(
        550, "5.7.1",
        "Foreign From without a valid DKIM signature of its domain: forward unchanged, or rewrite From"
        " (Mailman: dmarc_mitigate_action = munge_from)",
    ),
    fix=_SETTINGS,
)  # fmt: skip
def vouched_from(message: Message, facts: Facts, policy: Policy) -> str | None:
    """A foreign From of a credential with `forwarding` is vouched for: a DKIM signature that is aligned with it (one
    organisational domain), signs the whole body and has not expired verifies (R-006, RFC 7489 section 3.1.1)."""
    for domain in _unvouched(message, facts):
        if not _may_yet(domain, message, facts):
            return f"from domain {domain[:200]}: {_why_not(domain, message, facts)}"
    return None


@rule(
    "FWD-KEY", clause="MOD-2.5d", default=Action.DEFER,
    reply=Reply(451, "4.7.5", "The DKIM key that would vouch for the foreign From cannot be fetched now"),
    fix="Nothing: send it again later. If it lasts, the resolvers of the author's domain or of the operator are down,"
    " or the operator names none ([dns] servers).",
)  # fmt: skip
def key_is_away(message: Message, facts: Facts, policy: Policy) -> str | None:
    """The signature that would vouch for a foreign From, or for a foreign Sender beside it, cannot be verified, because
    DNS does not answer (RFC 6376 section 6.1.2): neither passed nor refused, but asked to come again."""
    unvouched = _unvouched(message, facts)
    if unvouched:
        waits = all(_may_yet(domain, message, facts) for domain in unvouched)
        return f"from domain {unvouched[0][:200]}: {_why_away(facts)}" if waits else None
    if facts.credential.forwarding and _away(facts):
        for name in SENDERS[1:]:
            if not _covered(name, message, facts, _counting(facts)) and excused(name, message, facts):
                return f"{name} domain {foreign_domains(message, facts, (name,))[0][:200]}: {_why_away(facts)}"
    return None


@rule(
    "FWD-PERMISSION", clause="MOD-2.5d", default=Action.REJECT,
    reply=Reply(
        550, "5.7.1",
        "This account may not forward mail of others: rewrite From (Mailman: dmarc_mitigate_action = munge_from), or"
        " ask the operator to permit forwarding",
    ),
    fix=f"Ask the operator for `forwarding` on this credential. {_SETTINGS} {_SRS_SETTINGS}",
)  # fmt: skip
def permitted(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Mail that its author's domain has signed, from a credential without `forwarding`: what looks forwarded needs the
    operator's permission (R-011)."""
    if facts.credential.forwarding or not message.all("dkim-signature") or _is_calendar(message, facts):
        return None
    signing = {each.domain for each in read(message) if each.domain}
    signing.difference_update(facts.customer.domains)
    for domain in foreign_domains(message, facts):
        if any(each == domain or domain.endswith(f".{each}") or each.endswith(f".{domain}") for each in signing):
            return f"from domain {domain[:200]}, signed by it or in its name"
    return None


@rule(
    "FWD-CALENDAR", clause="MOD-2.5d", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "Forwarded invitation with a foreign From"),
    fix="Nothing while the operator allows `forwarded_calendars`; else send the invitation as your own.",
)  # fmt: skip
def calendar(message: Message, facts: Facts, policy: Policy) -> str | None:
    """An invitation or its answer (text/calendar, METHOD REQUEST or REPLY, RFC 5546) with a foreign From and own Sender
    of a customer with `forwarded_calendars`: it passes, and is counted here."""
    if not _is_calendar(message, facts):
        return None
    return f"from domain {', '.join(foreign_domains(message, facts))[:200]}"


@rule(
    "FWD-UNSIGNED", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "The signature that vouches for the foreign From does not sign Subject or Reply-To"),
    fix="Forward mail as it came; put in no Reply-To but an own one. Signing both is for the author's server.",
)  # fmt: skip
def unsigned_fields(message: Message, facts: Facts, policy: Policy) -> str | None:
    """The signatures that vouch for a foreign From sign Subject, and a Reply-To that is not the forwarder's own: else
    who replays the message may have written them (RFC 6376 section 8.15). Observed: some honest signers leave them out,
    and lists put in Reply-To."""
    if not facts.credential.forwarding:
        return None
    counting = _counting(facts)
    for domain in foreign_domains(message, facts):
        signed = [each.names for each in counting if domain in each.aligned]
        left = [name for name in ("subject", "reply-to") if signed and not any(name in names for names in signed)]
        found = [
            name for name in left if message.all(name) and (name == "subject" or _answers_elsewhere(message, facts))
        ]
        if found:
            return f"from domain {domain[:200]}: {' and '.join(found)} not signed"
    return None


def _answers_elsewhere(message: Message, facts: Facts) -> bool:
    own = _own(facts)
    return any(mailbox.domain not in own for mailbox in message.mailboxes("reply-to") or ())


def _why_not(domain: str, message: Message, facts: Facts) -> str:
    """Why no signature vouches for it: of the first that could have, or that there is none."""
    for each in facts.signatures or ():
        if domain in each.aligned:
            if each.result != "pass":
                return f"signature {each.number}: {each.result}, {each.why}"
            return f"signature {each.number}: " + (
                f"{each.unsigned} octets of the body are behind its l=" if each.unsigned else "it has expired"
            )
    count = len(message.all("dkim-signature"))
    return f"{count} DKIM signatures, none aligned with it" if count else "no DKIM signature"
