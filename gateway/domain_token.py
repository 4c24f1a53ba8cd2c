"""Proof that a customer has a domain: a token in the domain's own zone, as a TXT record (R-010).

The token is made of the operator's secrets, the customer and the domain, so none is kept and none serves another
customer.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from consent.keys import Secrets
from gateway.dns import Away, Resolver

_LABEL = "_postern-challenge"
_SECONDS = 10.0


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

        `servers` are resolvers as in the settings; without any the system's are asked, for who gives a command wants it
        answered: ConfigError where there are none.
        """
        try:
            return self.text.encode() in asyncio.run(_texts(self.name, servers or ("system",)))
        except Away as away:
            raise Away(f"the DNS did not answer for {self.name}: {away}") from None


async def _texts(name: str, servers: Sequence[str]) -> list[bytes]:
    found = await Resolver(servers, time.monotonic).texts.get(name, _SECONDS)
    return [text.strip() for text in found]
