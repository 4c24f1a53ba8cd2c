"""Rules about where mail comes from: the Received fields below ours, and results that others claim. Pure.

The chain is read downwards from us by its `by` hosts, and no further than to the first hop that says who brought the
message in (authenticated, local, web, MAPI): what lies below that, its author wrote. A `from` is what the other end
called itself; by itself it proves nothing, and hosts that honestly differ in the two names are too many to count.

What a trace says can be invented. So it is observed, with two exceptions that no honest server writes: an id of ours
that we did not make, and results in the name of the operator or of another customer (design.md section 9, R-057).
"""

import hmac
import re
from base64 import b32encode
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache

from config.policy import Policy
from consent.keyed import Keyed
from filters.message import Message
from filters.model import Action, Facts, Reply, rule
from filters.received import Hop, is_public, is_within, read_date, without_comments

MOST_OWN = 5
"""How often a message may have been with us before. A list of one customer that forwards to another's makes two."""
_SKEW = timedelta(days=1)
"""How far clocks may differ. A host with the wrong time zone in its clock is honest, and wrong by up to that; of the
public ham corpus 63 messages in 4,150 passed a host that is wrong by one to 16 hours, and none by more."""
_OWN_ID = re.compile(r"(?i)([0-7][0-9A-HJKMNP-TV-Z]{25})(?:-([A-Z2-7]{16}))?\Z")
"""A reference (ULID) and its check. An atom, as the ABNF of Received has it (RFC 5321 section 4.4)."""
_AUTHSERV_ID = re.compile(rb'[\s"]*+([^\s"()<>@,;:/\[\]?=]++)')
"""A token, or what stands in a quoted string (RFC 8601 section 2.2, RFC 2045 section 5.1)."""
_LONGEST_ID = 300
_BY_A_RECEIVER = (
    "received-spf", "x-received", "arc-seal", "arc-message-signature", "arc-authentication-results",
    "x-google-smtp-source", "x-ms-exchange-transport-crosstenantheadersstamped",
)  # fmt: skip
"""Fields that a server puts in when it receives from another one: with them goes a Received field."""


_keyed = lru_cache(maxsize=4)(Keyed)


def own_id(key: bytes, hostname: str, reference: str) -> str:
    """What stands as `id` in our Received field: the reference and 80 bits that only who has the key can make."""
    digest = _keyed(key).digest(f"{hostname.lower()} {reference.upper()}".encode())
    return f"{reference}-{b32encode(digest[:10]).decode().lower()}"


@rule(
    "TRACE-UPSTREAM", clause="MOD-2.5d", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "Message came through a mail server that is not declared for this account"),
    fix="Ask the operator to add the server's host name, or the domain it is in, to the account's upstreams.",
)  # fmt: skip
def declared_upstreams(message: Message, facts: Facts, policy: Policy) -> str | None:
    """The servers that handled the message before are the customer's, or declared for it as upstreams (R-011).

    Of the customer are: names in its domains, the name its server greets us with, private and single-label names,
    addresses. A credential that may forward carries what passed other servers.
    """
    if not message.trace or facts.credential.forwarding:
        return None
    customer = facts.customer
    foreign = {
        hop.by
        for hop in _chain(message, facts)
        if is_public(hop.by)
        and hop.by != facts.ehlo
        and not is_within(hop.by, customer.domains)
        and not is_within(hop.by, customer.upstreams)
        and not is_within(hop.by, facts.own_names)
        and not _is_ours(hop, facts)
    }
    return f"Received by {', '.join(sorted(foreign))[:300]}" if foreign else None


@rule(
    "TRACE-FORGED", clause="MOD-2.5a", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "A Received header field bears an id of this server that it did not make"),
    fix="Take out the Received fields that your software copies or makes up; leave those of real servers as they are.",
)  # fmt: skip
def own_ids(message: Message, facts: Facts, policy: Policy) -> str | None:
    """A Received field in our name whose id has the form of ours holds our keyed check.

    Other servers of the operator may share the name, as the next hop does; their ids have another form. A host under
    our name may be another gateway with other secrets: TRACE-CONTRADICTION observes it.
    """
    for number, hop in enumerate(message.trace, 1):
        if hop.by in facts.own_names and _claims_id(hop, facts):
            return f"Received field {number} by {hop.by}: the id is not ours"
    return None


