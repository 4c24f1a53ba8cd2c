"""Confirmation page: what a person sees behind the link of a confirmation mail, in HTML like the unsubscribe page's.

Everything put in is bounded where it was stored, and escaped.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from consent.confirmation_words import PAGE
from consent.parties import Party
from consent.unsubscribe_page import ENVIRONMENT, SHEET, dated
from consent.unsubscribe_words import LANGUAGES

State = Literal["ask", "confirmed", "already", "expired", "withdrawn"]
"""`confirmed`: just now. `withdrawn`: later than the request."""


@dataclass(frozen=True, slots=True)
class View:
    """What a link's page is about, as things stand."""

    state: State
    party: Party
    list: str
    """As people know it."""
    description: str
    frequency: str
    """As promised."""
    asked: datetime
    """When the person is said to have asked for it."""
    source: str
    """Where; may be empty."""
    notice: str
    """The wording that was shown there; empty where it is not on file."""
    until: datetime
    """When the link expires."""
    confirmed: datetime | None = None


def page(view: View, language: str) -> str:
    """The page of a link."""
    words = PAGE[language]
    sender = view.party.trading_name or view.party.name
    names = {
        "sender": sender,
        "list": view.list,
        "date": dated(view.confirmed.date(), language) if view.confirmed else "",
    }
    return ENVIRONMENT.get_template("confirmation.html").render(
        language=language,
        languages=list(LANGUAGES.items()),
        words=words,
        view=view,
        sender=sender,
        heading=words[f"{view.state}_title"],
        text=words[view.state].format(**names),
        asked=dated(view.asked.date(), language),
        until=f"{dated(view.until.date(), language)}, {view.until:%H:%M} UTC",
        style=SHEET,
    )
