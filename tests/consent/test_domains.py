"""Domains by command beside those of the file. On both databases: tests/test_contracts_domains.py."""

from pathlib import Path

import pytest

from consent.customers import CustomerError
from consent.domains import DomainStore
from tests.rig import registry
from tests.rig.registry import NOW, customer


def test_near_are_those_above_and_beneath_by_whole_labels(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as database:
        customers, domains = registry.store(database), DomainStore(database)
        customers.apply([customer("acme")], NOW)
        for name in ("a.acme.example", "b.a.acme.example", "xacme.example", "cme.example"):
            domains.add("acme", name, "assertion", NOW, "test")
        assert [each.domain for each in domains.near("a.acme.example")] == ["acme.example", "b.a.acme.example"]
        assert [each.domain for each in domains.near("acme.example")] == ["a.acme.example", "b.a.acme.example"]
        assert domains.near("other.example") == ()


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001, "a\x1b[2Jb"])
def test_an_assertion_needs_a_reason_that_can_be_read(tmp_path: Path, reason: str) -> None:
    with registry.sqlite(tmp_path) as database:
        registry.store(database).apply([customer("acme")], NOW)
        domains = DomainStore(database)
        with pytest.raises(CustomerError, match="reason"):
            domains.add("acme", "shop.example", "assertion", NOW, reason)
        assert [each.domain for each in domains.all("acme")] == ["acme.example"]
