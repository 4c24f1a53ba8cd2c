"""Promotion: whether a message's primary purpose is to sell, under cover of mail that is called for or not (R-071).

Pure, no learning, no network. The test is that of 16 CFR 316.3: a message that has both is commercial if its subject
would be read as an advertisement, or if what is called for does not stand, in whole or substantial part, at the
beginning of its body. It leans to let pass: an advertisement that is missed costs less than a password that never
comes.

How it is found. Of alternatives the HTML is read, because that is what is shown. Each line of text is looked at for
words that sell and words of mail that is called for (`filters.selling`), and goes to the side that weighs more; a line
without either goes with the one before it. A discount within a bill is part of the bill. Beneath, the words by which
one leaves a list, greetings and legal matter count for neither. Then the sides are weighed by their words (`share`) and
by the kinds of marks that they have (points); the bounds below were chosen on one half of a labelled set
(docs/bulk.md).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from filters.lines import Lines, lines_of_html, lines_of_text
from filters.message import Message
from filters.page import Element, TooMuch, read
from filters.parts import Text, texts
from filters.selling import CALLED_FOR, CLOSING, LEAVING, SELLING, folded
from filters.shown import decoded, text_of

MOST_TEXT = 32 * 1024
"""Characters of a message's text that are looked at: what stands behind five thousand words is not its purpose."""
MOST_LINES = 2000
"""Lines that are."""
LONGEST_LINE = 1000
"""Characters of a line; a longer one is looked at in such pieces."""
_WRAPPED = 55
"""Characters of a line of plain text that may go on in the next."""
_SUBJECT = 1000
_CARRIED = 80
"""Words that one mark of what sells carries with it, in its own line and those behind."""
_BILL = 8
"""Lines from a discount to the sum that it belongs to."""
_SHORT = 12
"""Words of a line within a bill."""

_ENOUGH = 5
"""Points of what sells, below which nothing is promotion."""
_MOST = 0.5
"""Share of the words that makes a message promotion whatever else it has."""
_MOST_OF_ACCOUNT = 0.7
"""The same where it is about access to an account."""
_WITH_SUBJECT = 0.2
"""Share beside a subject that sells."""
_FIRST = 0.35
"""Share where what sells comes first."""
_OWED = frozenset(("coupon", "buy", "reward", "free", "more", "look", "news", "browser"))
"""Kinds that a voucher has too that somebody has bought, or is owed: alone they are no promotion beside what is called
for."""
_PICTURES = 3
"""Pictures that are links, from which on they are a display of goods."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What makes a message promotion."""

    evidence: str
    """For the record: why, the share in per cent and the kinds of marks with their numbers; nothing of the content."""


class _Marks(NamedTuple):
    """What one line has."""

    words: int
    sells: frozenset[str]
    called: frozenset[str]
    link: bool
    leaving: bool
    beneath: bool
    """It counts for neither side."""


def promotion(message: Message) -> Promotion | None:
    """Why a message's primary purpose is promotion; None where it is not. Never raises."""
    lines, pictures = _lines(message)
    marks = [_marks(line) for line in lines]
    subject = _marks(_subject(message))
    weighed = _weighed(marks)
    sells, words_sell, first_sell = weighed.sells, weighed.words_sell, weighed.before
    if not sells:
        return None
    if pictures >= _PICTURES:
        sells = {**sells, "pictures": pictures}
    called = weighed.called | subject.called
    points = _points(sells, SELLING) + (2 if pictures >= _PICTURES else 0)
    if not called and any(line.leaving for line in marks):
        sells = {**sells, "leaving": 1}
        points += 2
    if points < _ENOUGH or len(sells) < 2 or (called and sells.keys() <= _OWED):
        return None
    share = words_sell / max(1, weighed.words)
    most = _MOST_OF_ACCOUNT if "account" in called else _MOST
    why = ""
    if subject.sells and share >= max(_WITH_SUBJECT, most - 0.3) and _advertises(subject):
        why = "subject"
    elif not called and share >= _MOST:
        why = "nothing else"
    elif share >= most:
        why = "most of it"
    elif first_sell and share >= max(_FIRST, most - 0.15):
        why = "first"
    if not why:
        return None
    counts = ", ".join(f"{kind} {count}" for kind, count in sorted(sells.items()))
    return Promotion(f"{why}: {share:.0%} of {weighed.words} words; {counts}; called for: {len(called)} kinds")


class _Weighed(NamedTuple):
    words: int
    words_sell: int
    sells: dict[str, int]
    """Kinds of what sells -> lines."""
    called: frozenset[str]
    """Kinds of what is called for, wherever they stand."""
    before: bool
    """What sells stands before anything that is called for."""


