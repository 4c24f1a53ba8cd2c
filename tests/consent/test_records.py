"""Values of the consent store show nothing personal where they are logged."""

import dataclasses

import pytest

from consent.model import State
from consent.records import STOPPING, Appended, Entry, Recorded
from tests.rig.consents import ANN, entry, given


def test_personal_fields_are_not_shown() -> None:
    recorded = Recorded(1, given(), {"ip": "192.0.2.7"}, 1)
    for value in (entry(ANN), recorded):
        assert "192.0.2.7" not in repr(value)


def test_values_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Appended(0, 0, None, []).new = 1  # type: ignore[misc]
    assert Entry(ANN, given()).personal == {}


def test_what_allows_mail_need_not_outlive_the_registry() -> None:
    assert set(State) - STOPPING == {
        State.REQUESTED,
        State.GIVEN,
        State.CONFIRMED,
        State.EXPIRED,
        State.INVALIDATED,
        State.RELATED,
    }
