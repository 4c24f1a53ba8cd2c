"""Proof that a customer has a domain: a token in the domain's own zone, as a TXT record (R-010).

The token is made of the operator's secrets, the customer and the domain, so none is kept and none serves another
customer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consent.keys import Secrets
from gateway.dns import texts

_LABEL = "_postern-challenge"


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
        """Whether the DNS holds the record; raises Away where it does not answer, which says nothing about the token.

        `servers` as in `gateway.dns.texts`; raises ConfigError too.
        """
        return self.text.encode() in texts(self.name, servers)
