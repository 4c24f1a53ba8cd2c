"""Unsubscribe: bulk mail is left by one click in the header and by a link that is seen in each text (R-115 to R-128).

Pure. Whether a URI at the operator's own service holds a token that verifies is asked before: `uris` names those of a
message that may, `Facts.own_unsubscribe` holds those that do, and `Facts.unfit_unsubscribe` those that do not. A
message is judged as it will be sent: none of the two header fields is missing where both will be put in (`inserted`).
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from urllib.parse import urlsplit

from config.domain import domain_name
from config.policy import Action, Policy
from filters.message import Message
from filters.model import Facts, Reply, rule
from filters.page import TooMuch
from filters.parts import Text, texts
from filters.signatures import read as read_signatures
from filters.visible import Link, Shown

MOST_URIS = 100
"""URIs of the header, and of one text those that may be a link to unsubscribe, that are looked at."""
_MOST_OF_ALL = 10_000
_LONGEST_FIELD = 8192
_LONGEST_URI = 2048
_BRACKETED = re.compile(r"<([^<>]*)>")
_URI = re.compile(r"https?://[^\s<>\"]{1,2048}", re.IGNORECASE)
_ONE_CLICK = "list-unsubscribe=one-click"
_PAIR = frozenset(("list-unsubscribe", "list-unsubscribe-post"))

WORDS = (
    "unsubscri", "opt out", "opt-out", "optout", "opting out", "stop receiving", "no longer wish",
    "no longer want", "manage your subscription", "manage subscription", "manage preferences", "email preferences",
    "mailing preferences", "subscription preferences", "update your preferences", "leave this list", "remove me",
    "abmeld", "abbestell", "austragen", "newsletter abbest", "keine weiteren e-mails", "désabonn", "desabonn",
    "désinscri", "desinscri", "se désinscrire", "ne plus recevoir", "gérer mes préférences", "darse de baja",
    "darme de baja", "date de baja", "dar de baja", "cancelar suscripci", "cancelar la suscripci",
    "cancelar mi suscripci", "desuscri", "anular suscripci", "dejar de recibir", "cancella l'iscrizione",
    "cancella iscrizione", "disiscri", "annulla l'iscrizione", "cancellarsi", "afmelden", "uitschrijven",
    "avregistrera", "avsluta prenumeration", "afmeld", "meld deg av", "avmeld", "wypisz", "zrezygnuj", "odhlásit",
    "odhlasit", "cancelar inscri", "cancelar a inscri", "descadastr", "remover inscri", "отписат", "відписат",
    "配信停止", "退订", "取消订阅", "退訂", "取消訂閱", "수신거부", "peru tilau", "peruuta tilaus", "leiratkoz",
)  # fmt: skip
"""What a link to unsubscribe says, or what is said beside it, in lower case."""


class _Address(NamedTuple):
    """What a URI leads to."""

    scheme: str
    host: str
    """In lower-case A-labels."""
    beginning: str
    """The first piece of its path."""


def _address(uri: str) -> _Address | None:
    """The address of an http or https URI without user information; None for any other."""
    return _read_address(uri) if len(uri) <= _LONGEST_URI else None


@lru_cache(maxsize=64)
def _read_address(uri: str) -> _Address | None:
    """The same. Of one URI it is asked several times."""
    if not uri.isprintable() or " " in uri:
        return None
    try:
        parts = urlsplit(uri)
        host = domain_name(parts.hostname or "")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or "@" in parts.netloc:
        return None
    return _Address(parts.scheme, host, parts.path.lstrip("/").partition("/")[0].lower())


def header_uris(message: Message) -> tuple[str, ...]:
    """The URIs of all List-Unsubscribe fields, without the white space in them (RFC 2369 section 2)."""
    found: list[str] = []
    for field in message.all("list-unsubscribe"):
        text = field.unfolded[:_LONGEST_FIELD].decode("utf-8", "replace")
        found += ("".join(each.split()) for each in _BRACKETED.findall(text))
    return tuple(found[:MOST_URIS])


def uris(message: Message) -> tuple[str, ...]:
    """The https URIs of header and text that may be at the operator's service: what is asked before the rules are."""
    found = list(header_uris(message))
    for group in _groups(message):
        for part in group:
            found += _uris(part)
    return tuple(uri for uri in dict.fromkeys(found) if uri[:8].lower() == "https://")[:_MOST_OF_ALL]


def inserted(message: Message, facts: Facts) -> bool:
    """Whether List-Unsubscribe and List-Unsubscribe-Post will be put in: a link in them is one recipient's."""
    return _to_insert(message, facts) and len(facts.recipients) < 2


def _to_insert(message: Message, facts: Facts) -> bool:
    """Whether they are to be, if there is one recipient; one that has either of its own is judged as it is."""
    if not facts.bulk or facts.customer.unsubscribe != "insert":
        return False
    return not any(message.all(name) for name in _PAIR) and not _covering(message)


