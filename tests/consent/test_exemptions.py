"""Exemptions: what they refuse before a registry is asked. The rest, on both databases: test_contracts_switch.py."""

from datetime import UTC, datetime, timedelta

import pytest

from config.switch import LONGEST_EXEMPTION
from consent.customers import CustomerError
from consent.database import Database
from consent.exemptions import ExemptionStore

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize("until", [NOW, NOW + LONGEST_EXEMPTION + timedelta(microseconds=1)])
def test_a_time_that_is_past_or_too_far_away_asks_no_registry(until: datetime) -> None:
    store = ExemptionStore(Database("postgresql://nobody@127.0.0.1:1/none"))
    with pytest.raises(CustomerError, match="at most 366 days"):
        store.add("acme", "ID-FROM", until, "x", NOW)
