"""Hypothesis strategies for events and standings, from pools so small that scopes, times and facts meet."""

from hypothesis import strategies as st

from consent.model import (
    ALL,
    End,
    Event,
    Grant,
    Kind,
    Reason,
    Related,
    Relationship,
    Request,
    Standing,
    State,
    Stops,
    Suppression,
    Withdrawal,
)

START = 1_700_000_000_000_000
DAY = 86_400_000_000
PARTIES = ("acme", "shoes", ALL)
LISTS = ("news", "offers", ALL)
REASONS = ("", *Reason)
TIMES = st.integers(0, 9).map(lambda n: START + n * DAY)
FLAWS = st.sampled_from(("", "", "", "default_checked", "banned_source"))
STOPS: st.SearchStrategy[Stops] = st.sampled_from(("marketing", "all"))
FACT = st.sampled_from((None, True, False))
TIMED_UNTIL = st.none() | TIMES
RELATED = st.builds(
    Related,
    kind=st.sampled_from(Kind),
    basis=st.sampled_from(("2023-11-14", "2020-02-29", "2030-01-01")),
    ongoing=st.booleans(),
    ended=st.sampled_from((None, None, "2023-11-20")),
    similar_products=FACT,
    optout_offered=FACT,
    no_unsolicited_statement=FACT,
    relevant=FACT,
    negotiation=st.booleans(),
    reference=st.sampled_from(("", "a", "b")),
)
IMPORTABLE = (
    State.REQUESTED,
    State.GIVEN,
    State.CONFIRMED,
    State.REFUSED,
    State.WITHDRAWN,
    State.RELATED,
    State.SUPPRESSED,
)
"""What a file can tell."""


@st.composite
def events(draw: st.DrawFn, *, imported: bool | None = None, states: tuple[State, ...] = tuple(State)) -> Event:
    """Any event; `imported` None: of either kind."""
    state = draw(st.sampled_from(states))
    consent = state in (State.GIVEN, State.CONFIRMED)
    return Event(
        state=state,
        party=draw(st.sampled_from(PARTIES)),
        list=draw(st.sampled_from(LISTS)),
        at=draw(st.none() | TIMES),
        recorded=draw(TIMES),
        grade=draw(st.integers(0, 4)) if consent else draw(st.integers(0, 2)),
        imported=draw(st.booleans()) if imported is None else imported,
        until=draw(TIMED_UNTIL) if consent or state is State.SUPPRESSED else None,
        ground=draw(st.sampled_from(("", "express", "express", "implied"))) if consent else "",
        flaw=draw(FLAWS),
        reason=draw(st.sampled_from(REASONS)),
        stops=draw(STOPS),
        country=draw(st.sampled_from(("", "de", "us"))),
        origin=draw(st.sampled_from(("", "import:a"))),
        related=draw(RELATED) if state is State.RELATED else None,
    )


_ANY_TIME = st.integers(-(1 << 62), 1 << 62) | TIMES
_TEXT = st.sampled_from((*PARTIES, *LISTS, "")) | st.text(max_size=5)
_NUMBER = st.integers(0, 1 << 62)
_ANY_RELATED = st.builds(
    Related,
    kind=st.sampled_from(Kind),
    basis=st.text(max_size=10) | st.dates().map(str),
    ongoing=st.booleans(),
    ended=st.none() | st.text(max_size=10) | st.dates().map(str),
    similar_products=FACT,
    optout_offered=FACT,
    no_unsolicited_statement=FACT,
    relevant=FACT,
)
_ANY_UNTIL = st.none() | _ANY_TIME
_GRADES = st.integers(-5, 1 << 40)


def _some(each: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(each, max_size=3).map(tuple)


STANDINGS = st.builds(
    Standing,
    grants=_some(st.builds(Grant, _TEXT, _TEXT, _ANY_TIME, _GRADES, st.booleans(), _ANY_UNTIL, FLAWS | _TEXT, _NUMBER)),
    requests=_some(st.builds(Request, _TEXT, _TEXT, _ANY_TIME, _NUMBER, st.booleans())),
    withdrawals=_some(st.builds(Withdrawal, _TEXT, _TEXT, _ANY_TIME, st.sampled_from(REASONS) | _TEXT, STOPS, _NUMBER)),
    relationships=_some(
        st.builds(Relationship, _TEXT, _GRADES, _ANY_RELATED, _ANY_TIME, _NUMBER, _ANY_UNTIL, FLAWS | _TEXT)
    ),
    suppressions=_some(
        st.builds(Suppression, _TEXT, _TEXT, st.sampled_from(REASONS) | _TEXT, STOPS, _ANY_TIME, _ANY_UNTIL, _NUMBER)
    ),
    country=st.sampled_from(("", "de", "us", "xx")) | st.text(max_size=3),
    ends=_some(st.builds(End, _TEXT, _TEXT, st.sampled_from(State), _TEXT, _ANY_TIME, _NUMBER)),
)
"""Any standing, also ones that no events give."""
