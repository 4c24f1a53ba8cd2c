"""Content: what the law of the customer's profiles asks bulk mail to hold (R-130 to R-135). Pure.

All are observed unless policy says otherwise: addresses are written in many ways, and honest mail says in
pictures who it is from. What advertisements must be called (15 USC 7704(a)(5)(A)(i)) is asked of mail without consent
only, which is refused for that; `<ADV>` likewise.
"""

import re
import unicodedata
from collections.abc import Sequence

from config.policy import Action, Policy
from filters.declared import discussion
from filters.message import Message
from filters.model import Facts, Reply, rule
from filters.shown import decoded, text_of
from filters.unsubscribe import plain_texts

_WORD = re.compile(r"[^\W_]+")
_FORMS = frozenset((
    "ltd", "limited", "inc", "incorporated", "llc", "llp", "plc", "corp", "corporation", "co", "company",
    "gmbh", "ag", "kg", "ohg", "ug", "mbh", "eg", "ev", "sa", "sas", "sarl", "srl", "spa", "bv", "nv", "ab",
    "as", "oy", "aps", "pty", "pte", "the", "and", "und", "et", "y", "e", "&", "de",
))  # fmt: skip
"""Legal forms and small words, which signatures leave out."""
_ENOUGH = 0.6
"""Share of the words of an address that must be there: streets are abbreviated, countries left out."""
_CONTACT = re.compile(
    r"[^\s@<>]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}|https?://|www\.[a-z0-9-]|\+?\(?\d[\d ()/.-]{6,20}\d"
)
_ANSWER = re.compile(r"(?:re|aw|sv|antw|fwd?|wg|tr|rv)(?:\[\d{1,3}\])?\s{0,3}:", re.IGNORECASE)


@rule(
    "CONTENT-ADDRESS",
    clause="MOD-2.1j",
    default=Action.OBSERVE,
    reply=Reply(550, "5.7.0", "Bulk mail needs the sender's postal address in its text"),
    fix="Write the postal address that the operator has on file into the footer.",
)
def postal_address(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Bulk mail holds the postal address of its sender where a profile asks for one (R-130; 15 USC 7704(a)(5)(A)(iii),
    SOR/2012-36 section 2(1)(d)): most words of the customer's `postal_address`, in any order, and a number of it
    where it has one."""
    if not _asked("postal_address", facts):
        return None
    words = _words(facts.customer.postal_address)
    if not words:
        return "no postal_address on file"
    found = _held(words, _text(message))
    numbers = {word for word in words if any(each.isdigit() for each in word)}
    if len(found) >= _ENOUGH * len(set(words)) and (not numbers or found & numbers):
        return None
    return f"{len(found)} of {len(set(words))} words of the postal address"


@rule(
    "CONTENT-SENDER",
    clause="MOD-2.1j",
    default=Action.OBSERVE,
    reply=Reply(550, "5.7.0", "Bulk mail needs the name of its sender in From or in its text"),
    fix="Write the name under which the operator knows you into From or the text, and on whose behalf you write.",
)
def sender_name(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Bulk mail names its sender where a profile asks for it (R-131; SOR/2012-36 section 2(1)(a) to (c)): the words of
    the customer's name, without its legal form, in the display name of From or in the text."""
    if not _asked("sender_name", facts):
        return None
    words = [word for word in _words(facts.customer.name) if word not in _FORMS] or _words(facts.customer.name)
    shown = _plain(" ".join(mailbox.name for mailbox in message.shown("from")))
    held = _held(words, shown) | _held(words, _text(message))
    missing = len([word for word in words if word not in held])
    return f"{missing} of {len(words)} words of the sender's name are missing" if missing else None


@rule(
    "CONTENT-CONTACT",
    clause="MOD-2.1j",
    default=Action.OBSERVE,
    reply=Reply(550, "5.7.0", "Bulk mail needs a telephone number, e-mail or web address of its sender"),
    fix="Write a telephone number, an e-mail or a web address at which you are reached into the text.",
)
def second_contact(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Bulk mail holds a second way to reach its sender where a profile asks for it (R-132; CASL 6(2)(b), SOR/2012-36
    section 2(1)(d)): a telephone number, an e-mail address or a web address in the text."""
    if not _asked("second_contact", facts):
        return None
    # Nearly always it is a web address, which is found soonest.
    if any("https://" in text or "http://" in text for text in plain_texts(message)):
        return None
    texts = plain_texts(message, one_line=True)
    return None if any(_CONTACT.search(text.lower()) for text in texts) else "none in the text"


@rule(
    "CONTENT-ANSWER",
    clause="MOD-2.5c",
    default=Action.OBSERVE,
    reply=Reply(550, "5.7.0", "Bulk mail answers or passes on nothing: its Subject says so"),
    fix="Take 'Re:' and 'Fwd:' out of the Subject.",
)
def false_answer(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Bulk mail whose Subject begins with `Re:` or `Fwd:` answers a message that it names in In-Reply-To or References
    (R-135, 15 USC 7704(a)(2)). Discussion lists pass."""
    if not facts.bulk or discussion(message) or message.all("in-reply-to") or message.all("references"):
        return None
    subjects = [decoded(text_of(field.unfolded)).strip() for field in message.all("subject")[:1]]
    return "Subject of an answer without In-Reply-To" if subjects and _ANSWER.match(subjects[0]) else None


def _asked(what: str, facts: Facts) -> bool:
    return facts.bulk and what in facts.content


def _words(text: str) -> Sequence[str]:
    """The words of a text in lower case, accents taken off."""
    return _WORD.findall(_plain(text))


def _text(message: Message) -> str:
    """All texts of a message in lower case, accents taken off: once for both who look for words in it."""
    if message.plain_text is None:
        message.plain_text = _plain(" ".join(plain_texts(message)))
    return message.plain_text


def _held(words: Sequence[str], plain: str) -> set[str]:
    """Those of the words that are words of a text. They are few and it is long: it is not taken to pieces for them."""
    return {word for word in set(words) if _stands(word, plain)}


def _stands(word: str, plain: str) -> bool:
    after = -1
    while (at := plain.find(word, after + 1)) >= 0:
        after = at + len(word)
        if not plain[at - 1 : at].isalnum() and not plain[after : after + 1].isalnum():
            return True
    return False


def _plain(text: str) -> str:
    """A text in lower case, accents taken off."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text[:300_000].casefold())
    # A text has few characters that differ, and many that do not.
    return plain.translate({ord(each): None for each in set(plain) if unicodedata.combining(each)})
