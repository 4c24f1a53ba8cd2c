"""What counts as one address, and the kinds of counters."""

import pytest

from gateway.ledger.model import address_group, key, kind_of


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_network_of_64_bits_is_one_address(address: str, group: str) -> None:
    assert address_group(address) == group


@pytest.mark.parametrize(
    ("counter", "kind"),
    [
        (key("connections", "customer", "acme"), "customer connections"),
        (key("messages", "sender", "a}:1:b@acme.example", "x"), "sender messages"),
        (key("messages", "recipient", "") + "=acme", "recipient messages="),
        (key("messages", "recipient", "a=b"), "recipient messages"),
    ],
)
def test_the_kind_of_a_counter_is_its_key_without_names(counter: str, kind: str) -> None:
    assert kind_of(counter) == kind
