"""Import diff: what a file would change, by kind, and nothing written."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consent.import_diff import KINDS, Diff
from consent.model import ALL
from consent.records import Entry
from tests.rig.consents import ANN, BOB, entry, given, withdrawn
from tests.rig.imports import Desk, desk


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def changes(at: Desk, *blocks: list[Entry]) -> dict[str, int]:
    diff = Diff(at.database, at.secrets, "acme")
    for block in blocks:
        diff.add(block)
    diff.close()
    assert set(diff.counts) == set(KINDS)
    return {kind: count for kind, count in diff.counts.items() if count}


def test_nothing_is_no_change(at: Desk) -> None:
    assert changes(at, []) == {}


def test_what_is_not_on_record_is_new_by_kind(at: Desk) -> None:
    block = [
        entry(ANN, given(1)),
        entry(BOB, withdrawn(1)),
        entry(BOB, given(1, state="requested")),
        entry(BOB, given(1, state="suppressed", reason="invalid", list=ALL)),
    ]
    assert changes(at, block) == {"new_consents": 1, "new_withdrawals": 1, "new_requests": 1, "new_suppressions": 1}


def test_what_is_on_record_is_known(at: Desk) -> None:
    at.store.append("acme", [entry(ANN, given(1))])
    assert changes(at, [entry(ANN, given(1))]) == {"known": 1}


def test_a_better_evidenced_consent_raises_the_grade_and_others_stand_beside(at: Desk) -> None:
    at.store.append("acme", [entry(ANN, given(1))])
    block = [entry(ANN, given(2, grade=3)), entry(ANN, given(3, grade=1)), entry(ANN, given(3, list="spring"))]
    assert changes(at, block) == {"raised_grades": 1, "more_consents": 1, "new_consents": 1}


def test_a_consent_of_someone_who_withdrew_leaves_the_withdrawal_in_force(at: Desk) -> None:
    at.store.append("acme", [entry(ANN, withdrawn(5))])
    assert changes(at, [entry(ANN, given(9, imported=True))]) == {"withdrawn_stays": 1}


def test_a_withdrawal_in_the_same_file_counts_for_the_consents_after_it(at: Desk) -> None:
    assert changes(at, [entry(ANN, withdrawn(5))], [entry(ANN, given(9, imported=True))]) == {
        "new_withdrawals": 1,
        "withdrawn_stays": 1,
    }


def test_a_fact_told_twice_in_one_block_is_new_once(at: Desk) -> None:
    assert changes(at, [entry(ANN, given(1)), entry(ANN, given(1))]) == {"new_consents": 1, "known": 1}


def test_another_customers_record_is_nobodys_business(at: Desk) -> None:
    at.store.append("brand", [entry(ANN, given(1))])
    at.store.append(ALL, [entry(ANN, given(1))])
    assert changes(at, [entry(ANN, given(1))]) == {"new_consents": 1}


def test_other_things_are_counted_by_who_knows_them(at: Desk) -> None:
    diff = Diff(at.database, at.secrets, "acme")
    diff.count("errors", 3)
    diff.close()
    assert diff.counts["errors"] == 3
