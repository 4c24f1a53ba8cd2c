"""Rules about addressing that deceives: names that are another's, letters that look like others, what is not shown.

Pure. A reader sees the display name and, often, nothing else; so what is asked here is what it makes the reader believe
(MOD-2.5c). What honest mail has as well is observed and never refused.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from unicodedata import normalize

from config.policy import Policy
from filters.declared import discussion
from filters.likeness import alike, look
from filters.message import Message
from filters.model import Action, Facts, Reply, rule
from filters.names import holds_none, is_brand, is_person, names_brand
from filters.shown import Mailbox, decoded, plain_domain
from filters.skeleton import IGNORABLE, mixed, scripts
from filters.unseen import reversed_text, unseen

AUTHORS = ("from", "sender")
"""Fields that say who writes."""

_CUT_OFF = re.compile("\0[^\0\\s]")
"""NUL, behind which some readers stop; at the end of a name it is but a slip."""
_AROUND = re.compile(r"[\s<>()\[\]{},;:\"'`|/\\]")
_AFTER_AT = re.compile(r"(?:[^\W_]|[-.\u0300-\u036f\u0900-\u0dff\u0e00-\u0fff])+")
_BEHALF = "on behalf of|im auftrag von|au nom de|en nombre de|per conto di|namens"
_VIA = re.compile(
    r"\W++(?:via|über|uber|par|por|per|pela|pelo|przez|přes|door|genom|gjennom|kautta|через|through|"
    rf"{_BEHALF})\s+\S"
)
_FOR = re.compile(rf"(?:{_BEHALF})\W++[^\s<>()\[\],;:\"]*\Z")
_HANDLE = re.compile(r"(?:^|[^\w.-])@[\w.-]+\Z")
"""What stands before the second `@` in the name of an account of a federated network, such as @ann@social.example."""
_PIECE = 256
_LOOKED_BACK = 100
"""Characters before an address in which these are looked for."""
_DOMAIN = re.compile(r"[\w.-]+\Z")
_DOTS = str.maketrans(dict.fromkeys("\u3002\u0701\u0702\ua4f8\ua60e", "."))
"""Dots to IDNA (RFC 3490 section 3.1) or to the eye that compatibility decomposition does not make such."""
_HAIR = "[\u2006\u2009\u200a\u202f]"
_HAIRLINE = re.compile(f"(?<!{_HAIR}){_HAIR}++(?=[@.])|(?<=[@.]){_HAIR}++")
"""Spaces beside `@` and dots that are too narrow to be seen."""
_WORDS = re.compile(r"[^\W_]+")
_LATIN = re.compile("[\0-\u024f]*+\\Z")
"""Letters of the Latin script alone, and what all scripts share."""
_SHORT = re.compile(f"[{IGNORABLE}]+")
_NOT_PUBLIC = frozenset({
    "local", "localdomain", "localhost", "lan", "internal", "intranet", "home", "corp", "private", "invalid",
    "arpa", "domain",
})  # fmt: skip
"""Endings of names within one network: an address in such a domain is nobody else's (RFC 6762 appendix G)."""

_ADDRESS_FIX = (
    "Take the address out of the display name, or write one of this account's domains; a contact form puts its"
    " visitor's address in Reply-To."
)
_DOMAIN_FIX = "Write the domain in the letters of one script, as it is registered."


class _Quoted(NamedTuple):
    """An address within a display name."""

    domain: str
    via: bool
    """It is said to be another's, as lists do."""


@rule(
    "ADDR-IN-NAME", clause="MOD-2.5c", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "Display name holds an address of another domain"),
    fix=_ADDRESS_FIX,
)  # fmt: skip
def address_in_name(message: Message, facts: Facts, policy: Policy) -> str | None:
    """No address of another domain in the display name of From or Sender (R-144): many readers see nothing else. A host
    name without dots, names of one's own domains and private networks, "ann@example.org via List", and the names of
    authors whose mail is forwarded with permission pass."""
    return next(
        (f"{name} name, domain {_cut(each.domain)}" for name, each in _others(message, facts) if not each.via), None
    )


@rule(
    "ADDR-VIA", clause="MOD-2.5c", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "Display name holds an address of another domain, said to be another's"),
    fix=_ADDRESS_FIX,
)  # fmt: skip
def address_via(message: Message, facts: Facts, policy: Policy) -> str | None:
    """An address of another domain in a display name that says so, as lists write it for authors without a name:
    "ann@example.org via List"; an account of a federated network; an address in the domain above the customer's; one
    with a space at its `@`; or any in the name of an author whose mail a credential with `forwarding` passes on."""
    return next(
        (f"{name} name, domain {_cut(each.domain)}" for name, each in _others(message, facts) if each.via), None
    )


