"""What the operator decides beside the files ends by itself, at the time it says."""

from datetime import UTC, datetime, timedelta

import pytest

from config.switch import Exemption, Overlap

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "holds"), [(-1, True), (0, False), (1, False)])
def test_it_ends_at_its_time(seconds: int, holds: bool) -> None:
    now = NOW + timedelta(seconds=seconds)
    assert Overlap("hash", NOW).holds(now) == holds
    assert Exemption("1", "acme", "ID-FROM", NOW, "x", NOW).holds(now) == holds


def test_no_hash_is_shown() -> None:
    assert "secret" not in repr(Overlap("secret", NOW))
