"""Readings: how other mail software takes a From apart. Pure.

What we forward is shown by programs that we do not know. Some know no comments, some no quoted strings, some decode
encoded words before they parse; each has been used to show an author other than the one that was checked (J. Chen and
others, "Composition Kills", 2020; Mailsploit, 2017). So a From counts only when every reading finds the same mailboxes
in it. A reading that finds none does not disagree: it shows nobody. Names that hold an address for people to read, such
as `"ann@example.org via List"`, are no matter of reading, but of deceptive addressing.

Each reading is a function of the value to the addresses it may show. They share no code with
`Message.mailboxes`, on purpose: a fault in one is seen by the others. All but Python's are linear; that one is asked
about short values only, as `Message.mailboxes` is.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from email._parseaddr import AddressList  # type: ignore[import-not-found]  # private, but alike in all versions
from email.headerregistry import HeaderRegistry
from unicodedata import normalize

import idna

from consent.address import Address, AddressError
from filters import words

_SPEC = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]++@[A-Za-z0-9.-]++"
_ALIKE = re.compile(
    rb"[ \t]*+(?:(?:[A-Za-z0-9!#$%&'*+/?^_`{|}~. \t-]*+|\"[^\"\\<>@=\x00-\x1f\x7f]*+\"[ \t]*+)<" + _SPEC + rb">|"
    + _SPEC + rb")[ \t]*\Z"
)  # fmt: skip
"""One mailbox in which nothing can be taken for another one. Many readers decode encoded words in quoted strings."""
_ONE_AT = re.compile(rb"[^@<>:;]*+<" + _SPEC + rb">[ \t]*\Z")
_ATOM = rb"[^\s<>()\[\]:;,\"\\@\x00-\x1f]"
_TOKEN = rb"(?<!" + _ATOM + rb")" + _ATOM + rb"++@" + _ATOM + rb"++"
_LOOSE = re.compile(_TOKEN)
_WITH_DOMAIN = re.compile(rb"@[^@\"]*\w[^@\"]*\Z")
_ANGLE = re.compile(rb"<([^<>]*@[^<>]*)")
_SEPARATED = re.compile(rb"(" + _TOKEN + rb")[ \t]*[,;<>\x00-\x1f]")
_LAST = re.compile(rb"[,;<>\x00-\x1f][ \t]*+(" + _TOKEN + rb")[ \t]*+\Z")
_DOMAIN = re.compile(r"[a-z0-9.-]{1,100}\Z")
_OUTSIDE = re.compile(rb'"(?:[^"\\]++|\\.)*+"|\\.|[^()"\\]++|[()"\\]', re.DOTALL)
_INSIDE = re.compile(rb"[^()\\]++|\\.|[()\\]", re.DOTALL)
_PIECE = re.compile(rb'"(?:[^"\\]++|\\.)*+"|\\.|[^"<>,:;\\]++|["<>,:;\\]', re.DOTALL)
_LONGEST = 1024
"""Octets above which `email.headerregistry` is not asked: its time grows with the square."""
_REGISTRY = HeaderRegistry()


def alike(value: bytes) -> bool:
    """Whether an unfolded From is so plain that every reading finds the same, as in nearly all mail. Asked first, for
    speed."""
    if _ALIKE.match(value):
        return True
    # Whatever stands before it, there is no second @ to find a mailbox by.
    return _ONE_AT.match(value) is not None and all(text.count(b"@") == 1 for text in _as_shown(value))


def disagreement(folded: bytes, ours: Iterable[Address]) -> str | None:
    """Which reading of a From, folds included, finds another mailbox than `ours`, and in what domain; or None."""
    value = folded.replace(b"\r\n", b"").strip(b" \t")
    if alike(value):
        return None
    shape = _shape(value)
    if shape:
        return shape
    known = set()
    for mailbox in ours:
        known.add(mailbox.canonical)
        if not mailbox.ascii_only and _mapped(mailbox):
            return f"only some readers find {mailbox.domain} in it"
    for name, reading in READINGS:
        for text in reading(folded if reading is library else value):
            if _canonical(text) not in known:
                return f"{name} finds another mailbox, at {_domain_of(text)}"
    return None


def strict(value: bytes) -> Iterator[bytes]:
    """RFC 5322 section 3.4 by the letter: comments out, quoted strings whole, mailboxes between commas."""
    text, _ = _uncommented(value)
    for pieces in _mailboxes(text):
        if b"<" in pieces:
            at = pieces.index(b"<")
            spec = b"".join(pieces[at + 1 : pieces.index(b">", at) if b">" in pieces[at:] else len(pieces)])
        else:
            spec = b"".join(pieces)
        if b"@" in spec:
            yield _closed_up(spec)


def lenient(value: bytes) -> Iterator[bytes]:
    """Whatever stands behind an opening angle bracket, in quotes, comments and encoded words too; where there is none,
    whatever has an @. So read regular expressions."""
    for text in _as_shown(value):
        angles = _ANGLE.findall(text)
        yield from map(_closed_up, angles)
        if not angles:
            yield from _LOOSE.findall(_uncommented(text)[0])


def hidden(value: bytes) -> Iterator[bytes]:
    """What stands as a list item of its own in a quoted string, comment or encoded word, for readers that do not know
    these; and a comment that is nothing but an address."""
    text, comments = _uncommented(value)
    for comment in comments:
        shown = words.decoded(comment).strip()
        if _LOOSE.fullmatch(shown):
            yield shown
    encoded = (words.octets(found) for found in words.WORD.finditer(words.joined(value)))
    quoted = (part[1:-1] for part in _PIECE.findall(text) if part[:1] == b'"' and len(part) > 1)
    for held in (*comments, *quoted, *_runs(value), *encoded):
        yield from _SEPARATED.findall(held)
        yield from _LAST.findall(held)


def library(folded: bytes) -> Iterator[bytes]:
    """Python's own two: `email.utils`, of which much software is made, and `email.headerregistry`. The former is often
    handed the value with its folds, and ends quoted strings and comments there."""
    texts = [folded.decode("utf-8", "surrogateescape")]
    if "\r\n" in texts[0]:
        texts.append(texts[0].replace("\r\n", ""))
    found: list[str] = []
    try:
        for text in texts:
            found += [spec for _, spec in AddressList(text).addresslist if spec]
        if b"=?" in folded and len(folded) <= _LONGEST:  # without encoded words `Message.mailboxes` has asked it
            found += [each.addr_spec for each in _REGISTRY("from", texts[-1]).addresses]  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - it raises many kinds on malformed input: then it shows nobody
        found += []
    for spec in found:
        # '" <address>' is what Python makes of a quoted string with a fold; what has no domain is all local-part.
        octets = spec.encode("utf-8", "surrogateescape").strip(b" <>")
        if _WITH_DOMAIN.search(octets):
            yield octets


READINGS: tuple[tuple[str, Callable[[bytes], Iterator[bytes]]], ...] = (
    ("a strict reader", strict),
    ("a lenient reader", lenient),
    ("a reader that knows no quoting", hidden),
    ("Python's parser", library),
)
"""Besides ours, which is `Message.mailboxes`."""


def _as_shown(value: bytes) -> Iterator[bytes]:
    """The value as it stands, decoded, and decoded twice, as some do."""
    yield value
    for _ in range(2):
        if b"=?" not in value:
            return
        value = words.decoded(value)
        yield value


def _closed_up(spec: bytes) -> bytes:
    """An addr-spec without the white space that obsolete forms have around its dots and @."""
    return spec.strip() if b'"' in spec else spec.translate(None, b" \t")


def _runs(value: bytes) -> Iterator[bytes]:
    """What adjacent encoded words hold together."""
    start, text = 0, words.joined(value)
    run = b""
    for found in words.WORD.finditer(text):
        if found.start() != start and run:
            yield run
            run = b""
        run += words.octets(found)
        start = found.end()
    if run:
        yield run


def _uncommented(value: bytes) -> tuple[bytes, list[bytes]]:
    """The value with a space for each comment (RFC 5322 section 3.2.2), and the comments, nested ones in their own."""
    kept: list[bytes] = []
    comments: list[bytes] = []
    inner: list[bytes] = []
    depth = at = 0
    while at < len(value):
        found = (_INSIDE if depth else _OUTSIDE).match(value, at)
        assert found is not None  # each octet is in one of the alternatives
        part, at = found[0], found.end()
        if part == b"(":
            depth += 1
        elif part == b")" and depth:
            depth -= 1
            if not depth:
                comments.append(b"".join(inner))
                inner.clear()
                kept.append(b" ")
                continue
        if depth > 1 or (depth and part != b"("):
            inner.append(part)
        elif not depth:
            kept.append(part)
    if inner:
        comments.append(b"".join(inner))
    return b"".join(kept), comments


def _mailboxes(text: bytes) -> Iterator[list[bytes]]:
    """The pieces between commas that stand outside of quoted strings and angle brackets."""
    pieces: list[bytes] = []
    within = False
    for found in _PIECE.finditer(text):
        part = found[0]
        if part == b"," and not within:
            yield pieces
            pieces = []
            continue
        within = (within or part == b"<") and part != b">"
        pieces.append(part)
    yield pieces


def _shape(value: bytes) -> str | None:
    """Group syntax and source routes: valid once; some read the name before the colon, others what stands behind."""
    text, _ = _uncommented(words.WORD.sub(b"", value))
    for pieces in _mailboxes(text):
        if b":" in pieces:
            return "source route" if b"<" in pieces[: pieces.index(b":")] else "group syntax"
    return None


def _mapped(mailbox: Address) -> bool:
    """Whether its domain is written in characters that readers must map first, such as an ideographic full stop."""
    written = normalize("NFC", mailbox.text.rpartition("@")[2]).lower()
    try:
        return written not in (mailbox.domain, idna.decode(mailbox.domain))
    except idna.IDNAError:
        return True


def _canonical(text: bytes) -> str:
    try:
        return Address.parse(text.decode()).canonical
    except (AddressError, UnicodeError):
        return text.decode("utf-8", "backslashreplace").lower()


def _domain_of(text: bytes) -> str:
    """The domain for evidence; never the local-part."""
    domain = _canonical(text).rpartition("@")[2].strip()
    return domain if _DOMAIN.match(domain) else "something else"
