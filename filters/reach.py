"""What a domain is to the credential that sends as it: its own, a host of the customer's, or foreign. Pure."""

from collections.abc import Iterator
from enum import Enum

from filters import reports
from filters.model import Facts
from filters.reports import Author


class Reach(Enum):
    """What a domain is to the credential that sends as it."""

    OWN = "own"
    """One it may use in any mail."""
    DECLARED = "declared"
    """A host of the customer's `upstreams` or `report_from`: it may write reports."""
    LOCAL = "local"
    """No public name, or beneath a domain of its own and not declared: reports from there are let pass, observed."""
    FOREIGN = "foreign"


def reach(author: Author, facts: Facts) -> Reach:
    """What the domain of a report's author is to the credential that sends it.

    What another customer holds is foreign, whatever is declared, and so is all beneath it. An upstream is a server; but
    a name of two labels may be a provider's, with people in it: as such only mailer-daemon and postmaster write.
    """
    customer, domain = facts.customer, author.domain
    if domain in facts.allowed:
        return Reach.OWN
    if is_anothers(domain, facts):
        return Reach.FOREIGN
    above = list(_at_and_above(domain))
    if any(name in customer.report_from for name in above) or any(name in customer.upstreams for name in above[1:]):
        return Reach.DECLARED
    if domain in customer.upstreams and (domain.count(".") > 1 or author.local in reports.DAEMONS):
        return Reach.DECLARED
    beneath = any(name in facts.allowed for name in above[1:])
    return Reach.LOCAL if beneath or not reports.public(domain) else Reach.FOREIGN


def is_anothers(domain: str, facts: Facts) -> bool:
    """Whether another customer holds this domain, or the nearest one above it that is held."""
    own = facts.customer.id
    return next((facts.holders[name] for name in _at_and_above(domain) if name in facts.holders), own) != own


def _at_and_above(domain: str) -> Iterator[str]:
    """The domain and those above it, the nearest first."""
    while domain:
        yield domain
        domain = domain.partition(".")[2]
