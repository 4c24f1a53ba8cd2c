"""Facts: everything the rules may know, asked of the stores in one step before any rule runs (hop 4)."""

from datetime import datetime

from consent.address import Address
from filters.model import Facts
from gateway.directory import Identity


def gather(
    identity: Identity,
    reverse_path: Address | None,
    recipients: tuple[Address, ...],
    now: datetime,
    *,
    smtputf8: bool = False,
) -> Facts:
    """The facts about one transaction. What the directory knows is in memory: nothing is waited for."""
    return Facts(now, identity.entry.customer, identity.credential, reverse_path, recipients, smtputf8=smtputf8)
