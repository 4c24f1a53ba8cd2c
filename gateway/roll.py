"""Roll: a customer's lists and parties at one moment, and which list a reverse-path means. Never waits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from config.customers import Customer
from consent.address import Address
from consent.lists import MailingList, new_list
from consent.parties import Party

_Suffixes = dict[str, str]
"""What stands behind the `*` -> the list's id."""


@dataclass(frozen=True, slots=True)
class Roll:
    """A customer's lists and parties. Made in a thread, where it costs nobody's time: there may be thousands."""

    customer: Customer
    lists: Mapping[str, MailingList]
    """By id, in lower case as all ids are."""
    parties: Mapping[str, str]
    """From domain -> the party that is meant by it. A domain that none names is the customer's own party's."""
    list_ids: Mapping[str, str]
    """List-Id in lower case -> the list's id."""
    _mailboxes: Mapping[str, str]
    """Pattern without a `*` -> the list's id."""
    _patterns: Mapping[str, Mapping[str, _Suffixes]]
    """Domain -> what stands before the `*` -> what stands behind it -> the list's id."""

    @classmethod
    def of(cls, customer: Customer, lists: Sequence[MailingList], parties: Iterable[Party]) -> "Roll":
        """The roll of these lists and parties."""
        mailboxes: dict[str, str] = {}
        patterns: dict[str, dict[str, _Suffixes]] = {}
        for each in lists:
            for pattern in each.reverse_paths:
                local, _, domain = pattern.rpartition("@")
                first, star, last = local.partition("*")
                if star:
                    patterns.setdefault(domain, {}).setdefault(first, {})[last] = each.id
                else:
                    mailboxes[pattern] = each.id
        of_domain = {domain: each.id for each in parties if each.id != customer.id for domain in each.domains}
        return cls(
            customer,
            MappingProxyType({each.id: each for each in lists}),
            MappingProxyType(of_domain),
            MappingProxyType({each.list_id.lower(): each.id for each in lists}),
            mailboxes,
            patterns,
        )

    def list(self, name: str | None) -> MailingList | None:
        """The list of that id; one that nobody has named is as it would be (`consent.lists`)."""
        return None if name is None else self.lists.get(name) or new_list(self.customer, name)

    def by_reverse_path(self, address: Address | None) -> str | None:
        """The list that has registered the reverse-path, else one whose pattern it fits; of several the longest.

        What it costs grows with the length of the address, and not with the number of patterns.
        """
        if address is None:
            return None
        named = self._mailboxes.get(address.canonical)
        if named is not None:
            return named
        local, _, domain = address.canonical.rpartition("@")
        beginnings = self._patterns.get(domain, {})
        best, found = -1, None
        for length in range(len(local) + 1) if beginnings else ():
            ends = beginnings.get(local[:length])
            for start in range(length, len(local) + 1) if ends else ():
                name, long = ends.get(local[start:]) if ends else None, length + len(local) - start
                if name is not None and long > best:
                    best, found = long, name
        return found
