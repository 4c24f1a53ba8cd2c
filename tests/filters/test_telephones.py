"""Telephones: the list of gateways; tests/cases/addressing.txt has the rule itself."""

import pytest

from config.domain import domain_name
from filters.telephones import GATEWAYS


@pytest.mark.parametrize("domain", sorted(GATEWAYS))
def test_each_gateway_is_written_as_addresses_are_read(domain: str) -> None:
    assert domain_name(domain) == domain
