"""What judging the links of an HTML part costs: newsletters of 2, 20 and 200 KB, and parts made to take long.

    python -m tests.bench.visible

CPU milliseconds, the least of five runs, each with a style sheet that was not seen before and then with one that was,
as the messages of a campaign share it. The exit status is 1 when a part made to take long takes over a second and a half.
"""

import sys
from collections.abc import Callable
from time import process_time

from tabulate import tabulate

from filters.page import TooMuch
from filters.sheet import forget
from filters.visible import Shown

GOAL = 1500.0
"""Milliseconds, at worst."""
_MEGABYTES = 2 * 1024 * 1024
_LINK = '<a href="https://www.acme.example/u/1" class="u">Unsubscribe</a>'


def newsletter(size: int) -> str:
    """A newsletter of about `size` characters: a tenth of it style sheet, then rows of a table, then a footer."""
    rules = ["body{margin:0}", ".foot a{color:#656565;font-size:11px}", "@media (max-width:600px){.c{width:100%}}"]
    while len("".join(rules)) < min(size // 10, 16_000):
        rules.append(f".b{len(rules)} td a,.b{len(rules)} p{{color:#{len(rules):06d};font-size:14px;padding:0 10px}}")
    rows: list[str] = []
    length = len("".join(rules))
    while length < size - 600:
        rows.append(
            f'<tr class="b{len(rows)}"><td class="c" style="padding:9px 18px;font-family:Arial,sans-serif;color:#222">'
            f'<p>Offer {len(rows)}</p><a href="https://www.acme.example/shop/{len(rows)}"><img src="https://img.acme.'
            f'example/{len(rows)}.png" width="120" height="80" alt="Offer"></a></td></tr>'
        )
        length += len(rows[-1])
    return (
        f"<!doctype html><html><head><style>{''.join(rules)}</style></head><body><table>{''.join(rows)}</table>"
        f'<table><tr><td class="foot" style="font-size:11px;color:#999">No more? {_LINK}</td></tr></table></body></html>'
    )


def _filled(piece: str, rest: str = _LINK, size: int = _MEGABYTES) -> str:
    return (piece * (size // len(piece) + 1))[: size - len(rest)] + rest


WORST: dict[str, Callable[[], str]] = {
    "2 MB of paragraphs": lambda: _filled("<p>x</p>"),
    "2 MB of text": lambda: _filled("word "),
    "elements nested": lambda: _filled("<div>"),
    "elements nested 250 deep, again and again": lambda: _filled("<i>" * 250 + "x" + "</i>" * 250),
    "inline elements that stay open": lambda: _filled("<b><p>"),
    "tables in tables": lambda: _filled("<table><tr><td>"),
    "attributes of one element": lambda: f"<div {' '.join(f'a{i}=1' for i in range(200_000))}>{_LINK}",
    "comments that stay open": lambda: _filled("<!--"),
    "opening brackets": lambda: _filled("<"),
    "references": lambda: _filled("&amp;"),
    "links": lambda: _filled(_LINK, ""),
    "100,000 rules": lambda: f"<style>{''.join(f'.a{i}{{color:red}}' for i in range(100_000))}</style>{_LINK}",
    "4,000 rules for every element": lambda: (
        f"<style>{''.join(f'*:not(.a{i}){{color:red}}' for i in range(3900))}</style>{'<i>' * 200}{_LINK}"
    ),
    "rules by descent": lambda: (
        f"<style>{''.join('x ' + 'i ' * 30 + f'.u{{color:#{i:06d}}}' for i in range(900))}</style>{'<i>' * 200}{_LINK}"
    ),
    "rules by siblings": lambda: (
        f"<style>{''.join(f'i ~ b ~ i ~ .u{{color:#{i:06d}}}' for i in range(3000))}</style>{'<i></i>' * 40_000}{_LINK}"
    ),
    "rules by :nth-last-of-type": lambda: (
        f"<style>{''.join(f'.u:nth-last-of-type({i}){{color:red}}' for i in range(3000))}</style>"
        f"{'<i></i>' * 40_000}{_LINK}"
    ),
    "rules by :has()": lambda: (
        f"<style>{''.join(f'body:has(.z{i}) .u{{color:red}}' for i in range(2900))}</style>{'<i></i>' * 40_000}{_LINK}"
    ),
    "selectors within selectors": lambda: f"<style>{':not(' * 20_000}a{')' * 20_000}{{color:red}}</style>{_LINK}",
    "blocks within blocks": lambda: f"<style>{'@media all{' * 10_000}</style>{_LINK}",
    "brackets within a value": lambda: f"<style>.u{{color:{'(' * 100_000}</style>{_LINK}",
    "a style attribute of 2 MB": lambda: f'<p style="{"color:red;" * 200_000}">{_LINK}',
    "style attributes": lambda: _filled(
        f'<p style="{"color:red;font-size:12px;" * 40}"><a href="https://www.acme.example/u/1">u</a></p>'
    ),
    "a link of many pieces": lambda: f'<a href="u">{"<b style=display:none>x</b>" * 40_000}</a>',
    "many classes": lambda: f'<p class="{" ".join(f"c{i}" for i in range(200_000))}">{_LINK}',
}


def judged(html: str) -> str:
    """Judge every link, as the rule does at most: a hundred; how it ended."""
    try:
        shown = Shown(html)
        why = [
            shown.unseen(link, width)
            for width in shown.widths
            for link, _ in zip(shown.links, range(100), strict=False)
        ]
    except TooMuch as excess:
        return str(excess)
    return f"{len(why)} judged"


def milliseconds(html: str, *, fresh: bool) -> float:
    """CPU time, the least of five runs."""
    taken: list[float] = []
    for _ in range(5 if len(html) < 300_000 else 2):
        if fresh:
            forget()
        begun = process_time()
        judged(html)
        taken.append((process_time() - begun) * 1000)
    return min(taken)


def main() -> int:
    """Measure; the exit status."""
    rows = []
    for size in (2, 20, 200):
        html = newsletter(size * 1024)
        rows.append((f"{size} KB", milliseconds(html, fresh=True), milliseconds(html, fresh=False), judged(html)))
    print(tabulate(rows, ("newsletter", "new sheet: ms", "known sheet", ""), floatfmt=".2f"), "\n")
    worst = {name: milliseconds(make(), fresh=True) for name, make in WORST.items()}
    slowest = sorted(worst, key=lambda name: -worst[name])
    print(
        tabulate([(n, worst[n], judged(WORST[n]())) for n in slowest], ("made to take long", "ms", ""), floatfmt=".1f")
    )
    return int(worst[slowest[0]] > GOAL)


if __name__ == "__main__":
    sys.exit(main())