def _covering(message: Message) -> int:
    """The number of a signature that breaks when they are put in, because it covers that they are absent; 0: none."""
    return next((each.number for each in read_signatures(message) if not each.fault and _PAIR & set(each.names)), 0)


@rule(
    "CONTENT-UNSUB-RCPT",
    clause="MOD-2.1j",
    default=Action.REJECT,
    reply=Reply(
        550,
        "5.7.0",
        "Bulk mail without List-Unsubscribe is taken with one recipient per transaction only, so that we can put it "
        "in: set smtp_destination_recipient_limit = 1 (Postfix), max_rcpt = 1 (Exim)",
    ),
    fix="Let your server send one recipient per transaction, or put List-Unsubscribe and List-Unsubscribe-Post in.",
)
def one_recipient(message: Message, facts: Facts, policy: Policy) -> str | None:
    """For a customer with `unsubscribe = "insert"` the two fields of one-click unsubscribing are put into bulk mail
    that has neither; the link in them is one recipient's (R-117), so the transaction has one."""
    if _to_insert(message, facts) and not inserted(message, facts):
        return f"{len(facts.recipients)} recipients"
    return None


@rule(
    "CONTENT-UNSUB",
    clause="MOD-2.1j",
    default=Action.REJECT,
    reply=Reply(550, "5.7.0", "Bulk mail needs one-click unsubscribe and a visible link to unsubscribe; missing"),
    fix="Put in one List-Unsubscribe with an https URI at a registered host, 'List-Unsubscribe-Post: "
    "List-Unsubscribe=One-Click', and in each text a link to unsubscribe that is seen. Ask the operator to register "
    'the host (unsubscribe_hosts), or to put the two fields in (unsubscribe = "insert").',
    tells=True,
)
def unsubscribe(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Bulk mail has exactly one List-Unsubscribe with one https URI, at a host of the customer's
    `unsubscribe_hosts` or at ours with a token for this recipient and list, and exactly one List-Unsubscribe-Post
    as RFC 8058 has it (R-115); with `unsubscribe = "insert"` both are put into mail with one recipient that has
    neither. Each text, plain or HTML, has a link to unsubscribe that is seen (R-128): at ours with such a token, at
    a registered host or a domain of the customer's, with words to unsubscribe in or beside it; at a registered host
    also one that says so in its own URI or begins as List-Unsubscribe does. Seen is what no style hides, on a
    window and a telephone: display, visibility, opacity, letters under 6 px, contrast under 2:1, places outside the
    page, boxes without size."""
    if not facts.bulk:
        return None
    missing = [] if inserted(message, facts) else list(_fields(message, facts))
    missing += _texts(message, facts)
    return ", ".join(dict.fromkeys(missing)) or None


def _fields(message: Message, facts: Facts) -> Iterator[str]:
    """What is missing of the two header fields."""
    count = len(message.all("list-unsubscribe"))
    if count != 1:
        yield f"one List-Unsubscribe ({count})" if count else f"List-Unsubscribe{_hindered(message, facts)}"
    if count:
        web = [uri for uri in header_uris(message) if uri[:6].lower() in ("http:/", "https:")]
        address = _address(web[0]) if len(web) == 1 else None
        if len(web) != 1:
            yield f"one https URI in List-Unsubscribe ({len(web)})"
        elif address is None or address.scheme != "https":
            yield "a valid https URI in List-Unsubscribe"
        elif web[0] in facts.unfit_unsubscribe:
            yield f"a List-Unsubscribe that fits (the link {facts.unfit_unsubscribe[web[0]]})"
        elif web[0] not in facts.own_unsubscribe and address.host not in facts.customer.unsubscribe_hosts:
            yield f"a registered host in List-Unsubscribe ({address.host} is none)"
    posts = [field.unfolded.decode("ascii", "replace").lower() for field in message.all("list-unsubscribe-post")]
    if posts != [_ONE_CLICK]:
        yield "List-Unsubscribe-Post: List-Unsubscribe=One-Click" if len(posts) < 2 else "one List-Unsubscribe-Post"


def _hindered(message: Message, facts: Facts) -> str:
    """Why it is not put in, where that has a reason of its own."""
    covering = _covering(message) if facts.customer.unsubscribe == "insert" else 0
    return f", which cannot be put in: signature {covering} covers that it is absent" if covering else ""


def _texts(message: Message, facts: Facts) -> Iterator[str]:
    """In which texts a link that is seen is missing.

    Of alternatives a recipient is shown one, so each needs it; of parts that follow each other one is enough.
    """
    header = next((found for uri in header_uris(message) if (found := _address(uri))), None)
    judged = [[_lacks(part, facts, header) for part in group] for group in _groups(message)]
    if not judged:
        yield "a text"
    elif not any(all(not why for why in group) for group in judged):
        yield from next(([why for why in group if why] for group in judged), [])


def _groups(message: Message) -> list[list["Shown | str | TooMuch"]]:
    """The texts of a message, read once: HTML as it is shown, plain text as it is, what is beyond a bound as that."""
    if message.shown_texts is None:
        message.shown_texts = [[_read(text) for text in group] for group in texts(message)]
    found: list[list[Shown | str | TooMuch]] = message.shown_texts
    return found


def plain_texts(message: Message, *, one_line: bool = False) -> list[str]:
    """All texts of a message, HTML as the text in it, which can be had on one line."""
    found = list[str]()
    for part in (part for group in _groups(message) for part in group):
        if isinstance(part, Shown):
            found.append(" ".join(part.text.split()) if one_line else part.text)
        elif isinstance(part, str):
            found.append(part)
    return found


def _read(text: Text) -> "Shown | str | TooMuch":
    if not text.html:
        return text.text
    try:
        return Shown(text.text)
    except TooMuch as excess:
        return excess


def _lacks(part: "Shown | str | TooMuch", facts: Facts, header: _Address | None) -> str:
    """What a text lacks; "" where a link to unsubscribe is seen in it."""
    if isinstance(part, TooMuch):
        return f"HTML that can be judged ({part})"
    if isinstance(part, str):
        return "" if _in_plain(part, facts, header) else f"a link to unsubscribe in text/plain{_unfit(part, facts)}"
    try:
        return _in_html(part, facts, header)
    except TooMuch as excess:
        return f"HTML that can be judged ({excess})"


def _in_html(shown: Shown, facts: Facts, header: _Address | None) -> str:
    """What it lacks on one of the widths; the footer's links come first."""
    lacking = dict.fromkeys(shown.widths, "")
    leading = (link for link in shown.links_from_the_end if _leads_from(link, shown, facts, header))
    for link in islice(leading, MOST_URIS):
        for width in list(lacking):
            lacking[width] = shown.unseen(link, width)
            if not lacking[width]:
                del lacking[width]
        if not lacking:
            return ""
    why = next(iter(lacking.values()))
    if why:
        return f"a visible link to unsubscribe in text/html ({why})"
    return f"a link to unsubscribe in text/html{_unfit(shown, facts)}"


def _leads_from(link: Link, shown: Shown, facts: Facts, header: _Address | None) -> bool:
    said = f"{link.text} {shown.around(link)}" if _may(link, facts) else ""
    return _leads(link.href, said, facts, header)


def _unfit(part: "Shown | str", facts: Facts) -> str:
    """What is wrong with a link to our service in a text, where there is one."""
    why = next((facts.unfit_unsubscribe[uri] for uri in _uris(part) if uri in facts.unfit_unsubscribe), "")
    return f" (the link {why})" if why else ""


def _may(link: Link, facts: Facts) -> bool:
    address = _address(link.href)
    return address is not None and _known(address, facts)


def _in_plain(text: str, facts: Facts, header: _Address | None) -> bool:
    lines, count = text.splitlines(), 0
    for at, line in enumerate(lines):
        if "://" not in line:
            continue
        said = f"{_before(lines, at)} {line}"
        for found in _URI.findall(line):
            count += 1
            if _leads(found.rstrip(".,;:!?)]'"), said, facts, header):
                return True
        if count >= MOST_URIS * 10:
            return False
    return False


def _before(lines: list[str], at: int) -> str:
    """The line before one that is not blank; "" where there is none."""
    return next((lines[above] for above in range(at - 1, -1, -1) if lines[above].strip()), "")


def _uris(part: "Shown | str | TooMuch") -> list[str]:
    """Where a text's links lead, in order."""
    if isinstance(part, Shown):
        return part.hrefs
    return [] if isinstance(part, TooMuch) else [each.rstrip(".,;:!?)]'") for each in _URI.findall(part)]


def _leads(uri: str, said: str, facts: Facts, header: _Address | None) -> bool:
    """Whether a URI is one to unsubscribe by, with what is said in and beside it."""
    if uri in facts.own_unsubscribe:
        return True
    address = _address(uri)
    if uri in facts.unfit_unsubscribe or address is None or not _known(address, facts):
        return False
    if _says(said):
        return True
    alike = header is not None and header.host == address.host and header.beginning == address.beginning != ""
    return address.host in facts.customer.unsubscribe_hosts and (alike or _says(uri))


def _known(address: _Address, facts: Facts) -> bool:
    """Whether the host is registered, or in a domain of the customer's."""
    customer = facts.customer
    return address.host in customer.unsubscribe_hosts or any(
        address.host == domain or address.host.endswith(f".{domain}") for domain in customer.domains
    )


def _says(text: str) -> bool:
    lowered = text.casefold()
    return any(word in lowered for word in WORDS)