@rule(
    "ADDR-BRAND", clause="MOD-2.5c", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "Display name is a protected brand of another"),
    fix="Write under your own name; or ask the operator to enter the brand as yours.",
)  # fmt: skip
def brand(message: Message, facts: Facts, policy: Policy) -> str | None:
    """The display name of From or Sender is no protected brand (policy `addressing.brands`; R-144), however it is
    spelled, but for the brand's own domains and customers that may write as it, by their own name or their `brands`."""
    return _brand(message, facts, policy, whole=True)


@rule(
    "ADDR-BRAND-WORD", clause="MOD-2.5c", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "Display name holds a protected brand of another"),
    fix="Write under your own name; or ask the operator to enter the brand as yours.",
)  # fmt: skip
def brand_word(message: Message, facts: Facts, policy: Policy) -> str | None:
    """A protected brand among other words of a display name, where ADDR-BRAND has not found it: often honest."""
    found = _brand(message, facts, policy, whole=False)
    return None if found is None or _brand(message, facts, policy, whole=True) else found


@rule(
    "ADDR-EXECUTIVE", clause="MOD-2.5c", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "Display name is that of a protected person, the address is not"),
    fix="Write from, and have answers sent to, an address listed for this person; or have this one listed.",
)  # fmt: skip
def executive(message: Message, facts: Facts, policy: Policy) -> str | None:
    """In From, Sender and Reply-To the name of one of the customer's `executives` stands before one of the addresses
    listed for them and no other."""
    if not facts.customer.executives:
        return None
    for name, mailbox in message.seen:
        for number, person in enumerate(facts.customer.executives, 1):
            if is_person(mailbox.name, person.name) and _plain(mailbox) not in person.addresses:
                return f"{name} domain {_cut(mailbox.domain)}, name of executive {number}"
    return None


@rule(
    "ADDR-SCRIPT", clause="MOD-2.5c", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "A domain mixes letters of several scripts"),
    fix=_DOMAIN_FIX,
)  # fmt: skip
def domain_script(message: Message, facts: Facts, policy: Policy) -> str | None:
    """No label of a domain in From, Sender, Reply-To mixes scripts as no language does (UTS 39 section 5.2): no
    registry has such names. Latin beside Han, kana, Hangul and other scripts unlike it is fine."""
    for name, mailbox in message.seen:
        found = look(mailbox.domain).mixed
        if found:
            return f"{name} domain {_cut(mailbox.domain)}: {found}"
    return None


@rule(
    "ADDR-WHOLE-SCRIPT", clause="MOD-2.5c", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "A domain looks Latin in letters of another script"),
    fix=_DOMAIN_FIX,
)  # fmt: skip
def domain_whole_script(message: Message, facts: Facts, policy: Policy) -> str | None:
    """A label wholly in Cyrillic, Greek, Armenian or Cherokee letters that all look Latin, under a Latin ending (UTS 39
    section 4, whole-script confusables); there are honest words of that kind."""
    for name, mailbox in message.seen:
        found = look(mailbox.domain).whole
        if found:
            return f"{name} domain {_cut(mailbox.domain)}: {found}"
    return None


@rule(
    "ADDR-NAME-SCRIPT", clause="MOD-2.5c", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "A word of a display name mixes letters of several scripts"),
    fix="Write each word of the name in the letters of one script.",
)  # fmt: skip
def name_script(message: Message, facts: Facts, policy: Policy) -> str | None:
    """A word in a display name of From, Sender, Reply-To that mixes scripts as no language does; also a common slip of
    the keyboard."""
    for name, mailbox in message.seen_oddly:
        if _LATIN.match(mailbox.name):
            continue
        for word in _WORDS.findall(_SHORT.sub("", mailbox.name)):
            found = frozenset[str]() if word.isascii() else scripts(word)
            if mixed(found):
                return f"{name} name: {', '.join(sorted(found))}"
    return None


