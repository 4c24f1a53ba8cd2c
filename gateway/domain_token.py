"""Proof that a customer has a domain: a token in the domain's own zone, as a TXT record (R-010).

The token is made of the operator's secrets, the customer and the domain, so none is kept and none serves another
customer.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from dns.exception import DNSException
from dns.name import EmptyLabel, LabelTooLong, NameTooLong
from dns.nameserver import Do53Nameserver, Nameserver
from dns.resolver import NXDOMAIN, NoAnswer, Resolver

from config.settings import split_address
from consent.keys import Secrets

_LABEL = "_postern-challenge"
_SECONDS = 10.0


class DnsUnanswered(Exception):
    """The DNS gave no answer, which says nothing about the token; the text says why."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The TXT record that proves a domain."""

    name: str
    """Fully qualified, without the last dot."""
    text: str

    @classmethod
    def of(cls, secrets: Secrets, customer: str, domain: str) -> "Challenge":
        """The record for a customer and a domain in canonical form."""
        return cls(f"{_LABEL}.{domain}", f"postern-token={secrets.domain_token(customer, domain)}")

    @property
    def record(self) -> str:
        """As it stands in a zone file."""
        return f'{self.name}. IN TXT "{self.text}"'

    def met(self, servers: Sequence[str]) -> bool:
        """Whether the DNS holds the record; raises DnsUnanswered.

        `servers` are resolvers as in the settings: addresses, with or without a port. None, or "system", are those of
        this machine: who gives a command wants it answered.
        """
        return self.text in texts(self.name, servers)


def _server(text: str) -> Nameserver:
    """A resolver at `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`; raises ValueError."""
    try:
        return Do53Nameserver(str(ipaddress.ip_address(text)))
    except ValueError:
        host, port = split_address(text)
        return Do53Nameserver(str(ipaddress.ip_address(host)), port)


def texts(name: str, servers: Sequence[str]) -> set[str]:
    """The TXT records of a name, the strings of each joined (RFC 7208 section 3.3); raises DnsUnanswered.

    `servers` as in `Challenge.met`.
    """
    try:
        own = [server for server in servers if server != "system"]
        resolver = Resolver(configure=not own)
        if own:
            resolver.nameservers = [_server(server) for server in own]
        answer = resolver.resolve(name, "TXT", lifetime=_SECONDS, search=False)
    except (NXDOMAIN, NoAnswer, EmptyLabel, LabelTooLong, NameTooLong):
        return set()
    except (DNSException, ValueError, OSError) as error:
        raise DnsUnanswered(f"the DNS did not answer for {name}: {' '.join(str(error).split())[:200]}") from None
    return {b"".join(record.strings).decode("ascii", "replace").strip() for record in answer}
