"""In whose name we sign a message (DKIM, RFC 6376), and the rule about bulk mail that nobody signs. Pure."""

from collections.abc import Collection

from config.policy import Policy
from filters.declared import discussion
from filters.message import Message
from filters.model import Action, Facts, Reply, rule
from filters.signatures import aligned, read
from filters.unsubscribe import inserted


def signing_domain(message: Message, facts: Facts, keyed: Collection[str]) -> str | None:
    """The domain in whose name we sign: that of From, or the nearest above it that is the customer's and has a key.

    `keyed` are the domains with an active key. None is no signature: every mailbox of From has to be in a domain that
    the credential may use, so nothing is ever signed for a foreign author, forwarded or not. A domain above the
    author's signs for it only within one organisational domain, as DMARC asks by default (RFC 7489 section 3.1.1).
    """
    if not keyed:
        return None
    authors = message.mailboxes("from")
    allowed = facts.allowed
    if not authors or any(author.domain not in allowed for author in authors):
        return None
    author = candidate = authors[0].domain
    while candidate:
        if candidate in keyed and candidate in facts.customer.domains and aligned(candidate, author):
            return candidate
        candidate = candidate.partition(".")[2]
    return None


@rule(
    "SIG-UNSIGNED", clause="MOD-2.5a", default=Action.OBSERVE,
    reply=Reply(550, "5.7.22", "Bulk mail needs a DKIM signature of its author's domain, and we hold no key for it"),
    fix="Ask the operator for a DKIM key and publish its record, or sign with a key of your own.",
)  # fmt: skip
def unsigned_bulk(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Bulk mail is signed for its author's domain: by us with a key that the operator keeps for the customer (`dkim
    create`), or by the customer with List-Unsubscribe covered. Mailbox providers ask for it, and offer unsubscribing in
    one click for nothing else (RFC 8058 section 4)."""
    if not facts.bulk or facts.signing_domain is not None or discussion(message):
        return None
    authors = message.mailboxes("from")
    if not authors:
        return None
    author = authors[0].domain
    failed = {found.number for found in facts.signatures or () if found.result != "pass"}
    put_in = inserted(message, facts)
    wanted = {name for name in ("list-unsubscribe", "list-unsubscribe-post") if put_in or message.all(name)}
    for each in read(message):
        if not each.fault and each.number not in failed and wanted <= set(each.names) and aligned(each.domain, author):
            return None
    return f"no active key for {author[:200]} or a domain above it"