@rule(
    "ADDR-HIDDEN", clause="MOD-2.5c", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "A display name holds characters that hide or reverse the rest"),
    fix="Take control characters and right-to-left overrides out of the name.",
)  # fmt: skip
def hidden(message: Message, facts: Facts, policy: Policy) -> str | None:
    """No NUL and no right-to-left override over letters written from left to right in From, Sender, Reply-To, encoded
    or not (UAX 9 section 2.2): readers see something else than what is there. Marks in Hebrew and Arabic names pass."""
    for name, text in _texts(message):
        if _CUT_OFF.search(text):
            return f"{name} holds U+0000"
        if "\u202e" in text and reversed_text(text):
            return f"{name} holds U+202E before letters"
    return None


@rule(
    "ADDR-UNSEEN", clause="MOD-2.5c", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "A display name holds characters that are not displayed"),
    fix="Take the characters without width out of the name.",
)  # fmt: skip
def not_displayed(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Characters in From, Sender, Reply-To that are not displayed and not needed by a script; often pasted."""
    for name, text in _texts(message):
        found = unseen(text)
        if found:
            return f"{name} holds {found}"
    return None


@rule(
    "ADDR-LOOKALIKE", clause="MOD-2.5c", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "A domain looks like that of another in letters of another script"),
    fix="Write the domain in its own letters.",
)  # fmt: skip
def lookalike(message: Message, facts: Facts, policy: Policy) -> str | None:
    """No domain in From, Sender, Reply-To that has the skeleton of a domain of the operator or of another customer, in
    letters of another script than Latin (R-146, UTS 39 section 4)."""
    return _alike(message, facts, exact=True)


@rule(
    "ADDR-NEAR", clause="MOD-2.5c", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "A domain nearly looks like that of another"),
    fix="Write the domain in its own letters.",
)  # fmt: skip
def near(message: Message, facts: Facts, policy: Policy) -> str | None:
    """A domain in From, Sender, Reply-To that nearly looks like one of the operator or of another customer, as
    modern.example does like modem.example; two honest firms may have such names."""
    return _alike(message, facts, exact=False)


@rule(
    "ADDR-REPLY-TO", clause="MOD-2.5c", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "Answers to bulk mail go to a consumer mailbox"),
    fix="Have answers to bulk mail sent to a mailbox in one of your domains.",
)  # fmt: skip
def reply_to(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Bulk mail whose Reply-To is at a consumer mailbox provider (policy `addressing.consumer_domains`; R-147).
    Discussion lists, on which answers go to the author, are no such mail."""
    if not facts.bulk or not message.all("reply-to") or discussion(message):
        return None
    for mailbox in message.shown("reply-to"):
        if mailbox.domain in policy.addressing.consumer_domains and mailbox.domain not in facts.customer.domains:
            return f"reply-to domain {mailbox.domain}"
    return None


@rule(
    "ADDR-VISIBLE", clause="MOD-2.1d", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "To and Cc show too many recipients to each other"),
    fix="Send each recipient a message of its own, or put them in Bcc.",
)  # fmt: skip
def visible_recipients(message: Message, facts: Facts, policy: Policy) -> str | None:
    """To and Cc together show fewer addresses outside the customer's domains than `addressing.visible_recipients` of
    the policy (R-060): each is told all the others."""
    most = policy.addressing.visible_recipients
    fields = [*message.all("to"), *message.all("cc")]
    if sum(field.value.count(b"@") for field in fields) < most:
        return None
    own = {domain.encode() for domain in facts.customer.domains}
    count = sum(domain not in own for field in fields for domain in _written_domains(field.unfolded))
    return f"{count} addresses in To and Cc" if count >= most else None


_QUOTED_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_ENDS_IN_DOMAIN = re.compile(rb"@([A-Za-z0-9.\x80-\xff-]+)[^@]*\Z")


def _written_domains(value: bytes) -> Iterator[bytes]:
    """The domain of each mailbox of a field of any length, in lower case."""
    for piece in re.split(rb"[,;]", _QUOTED_STRING.sub(b"", value)):
        found = _ENDS_IN_DOMAIN.search(piece, max(0, piece.rfind(b"@")))
        if found:
            yield found[1].lower()


def _texts(message: Message) -> Iterator[tuple[str, str]]:
    """(field, all that it shows), where that is not plain."""
    return ((name, f"{mailbox.name} {decoded(mailbox.address)}") for name, mailbox in message.seen_oddly)


def _others(message: Message, facts: Facts) -> Iterator[tuple[str, _Quoted]]:
    """(field, address) for every address of another domain in a display name of an author."""
    for name, mailbox in message.seen:
        if name in AUTHORS and ("@" in mailbox.name or "=?" in mailbox.name or not mailbox.name.isascii()):
            yield from ((name, each) for each in _quoted(mailbox, facts))


