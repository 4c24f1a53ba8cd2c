"""What it costs to tell whether a message is promotion: 2, 20 and 200 KB, and messages made to take long.

    python -m tests.bench.promotion

CPU milliseconds, the least of three runs. The exit status is 1 when a message made to take long takes over a second.
"""

import sys
from collections.abc import Callable
from time import process_time

from tabulate import tabulate

from filters.message import Message
from filters.promotion import promotion
from tests.bench.clusters import SIZES, as_html
from tests.bench.rules import personal
from tests.bench.visible import newsletter

GOAL = 1000.0
"""Milliseconds, at worst."""
_OCTETS = 400 * 1024


def of(html: str, kind: str = "html") -> bytes:
    """A message of one text part."""
    return f"From: a@acme.example\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{html}\r\n".encode()


def _filled(piece: str, kind: str = "plain") -> bytes:
    return of(piece * (_OCTETS // len(piece.encode())), kind)


WORST: dict[str, Callable[[], bytes]] = {
    "one word without an end": lambda: _filled("a"),
    "one line of words": lambda: _filled("word "),
    "one line of digits": lambda: _filled("1"),
    "digits and blanks": lambda: _filled("1 "),
    "beginnings of an order number": lambda: _filled("order number "),
    "order and letters": lambda: _filled("orderaaaaaaaaaaaaaa "),
    "beginnings of a discount": lambda: _filled("save a b "),
    "prices": lambda: _filled("only 10 "),
    "per cent": lambda: _filled("10% "),
    "hyphens and digits": lambda: _filled("-1"),
    "words that sell": lambda: _filled("Sale shop now! "),
    "empty lines": lambda: _filled("\r\n"),
    "lines of one letter": lambda: _filled("a\r\n"),
    "combining marks": lambda: _filled("a\u0301\u0302"),
    "one letter that folds to 18": lambda: _filled("\ufdfa"),
    "URLs": lambda: _filled("https://a.example/b "),
    "beginnings of URLs": lambda: _filled("http"),
    "paragraphs": lambda: _filled("<p>x", "html"),
    "pictures in links": lambda: _filled("<a href=x><img src=y></a>", "html"),
    "elements nested": lambda: _filled("<div>", "html"),
    "tables nested": lambda: _filled("<table><tr><td>x", "html"),
    "opening brackets": lambda: _filled("<", "html"),
    "references": lambda: _filled("&amp;", "html"),
    "attributes": lambda: _filled("<a b=c ", "html"),
}


def least(raw: bytes) -> float:
    """CPU milliseconds of the fastest of three."""
    times = []
    for _ in range(3):
        begun = process_time()
        promotion(Message(raw))
        times.append(process_time() - begun)
    return min(times) * 1000


def main() -> int:
    """Print the tables."""
    rows: list[list[object]] = []
    for size in SIZES:
        text = personal(1, size)
        rows.append([f"{size:,}", *(f"{least(raw):.1f}" for raw in (text, as_html(text), of(newsletter(size))))])
    print(tabulate(rows, ["octets", "plain", "paragraphs of HTML", "newsletter"], "github"))
    worst = sorted(((least(build()), name) for name, build in WORST.items()), reverse=True)
    print(tabulate([[name, f"{cost:.0f}"] for cost, name in worst], ["400 KiB of", "CPU ms"], "github"))
    return 0 if worst[0][0] <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
