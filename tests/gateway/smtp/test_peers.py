"""Peers by network."""

import pytest

from gateway.smtp.peers import Networks


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
