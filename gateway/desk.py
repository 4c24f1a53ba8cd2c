"""The desk: the operator's postmaster and abuse addresses, to which anybody may write (R-022, RFC 5321 section 4.5.1).

What is written to them goes to one mailbox of the operator's, is small, and comes at a bounded rate.
"""

from collections import OrderedDict
from datetime import datetime

from config.files import ConfigError
from config.settings import Operator
from consent.address import Address, AddressError
from gateway.ledger.model import address_group

MAX_BYTES = 256 * 1024
"""Octets of a message of somebody who may write to nobody else."""
MESSAGES = 30
"""Such messages at once from one address (a /64 of IPv6); one more each minute."""
_SECONDS_EACH = 60.0
_AT_ONCE = 50
"""Such transactions that may be open in one process: what they hold keeps no customer out."""
_REMEMBERED = 10_000
"""Addresses whose rate is known; the one that wrote longest ago is forgotten first."""


class Desk:
    """Whether an address is one of the operator's, and who may write to them now."""

    def __init__(self, operator: Operator) -> None:
        """Raises ConfigError for a mailbox that is no address. Without domains or a mailbox the desk is closed."""
        self.mailbox: Address | None = None
        if operator.mailbox and operator.domains:
            try:
                self.mailbox = Address.parse(operator.mailbox)
            except AddressError as error:
                raise ConfigError(f"operator.mailbox: {error}; write it like abuse@gw.example") from None
        domains = [domain.lower().rstrip(".") for domain in operator.domains] if self.mailbox else []
        self.home = domains[0] if domains else ""
        """The domain of `<postmaster>` without one; "" when the desk is closed."""
        self.domains = frozenset(domains)
        """The operator's, lower-case; empty when the desk is closed."""
        self._addresses = frozenset(f"{name}@{domain}" for domain in domains for name in ("postmaster", "abuse"))
        self._spent: OrderedDict[str, tuple[float, datetime]] = OrderedDict()
        self._inside = 0

    @property
    def open(self) -> bool:
        """Whether the operator can be written to."""
        return self.mailbox is not None

    def serves(self, address: Address) -> bool:
        """Whether it is postmaster or abuse at a domain of the operator's, in any case."""
        return address.canonical in self._addresses

    def route(self, address: Address) -> Address:
        """Where mail to the address goes: the operator's mailbox, or where it says."""
        return self.mailbox if self.mailbox is not None and address.canonical in self._addresses else address

    def enter(self, client: str, now: datetime) -> bool:
        """Count in one message from a client's address; False when it must wait. True is answered with `leave`."""
        key = address_group(client)
        spent, since = self._spent.get(key, (0.0, now))
        spent = max(0.0, spent - max(0.0, (now - since).total_seconds()) / _SECONDS_EACH)
        if spent > MESSAGES - 1 or self._inside >= _AT_ONCE:
            return False
        self._spent[key] = (spent + 1, now)
        self._spent.move_to_end(key)
        if len(self._spent) > _REMEMBERED:
            self._spent.popitem(last=False)
        self._inside += 1
        return True

    def leave(self) -> None:
        """A message that was counted in has come to its end."""
        self._inside -= 1
