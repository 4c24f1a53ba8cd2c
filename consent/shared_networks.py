"""Networks that many organisations send from: an address there proves nobody's identity."""

import ipaddress
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

WIDEST = {4: 16, 6: 32}
"""The shortest prefix a credential may name: no single customer's servers need more."""


@dataclass(frozen=True, slots=True)
class SharedNetwork:
    """One range, whose it is, and why it identifies nobody."""

    network: IPNetwork
    who: str
    why: str


class SharedNetworks:
    """The shipped list, or another."""

    def __init__(self, entries: tuple[SharedNetwork, ...]) -> None:
        self.entries = entries

    @classmethod
    def shipped(cls) -> Self:
        """The list in shared_networks.toml beside this file."""
        return cls.read(Path(__file__).with_suffix(".toml"))

    @classmethod
    def read(cls, path: Path) -> Self:
        """The list in a file of `[[shared]]` tables, each with `who`, `why` and `networks`; ValueError, KeyError."""
        with path.open("rb") as file:
            tables = tomllib.load(file)["shared"]
        return cls(
            tuple(
                SharedNetwork(ipaddress.ip_network(network), table["who"], table["why"])
                for table in tables
                for network in table["networks"]
            )
        )

    def refusal(self, text: str) -> str | None:
        """Why a credential may not be identified by this network (canonical CIDR); None when it may."""
        network = ipaddress.ip_network(text)
        if network.is_loopback:
            return None
        if network.prefixlen < WIDEST[network.version]:
            return (
                f"{network} is wider than /{WIDEST[network.version]}: name only the addresses of the customer's own "
                "servers"
            )
        for entry in self.entries:
            if entry.network.version == network.version and entry.network.overlaps(network):
                return (
                    f"{network} lies in {entry.network}, {entry.who}: {entry.why}; use a username and password"
                    if entry.network.prefixlen <= network.prefixlen
                    else f"{network} holds {entry.network}, {entry.who}: {entry.why}; leave that part out"
                )
        return None
