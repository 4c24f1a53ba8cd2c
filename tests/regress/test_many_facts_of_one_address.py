"""A file in which one address consents anew in each row, each time for a shorter while, kept the registry from writing:
every consent was compared with all before it."""

import msgspec
import pytest

from consent.model import Event, Standing, State
from consent.standing import MAX_EACH, build
from tests.rig.consents import AT, HOUR, given

MANY = MAX_EACH + 20


def _built(*told: Event) -> Standing:
    return build(enumerate(told, 1))


def _shorter(number: int, **more: object) -> Event:
    """The later of two of them ends earlier: neither beats the other."""
    event = given(imported=True, at=AT - (MANY - number) * HOUR, until=AT + (MANY - number) * HOUR)
    return msgspec.structs.replace(event, **more)


def test_consents_of_one_scope_are_bounded_and_those_that_last_longest_stay() -> None:
    lasting = given(-2 * MANY, at=AT - 2 * MANY * HOUR)
    flawed = given(at=AT, flaw="default_checked", grade=4)
    elsewhere = given(list="offers", until=AT + 1)
    standing = _built(lasting, flawed, elsewhere, *map(_shorter, range(MANY)))
    news = [grant for grant in standing.grants if grant.list == "news"]
    assert len(news) == MAX_EACH and len(standing.grants) == MAX_EACH + 1
    assert None in {grant.until for grant in news} and not any(grant.flaw for grant in news)
    assert {grant.until for grant in news if grant.until} == {_shorter(n).until for n in range(MAX_EACH - 1)}


@pytest.mark.parametrize("backwards", [False, True])
def test_suppressions_are_bounded_and_none_ends_or_is_lifted_sooner(backwards: bool) -> None:
    told = [_shorter(n, state=State.SUPPRESSED, reason="manual") for n in range(MANY)]
    standing = _built(*(reversed(told) if backwards else told))
    assert len(standing.suppressions) == MAX_EACH
    assert max(stop.since for stop in standing.suppressions) == max(event.at or 0 for event in told)
    for event in told:
        # Whatever each of them stopped is stopped, and by one that is as hard to lift.
        assert any(
            stop.since >= (event.at or 0) and (stop.until or 0) >= (event.until or 0) for stop in standing.suppressions
        )
