"""What the tests of the ledger share."""

import pytest


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is there all the time, though the machine may be busy."""
    monkeypatch.setattr("gateway.ledger.server.TIMEOUT", 60.0)