def _quoted(mailbox: Mailbox, facts: Facts) -> Iterator[_Quoted]:
    # Some readers decode encoded words that come out of encoded words.
    name = _SHORT.sub("", decoded(mailbox.name)).replace("\uff20", "@").replace("\ufe6b", "@")
    if "@" not in name:
        return
    text = _compatible(_HAIRLINE.sub("", name.translate(_DOTS))).translate(_DOTS).lower()
    own = {*facts.customer.domains, mailbox.domain}
    forwarded = facts.credential.forwarding and mailbox.domain not in facts.allowed
    at = text.find("@")
    while at >= 0:
        written = text[max(0, at - _LOOKED_BACK) : at]
        before, gap = written.removesuffix(" "), text[at + 1 : at + 2] == " "
        behind = _AFTER_AT.match(text, at + 1 + gap)
        if behind and before and not _AROUND.match(before[-1]) and not _is_local_part(text, behind.end()):
            domain = plain_domain(behind[0].strip(".-"))
            if _is_public(domain) and not _is_within(domain, own):
                above = _is_above(domain, own) and not _held(domain, facts)
                said = _VIA.match(text, behind.end()) or _FOR.search(before) or _HANDLE.search(before)
                yield _Quoted(domain, above or forwarded or gap or before != written or bool(said))
        at = text.find("@", at + 1)


def _compatible(text: str) -> str:
    """The text in compatibility forms, piece by piece: to put marks in order takes time that grows with the square."""
    return "".join(normalize("NFKC", text[at : at + _PIECE]) for at in range(0, len(text), _PIECE))


def _is_local_part(text: str, end: int) -> bool:
    """Whether what ends here is followed at once by a domain, as b is in a@b@c.example: then it is no domain itself."""
    behind = _AFTER_AT.match(text, end + 1) if text[end : end + 1] == "@" else None
    return behind is not None and _is_public(behind[0].strip(".-"))


def _is_public(domain: str) -> bool:
    """Whether it may be the domain of somebody's address on the Internet."""
    _, dot, last = domain.rpartition(".")
    return bool(dot) and len(last) > 1 and not last[0].isdigit() and last not in _NOT_PUBLIC


def _is_within(domain: str, own: Iterable[str]) -> bool:
    return any(domain == each or domain.endswith(f".{each}") for each in own)


def _is_above(domain: str, own: Iterable[str]) -> bool:
    return any(each.endswith(f".{domain}") for each in own)


def _held(domain: str, facts: Facts) -> bool:
    """Whether the operator or another customer holds this very domain."""
    return facts.held.get(look(domain).near, {}).get(domain, facts.customer.id) != facts.customer.id


def _brand(message: Message, facts: Facts, policy: Policy, *, whole: bool) -> str | None:
    asked = is_brand if whole else names_brand
    for name, mailbox in message.seen:
        if mailbox.name and name in AUTHORS and not holds_none(mailbox.name, policy.addressing.brand_names):
            for each in policy.addressing.brands:
                if asked(mailbox.name, each.name) and not _may_write_as(facts, mailbox, each.name, each.domains):
                    return f"{name} domain {_cut(mailbox.domain)}, brand {each.name}"
    return None


def _may_write_as(facts: Facts, mailbox: Mailbox, name: str, domains: Iterable[str]) -> bool:
    """Whether the brand is the writer's own: by a domain, by the customer's own name, or by what the operator says."""
    own = (mailbox.domain, *facts.customer.domains)
    return (
        any(_is_within(each, domains) for each in own)
        or names_brand(facts.customer.name, name)
        or any(is_brand(allowed, name) for allowed in facts.customer.brands)
    )


def _plain(mailbox: Mailbox) -> str:
    """The address without what follows a "+" in its local-part, for comparison."""
    return f"{mailbox.address.rpartition('@')[0].partition('+')[0]}@{mailbox.domain}"


def _alike(message: Message, facts: Facts, *, exact: bool) -> str | None:
    for name, mailbox in message.seen:
        found = alike(mailbox.domain, facts.customer.id, facts.held)
        if found and found.exact is exact:
            whose = "another customer" if found.holder else "the operator"
            return f"{name} domain {_cut(mailbox.domain)}, like one of {whose}"
    return None


def _cut(domain: str) -> str:
    """A domain as evidence: of bounded length, and nothing but a domain."""
    return domain if len(domain) <= 253 and _DOMAIN.match(domain) else "that is none"