def _weighed(marks: Sequence[_Marks]) -> _Weighed:
    """Each line goes to a side, with its words."""
    bill = _bills(marks)
    words = words_sell = first = 0
    sells: dict[str, int] = {}
    called: frozenset[str] = frozenset()
    left = 0  # words that still go with what sold last
    for at, line in enumerate(marks):
        if line.beneath:
            continue
        words += line.words
        weight_sells, weight_called = _points(line.sells, SELLING), _points(line.called, CALLED_FOR)
        if bill[at] and line.words <= _SHORT and not line.link:
            weight_sells = 0
        if weight_sells > weight_called:
            left = _CARRIED
        elif weight_called:
            left = 0
        carried = min(left, line.words)
        left -= carried
        words_sell += carried
        if not called:
            first += carried
        if weight_sells > weight_called:
            for kind in line.sells:
                sells[kind] = sells.get(kind, 0) + 1
        called |= line.called
    return _Weighed(words, words_sell, sells, called, bool(called) and first >= max(15, words // 5))


def _bills(marks: Sequence[_Marks]) -> list[bool]:
    """Of each line, whether what is called for stands before it and a sum of money soon behind it."""
    found = [False] * len(marks)
    ahead = len(marks) + _BILL
    for at in range(len(marks) - 1, -1, -1):
        if "money" in marks[at].called:
            ahead = at
        found[at] = ahead - at <= _BILL
    begun = False
    for at, line in enumerate(marks):
        found[at] = found[at] and begun
        begun = begun or bool(line.called)
    return found


def _advertises(subject: _Marks) -> bool:
    """Whether a subject sells by more than a word of courtesy."""
    return _points(subject.sells, SELLING) >= 2 and not (subject.sells <= {"free", "more", "look"})


def _points(kinds: Iterable[str], of: dict[str, tuple[int, re.Pattern[str]]]) -> int:
    return sum(of[kind][0] for kind in kinds if kind in of)


def _marks(line: str) -> _Marks:
    text = folded(line)
    words = len([word for word in text.split() if any(map(str.isalnum, word))])
    sells = frozenset(kind for kind, (_, pattern) in SELLING.items() if pattern.search(text))
    called = frozenset(kind for kind, (_, pattern) in CALLED_FOR.items() if pattern.search(text))
    leaving = bool(LEAVING.search(text))
    beneath = leaving or (not sells and not called and bool(CLOSING.search(text)))
    return _Marks(words, sells, called, "@" in text, leaving, beneath)


def _subject(message: Message) -> str:
    return " ".join(decoded(text_of(field.unfolded[:_SUBJECT])) for field in message.all("subject")[:1])[:_SUBJECT]


def _lines(message: Message) -> tuple[list[str], int]:
    """The lines that a recipient is shown, without what is quoted, and how many pictures are links."""
    lines: list[str] = []
    pictures, left = 0, MOST_TEXT
    for group in texts(message):
        text = next((each for each in group if each.html), group[0] if group else None)
        if text is None:
            continue
        pictures += _pictures(text) if text.html else 0
        for line in _not_quoted(lines_of_html(text.text)) if text.html else _unwrapped(lines_of_text(text.text)):
            if line:
                lines += _pieces(line[:left])
                left -= len(line)
            if left <= 0 or len(lines) >= MOST_LINES:
                return lines, pictures
    return lines, pictures


def _not_quoted(lines: Lines) -> Iterator[str]:
    return (text for at, text in enumerate(lines.texts) if at not in lines.quoted)


def _unwrapped(lines: Lines) -> Iterator[str]:
    """Plain text without what is quoted, lines that a mail program broke whole again."""
    whole: list[str] = []
    length = 0
    for text in lines.texts:
        if text and not text.startswith(">"):
            whole.append(text)
            length += len(text)
            if len(text) >= _WRAPPED and length < LONGEST_LINE:
                continue
        yield " ".join(whole)
        whole, length = [], 0
    yield " ".join(whole)


def _pieces(text: str) -> Iterator[str]:
    return (text[at : at + LONGEST_LINE] for at in range(0, len(text), LONGEST_LINE))


def _pictures(text: Text) -> int:
    """How many pictures of an HTML part are links."""
    try:
        stack: list[tuple[Element, bool]] = [(read(text.text).root, False)]
    except TooMuch:
        return 0
    count = 0
    while stack:
        element, linked = stack.pop()
        linked = linked or (element.name == "a" and "href" in element.attributes)
        count += linked and element.name == "img"
        stack.extend((each, linked) for each in element.elements)
    return count