@rule(
    "TRACE-RESULTS", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "Authentication-Results claim the name of the operator or of another customer"),
    fix="Let your server write Authentication-Results in its own host name only, and take out those you received.",
)  # fmt: skip
def own_results(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Nobody but the operator and the customer named writes Authentication-Results in that name (R-057, RFC 8601).

    The customer's own pass, also in the name its server greets us with, and those of strangers. Another customer's pass
    where they stood in the message when it was with us, below our own line, and with a credential that may forward.
    """
    fields = message.all("authentication-results")
    if not fields:
        return None
    customer = facts.customer
    below = next((hop.start for hop in message.trace if _is_ours(hop, facts)), len(message.raw))
    for field in fields:
        host = authserv_id(field.unfolded)
        if is_within(host, customer.domains) or is_within(host, customer.upstreams):
            continue
        if host in facts.own_names:
            return f"Authentication-Results of {host}"
        if host == facts.ehlo:
            continue
        holder = _holder(host, facts)
        if holder not in ("", customer.id) and field.start < below and not facts.credential.forwarding:
            return f"Authentication-Results of {host[:255]}, of another customer"
    return None


@rule(
    "TRACE-LOOP", clause="MOD-2.6", default=Action.OBSERVE,
    reply=Reply(554, "5.4.6", "Routing loop: the message was here before"),
    fix="Look for two servers that forward to each other.",
)  # fmt: skip
def few_own_lines(message: Message, facts: Facts, policy: Policy) -> str | None:
    """A message was with us at most five times before, and no line of ours stands in it twice (R-027)."""
    ours = [hop.id.lower() for hop in message.trace if _is_ours(hop, facts)]
    if len(ours) < 2:
        return None
    ids = Counter(ours)
    if len(ours) > MOST_OWN:
        return f"{len(ours)} Received fields of ours"
    most = max(ids.values())
    return f"one Received field of ours stands {most} times" if most > 1 else None


@rule(
    "TRACE-ORDER", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "The dates of the Received header fields run backwards"),
    fix="Set the clocks and time zones of the servers that the message passes.",
)  # fmt: skip
def times_in_order(message: Message, facts: Facts, policy: Policy) -> str | None:
    """No hop is dated more than a day after the one above it, the topmost not after now (RFC 5321 section 4.4)."""
    above, what = facts.now, "now"
    for number, hop in enumerate(message.trace, 1):
        time = hop.time
        if time is None:
            continue
        if time - above > _SKEW:
            return f"Received field {number} is dated {(time - above) // timedelta(minutes=1)} minutes after {what}"
        above, what = time, f"field {number} above it"
    return None


@rule(
    "TRACE-STRIPPED", clause="MOD-2.5a", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "Received header fields were taken out of the message"),
    fix="Let your servers leave the Received fields in the mail that they pass on.",
)  # fmt: skip
def trace_is_there(message: Message, facts: Facts, policy: Policy) -> str | None:
    """What a server puts in when it receives does not stand without Received, nor a Received with nothing but a date.

    One that names no host is honest: qmail says in a comment that it was invoked, and no more.
    """
    for number, (hop, field) in enumerate(zip(message.trace, message.all("received"), strict=True), 1):
        if not hop.by and not field.unfolded.partition(b";")[0]:
            return f"Received field {number} says nothing"
    if message.trace:
        return None
    left = [name for name in _BY_A_RECEIVER if message.all(name)]
    return f"no Received field, but {', '.join(left)}" if left else None


@rule(
    "TRACE-CONTRADICTION", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "Received header fields contradict one another or the Date"),
    fix="Take out Received fields that your software makes up, and write the Date when the message is written.",
)  # fmt: skip
def one_story(message: Message, facts: Facts, policy: Policy) -> str | None:
    """What was received from us has our line below it, a host under our name bears no id that is not ours, and nothing
    is received a day before its Date."""
    hops = message.trace
    for number, hop in enumerate(hops, 1):
        if hop.by not in facts.own_names and is_within(hop.by, facts.own_names) and _claims_id(hop, facts):
            return f"Received field {number} by {hop.by[:255]}: the id is not ours"
        if hop.sender in facts.own_names and not is_within(hop.by, facts.own_names):
            below = hops[number].by if number < len(hops) else ""
            if not is_within(below, facts.own_names):
                return f"Received field {number} is from {hop.sender[:255]}, which has no line below it"
    dates = message.all("date")
    if hops and len(dates) == 1:
        written, first = read_date(dates[0].unfolded), hops[-1].time
        if written and first and written - first > _SKEW:
            return f"received {(written - first) // timedelta(hours=1)} hours before its Date"
    return None


def authserv_id(value: bytes) -> str:
    """Who claims to have made the results, in lower case (RFC 8601 section 2.5); "" where nobody does."""
    # Readers stop at different characters behind it (a version, RFC 8601 section 2.2), so at the first that is in none.
    found = _AUTHSERV_ID.match(without_comments(value).replace(b"\\", b"")[:_LONGEST_ID])
    return found[1].lower().decode("ascii", "replace").rstrip(".") if found else ""


def _chain(message: Message, facts: Facts) -> Iterator[Hop]:
    """The hops from us down to the first that says who brought the message in, or to our own line."""
    for hop in message.trace:
        yield hop
        if hop.entry or _is_ours(hop, facts):
            return


def _claims_id(hop: Hop, facts: Facts) -> bool:
    """Whether its id has the form of ours, and we did not make it."""
    return bool(facts.trace_key) and _OWN_ID.match(hop.id) is not None and not _is_ours(hop, facts)


def _is_ours(hop: Hop, facts: Facts) -> bool:
    """Whether we wrote it: its id holds our keyed check for the host it names."""
    found = _OWN_ID.match(hop.id) if len(hop.id) > 26 else None
    if found is None or not found[2] or not facts.trace_key:
        return False
    return hmac.compare_digest(own_id(facts.trace_key, hop.by, found[1]).lower(), hop.id.lower())


def _holder(host: str, facts: Facts) -> str:
    """The customer that holds the domain a host is in; "" when none does."""
    while host not in facts.holders:
        _, dot, host = host.partition(".")
        if not dot:
            return ""
    return facts.holders[host]
