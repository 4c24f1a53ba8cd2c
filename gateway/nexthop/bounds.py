"""How long and how much: every wait and every size the next-hop client allows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Times in seconds, sizes in octets.

    RFC 5321 section 4.5.3.2 names minima for a client that owns a queue (5 min for the greeting, MAIL and RCPT, 2 min
    for DATA, 3 min for a block of data, 10 min for the reply to the final dot). Behind us waits a client with those
    very time-outs, so ours before the dot are shorter: dialling and asking twice still ends within its 5 min for RCPT.
    Giving up early costs a 451 before the dot and can double a message after it, so there the 10 min stand.
    """

    connect: float = 10
    """TCP, name resolution, and a TLS handshake, each."""
    greeting: float = 30
    """The 220, and each reply to EHLO, STARTTLS and AUTH."""
    dial: float = 60
    """All of the above, over all addresses."""
    envelope: float = 60
    """The replies to a group of MAIL and RCPT."""
    data: float = 60
    """The 354."""
    progress: float = 180
    """The next hop taking in a piece of the body (RFC 5321 section 4.5.3.2.5)."""
    reset: float = 20
    quit: float = 5
    hold: float = 5
    """A transaction waits so long for its client, then its session goes back (design decision 2.2)."""
    wait: float = 5
    """For a free session."""
    idle: float = 60
    """An unused session is kept so long; a next hop not heard of for so long is probed."""
    probe: float = 5
    """Between two looks at the next hop while it cannot be reached."""
    first_probe: float = 2
    backoff: float = 3
    """An address that failed is tried last for so long, and an open pool does not grow."""
    clear: float = 300
    """After a failed opportunistic handshake, for so long the address is spoken to without TLS."""
    lapse: float = 300
    """A fault seen in a transaction is forgotten after so long without another: a node whose readyz is red gets no
    mail, so nothing else could turn it green."""
    alarm: float = 60
    """Between two alarms of one kind."""
    resets: int = 5
    """RSETs on a session without an accepted message before it is closed (an MTA counts them as abuse)."""
    messages: int = 500
    """Messages on a session before it is closed."""
    small: int = 256 * 1024
    """Up to here a message is written in one piece with its final dot; above, in pieces as the next hop takes them."""
    waiters: int = 10_000
    """Transactions waiting for a session at once."""
