"""Peers: addresses of the other end, by network."""

import ipaddress
from collections.abc import Iterable


class Networks:
    """Some networks of both versions."""

    def __init__(self, networks: Iterable[str]) -> None:
        """`networks` in CIDR form; raises ValueError."""
        self._networks = tuple(ipaddress.ip_network(text) for text in networks)

    def hold(self, address: str) -> bool:
        """Whether the address, as the system writes it, lies in one of them."""
        if not self._networks:
            return False
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in network for network in self._networks)
