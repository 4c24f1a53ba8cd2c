"""Unsubscribe page: the pages that a person sees, in HTML without scripts or anything fetched; jinja2 escapes every
value.

Everything put in is bounded where it was stored (`consent.parties`, `consent.lists`). The style is part of the page and
named by its hash in the Content-Security-Policy, so that nothing else on it can be one.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from jinja2 import Environment, PackageLoader, StrictUndefined

from consent.decide import Ground
from consent.model import moment
from consent.parties import Party
from consent.unsubscribe_words import LANGUAGES, WORDS

STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fff; --quiet: #4a4a4a; --line: #767676; --act: #0b5394; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #f2f2f2; --paper: #16181c; --quiet: #c4c4c4; --line: #9a9a9a; --act: #9cc9ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.25rem; max-width: 36rem; background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0 1rem; }
p { margin: 0 0 1rem; }
button { display: block; width: 100%; min-height: 3rem; margin: 0 0 .75rem; padding: .625rem 1rem;
  border-radius: .375rem; border: 2px solid var(--act); background: var(--act); color: var(--paper);
  font: inherit; font-weight: 600;
  cursor: pointer; overflow-wrap: anywhere; }
button.second { background: var(--paper); color: var(--act); }
button:focus-visible, a:focus-visible { outline: 3px solid var(--ink); outline-offset: 3px; }
dl { margin: 1.5rem 0; padding: 1rem 0 0; border-top: 1px solid var(--line); }
dt { color: var(--quiet); font-size: .9375rem; }
dd { margin: 0 0 .75rem; }
.lines { white-space: pre-line; }
.quiet { color: var(--quiet); }
a { color: var(--act); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0; padding: .5rem 0 0; list-style: none;
  border-top: 1px solid var(--line); }
nav li > * { display: inline-block; padding: .5rem 0; }
nav span { font-weight: 600; }
"""
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; style-src 'sha256-{}'".format(
        base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
    )
)
"""What the pages need: their style, and to send their own form to where they came from."""


class _Style(str):
    """Text of our own that needs no escaping."""

    def __html__(self) -> str:
        return str(self)


SHEET = _Style(STYLE)
"""The style as a template takes it."""
ENVIRONMENT = Environment(
    loader=PackageLoader("consent"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True, slots=True)
class View:
    """What a token's page is about, as things stand."""

    party: Party
    list: str | None
    """As people know it; None: everything from the sender."""
    description: str = ""
    ground: Ground | None = None
    """On what mail to this recipient rests; None: on nothing, or it is not known now."""
    known: bool = True
    """False while the registry does not answer."""
    left_list: bool = False
    left_all: bool = False
    undo: bool = False
    """Whether it can be undone."""


def page(view: View, language: str) -> str:
    """The page of a token: what can be left, or what was left."""
    words = WORDS[language]
    names = {"sender": view.party.trading_name or view.party.name, "list": view.list or ""}
    left = view.left_all or view.left_list
    buttons = [] if view.left_all else [("all", words["leave_all"].format(**names))]
    if view.list is not None and not left:
        buttons.insert(0, ("list", words["leave_list"].format(**names)))
    if view.undo:
        buttons.insert(0, ("undo", words["undo"]))
    if left:
        texts = [words["left_all" if view.left_all else "left_list"].format(**names)]
        if view.undo:
            texts.append(words["undo_hint"])
        return _page(language, words["left_title"], texts, view=view, buttons=buttons, left=True)
    return _page(language, words["ask"], [], view=view, buttons=buttons, hint=words["hint"])


def note(what: str, language: str, view: View | None = None) -> str:
    """A page with one thing to say, such as "gone" (a word of `WORDS` that has a `_title`)."""
    words = WORDS[language]
    left = view is not None and (view.left_all or view.left_list)
    return _page(language, words[f"{what}_title"], [words[what]], view=view, left=left)


def _page(
    language: str,
    heading: str,
    texts: Sequence[str],
    *,
    view: View | None = None,
    buttons: Sequence[tuple[str, str]] = (),
    hint: str = "",
    left: bool = False,
) -> str:
    return ENVIRONMENT.get_template("unsubscribe.html").render(
        language=language,
        languages=list(LANGUAGES.items()),
        words=WORDS[language],
        heading=heading,
        texts=texts,
        buttons=buttons,
        hint=hint,
        left=left,
        view=view,
        sender=(view.party.trading_name or view.party.name) if view else "",
        ground=_ground(view, language) if view else "",
        style=SHEET,
    )


def _ground(view: View, language: str) -> str:
    words = WORDS[language]
    if not view.known:
        return words["unknown"]
    if view.ground is None:
        return words["no_ground"]
    if view.ground.at is None:
        return words["express_undated"]
    kind = "express" if view.ground.kind == "express" else "relationship"
    return words[kind].format(date=dated(moment(view.ground.at).date(), language))


_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
}


def dated(day: date, language: str) -> str:
    """The day with its month in words: figures alone are read in two ways."""
    month = _MONTHS[language].split()[day.month - 1]
    if language == "de":
        return f"{day.day}. {month} {day.year}"
    if language == "es":
        return f"{day.day} de {month} de {day.year}"
    number = "1er" if language == "fr" and day.day == 1 else str(day.day)
    return f"{number} {month} {day.year}"
