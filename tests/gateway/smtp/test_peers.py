"""Peers by network, and what is counted as one."""

import pytest

from gateway.smtp.peers import Networks, counted_as


@pytest.mark.parametrize(
    ("address", "held"),
    [
        ("10.1.2.3", True), ("11.1.2.3", False), ("::1", True), ("::2", False), ("::ffff:10.1.2.3", True),
        ("fe80::1%eth0", True), ("unknown", False), ("", False),
    ],
)  # fmt: skip
def test_an_address_lies_in_one_of_the_networks(address: str, held: bool) -> None:
    assert Networks(("10.0.0.0/8", "::1/128", "fe80::/64")).hold(address) is held
    assert not Networks(()).hold(address)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2::1", "2001:db8:1:2::/64"), ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"), ("fe80::1%eth0", "fe80::/64"), ("unknown", "unknown"),
    ],
)  # fmt: skip
def test_an_ipv6_address_is_counted_as_its_64(address: str, counted: str) -> None:
    assert counted_as(address) == counted
