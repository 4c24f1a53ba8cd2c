"""The client of a mail transaction: who it is, and what it is told at the end."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from filters.model import Reply


@dataclass(frozen=True, slots=True)
class Client:
    """The other end of a session, as it stands at MAIL."""

    address: str
    port: int
    listener: str
    ehlo: str
    tls: str | None
    """Version and cipher, such as "TLSv1.3 TLS_AES_256_GCM_SHA384"; None in clear."""
    protocol: str
    """For Received: SMTP, ESMTP, ESMTPA, ESMTPS or ESMTPSA (RFC 3848)."""
    gone: Callable[[], bool] = lambda: False
    """Whether it has hung up by now."""
    offered: frozenset[str] = frozenset()
    """The next hop's extensions that its EHLO was answered with."""

    def protocol_with(self, parameters: Container[str]) -> str:
        """The protocol of a message with these MAIL parameters: UTF8SMTP… with SMTPUTF8 (RFC 6531 section 4.3)."""
        return self.protocol.replace("ESMTP", "UTF8SMTP") if "SMTPUTF8" in parameters else self.protocol


@dataclass(frozen=True, slots=True)
class Closing:
    """The reply to the final dot, and what must be called once it is known whether the client was told."""

    reply: Reply
    conclude: Callable[[bool], None] = lambda told: None
    each: Sequence[Reply] = ()
    """With PRDR one for each accepted RCPT, in order, to be said before `reply`."""
