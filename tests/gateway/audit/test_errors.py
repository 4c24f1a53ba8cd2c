"""Errors: an operator is told what to do."""

from gateway.audit.errors import JournalClosed, JournalDamaged, JournalError, JournalFull, JournalLocked


def test_damage_names_the_record_and_the_way_on() -> None:
    error = JournalDamaged("audit/main", 3, 17, "it is missing")
    assert (error.segment, error.n) == (3, 17)
    assert "segment 000003, record 17: it is missing" in str(error)
    assert "move it out of the audit directory" in str(error)


def test_one_type_catches_all_of_them() -> None:
    assert all(issubclass(kind, JournalError) for kind in (JournalClosed, JournalDamaged, JournalFull, JournalLocked))
