"""Grades: how well an imported consent or relationship is evidenced, by what is there and never by its label (R-084,
R-245).

What a platform calls "double opt-in", "confirmed" or "enabled" is a label. Evidence are the time, the source, the
address or user agent of whoever acted, the notice that was shown, and of a confirmation its own time and address. An
imported record is the word of the customer about all of these: it reaches at most E3, and files that anybody can write
by hand (the generic format) at most E2. E4 is what Postern itself saw.
"""

import hashlib
import ipaddress
import re

from consent.model import Grade, RelationshipGrade

_BANNED = ("purchased", "rented", "appended", "scraped", "list_broker")
"""R-098, in its own words."""
_SAME = {
    "purchase_list": "purchased",
    "bought": "purchased",
    "bought_list": "purchased",
    "rental": "rented",
    "rented_list": "rented",
    "append": "appended",
    "email_append": "appended",
    "e_append": "appended",
    "harvested": "scraped",
    "scraping": "scraped",
    "crawled": "scraped",
    "broker": "list_broker",
    "data_broker": "list_broker",
}
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IP4 = re.compile(rf"({_OCTET})\.({_OCTET})\.{_OCTET}\.{_OCTET}").fullmatch
_NOBODYS = frozenset(map(str, (0, 10, 127, *range(224, 256))))
"""First octets: unspecified, private, loopback, multicast and beyond."""
_DIGEST = re.compile(r"(?:sha-?256[:=-])?[0-9a-fA-F]{64}").fullmatch
_MESSAGE_ID = re.compile(r"<[^<>@\s]{1,250}@[^<>@\s]{1,250}>")


def grade(
    *,
    at: int | None,
    source: str = "",
    ip: str = "",
    user_agent: str = "",
    notice: str = "",
    confirmed: bool = False,
    best: Grade = Grade.E3,
) -> Grade:
    """The grade of an express consent.

    `at`: when it was given; `source`: where (a page, a form, the platform that kept the list); `ip`, `user_agent`: of
    whoever gave it; `notice`: id of the wording shown, in the row or declared for the import, never one known to be
    pre-ticked; `confirmed`: the row holds the log of a confirmation (`confirmation`); `best`: what the kind of file can
    reach at most.

    E0 lacks the time or the source. E1 has both. E2 has an address or a user agent, and a notice, besides. E3 is a
    confirmed opt-in, for which the confirmation message itself is the notice.
    """
    if at is None or not source:
        found = Grade.E0
    elif confirmed:
        found = Grade.E3
    elif (ip or user_agent) and notice:
        found = Grade.E2
    else:
        found = Grade.E1
    return min(found, best)


def confirmation(asked: int | None, confirmed: int | None, ip: str, confirmed_ip: str) -> bool:
    """Whether these are the log of a confirmed opt-in: both times, strictly in order (single opt-in writes one time
    twice), and both addresses."""
    return asked is not None and confirmed is not None and confirmed > asked and bool(ip and confirmed_ip)


def relationship_grade(basis: str, reference: str) -> RelationshipGrade:
    """The grade of a relationship whose kind is known: `basis` its ISO date, `reference` the customer's document.

    R0 lacks one of them. R1 has both. R2 has as `reference` the SHA-256 of the document, or the message ids of a
    two-way exchange (two different ones in angle brackets).
    """
    if not basis or not reference:
        return RelationshipGrade.R0
    if _DIGEST(reference) or len(set(_MESSAGE_ID.findall(reference[:1200]))) >= 2:
        return RelationshipGrade.R2
    return RelationshipGrade.R1


def banned(source: str) -> bool:
    """Whether a source, or collection method, says that the address was bought, rented, appended or scraped (R-098).

    The words may be written in any case and with any separators, and more may follow them ("Purchased list, May"); in
    the address of a page they mean nothing."""
    if not source or "://" in source:
        return False
    word = _SEPARATORS.sub("_", source[:200].casefold()).strip("_")
    return word in _SAME or any(word == name or word.startswith(f"{name}_") for name in _BANNED)


def ip_evidence(text: str) -> str:
    """The IP address in `text` as evidence of who acted; "" when it is none, or nobody's in particular: loopback,
    unspecified, link-local, multicast, or from a private network (the platform's own proxy)."""
    text = text.strip()
    if plain := _IP4(text):
        first, second = plain.groups()
        private = (first == "192" and second == "168") or (first == "172" and 16 <= int(second) <= 31)
        return "" if first in _NOBODYS or private or (first == "169" and second == "254") else text
    if ":" not in text:
        return ""
    try:
        found = ipaddress.IPv6Address(text)
    except ValueError:
        return ""
    if found.ipv4_mapped is not None:
        return ip_evidence(str(found.ipv4_mapped))
    bad = found.is_loopback or found.is_unspecified or found.is_link_local or found.is_multicast
    return "" if bad or text[:2].lower() in ("fc", "fd") or found.scope_id else str(found)


def document_reference(key: bytes, text: str) -> str:
    """`Related.reference` of the customer's own document reference: 32 hexadecimal digits, the same for the same text
    whatever its case and blanks, and of no use to anybody without `key`; "" without a key or a text."""
    text = " ".join(text.split()).casefold()
    if not key or not text:
        return ""
    return hashlib.blake2b(
        text.encode("utf-8", "replace"), key=key[:64], digest_size=16, person=b"document"
    ).hexdigest()
