"""Mail whose primary purpose is known: 48 transactional texts and 40 promotional ones, each as plain text and as HTML.

A text is a line with language and kind, then its subject, then its blocks: `! image`, `> button | URL`, `- cell | cell`
of a table, `~ footer`, or a paragraph. Every kind stands in four languages; of each, two are for choosing and two for
proving.
"""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

from tests.bulk.campaigns import as_crlf, built

_HERE = Path(__file__).parent
_LANGUAGES = ("en", "de", "fr", "es")


class Sample(NamedTuple):
    """One message and what is known of it."""

    id: str
    """Language, kind and form."""
    promotional: bool
    half: str
    """`choose` or `prove`."""
    raw: bytes


def samples(half: str = "") -> Iterator[Sample]:
    """The messages of one half, or all."""
    for name in ("transactional", "promotional"):
        texts = (_HERE / f"{name}.txt").read_text().strip().split("\n===\n")
        for at, text in enumerate(texts):
            head, subject, *blocks = text.split("\n")
            language, kind = head.split(" ")
            if language != _LANGUAGES[at % 4]:
                raise ValueError(f"{name}: {head!r} does not stand at its place")
            its = ("choose", "prove")[(at // 4 + at) % 2]
            if half in ("", its):
                for form in ("plain", "html"):
                    yield Sample(f"{head} {form}", name == "promotional", its, message(subject, blocks, form))


def message(subject: str, blocks: list[str], form: str) -> bytes:
    """A message of these blocks, as `plain` text or as `html`."""
    text = "\n\n".join(filter(None, map(_plain, blocks))) if form == "plain" else _html(blocks)
    mail = built([(form, text)], "utf-8", "quoted-printable")
    mail["From"], mail["To"] = "Acme <info@acme.example>", "bob@recipient.example"
    mail["Subject"] = subject
    mail["Date"], mail["Message-ID"] = "Sat, 21 Nov 2026 10:00:00 +0000", "<1@acme.example>"
    return as_crlf(mail)


def _plain(block: str) -> str:
    mark, rest = block[:2], block[2:]
    if mark == "> ":
        return rest.replace(" | ", ": ")
    if mark == "- ":
        return "   ".join(cell.strip() for cell in rest.split("|"))
    return "" if mark == "! " else rest if mark == "~ " else block


def _html(blocks: list[str]) -> str:
    rows = "\n".join(f"<tr><td style='padding:8px'>{_cell(block)}</td></tr>" for block in blocks)
    head = "<!doctype html><html><head><title>Acme</title><style>p { color: #333 }</style></head>"
    logo = "<tr><td><img src='https://img.example/logo.png' alt='Acme' width=120 height=40></td></tr>"
    pixel = "<img src='https://img.example/open.gif' width=1 height=1 alt=''>"
    return f"{head}<body><table width=600>{logo}{rows}</table>{pixel}</body></html>"


def _cell(block: str) -> str:
    mark, rest = block[:2], block[2:]
    if mark == "! ":
        return (
            f"<a href='https://shop.example/p'><img src='https://img.example/p.jpg' alt='{escape(rest)}' width=560></a>"
        )
    if mark == "> ":
        text, _, url = rest.partition(" | ")
        return f"<a href='{url}' style='background:#124;color:#fff;padding:12px'>{escape(text)}</a>"
    if mark == "- ":
        cells = "".join(f"<td>{escape(cell.strip())}</td>" for cell in rest.split("|"))
        return f"<table><tr>{cells}</tr></table>"
    if mark == "~ ":
        return f"<div style='font-size:11px;color:#777'>{_linked(rest)}</div>"
    return f"<p>{_linked(block)}</p>"


def _linked(text: str) -> str:
    words = (f"<a href='{word}'>{word}</a>" if "://" in word else escape(word) for word in text.split(" "))
    return " ".join(words)
