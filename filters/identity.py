"""Rules about who may write as whom: every author and sender within the customer's domains. Pure.

A shared relay stands in every customer's SPF record, so DMARC does not protect one customer from another: only this
binding does (spec/clauses.md section 0, 8).
"""

from config.policy import Policy
from filters.forwarding import excused
from filters.message import Message
from filters.model import Action, Facts, Phase, Reply, rule

_FIX = "Use an address in a domain of this account, or ask the operator to add the domain."


@rule(
    "ID-REVERSE-PATH", clause="MOD-2.5b", default=Action.REJECT, phase=Phase.MAIL,
    reply=Reply(550, "5.7.1", "MAIL FROM is not within the domains of this account"),
    fix=_FIX,
)  # fmt: skip
def own_reverse_path(message: Message, facts: Facts, policy: Policy) -> str | None:
    """The reverse-path is empty or within the customer's domains (R-005, RFC 6409 section 6.1)."""
    path = facts.reverse_path
    if facts.credential.forwarding:
        return None  # FWD-REVERSE-PATH judges it
    if path is None or path.domain in facts.customer.domains:
        return None
    return f"reverse-path domain {path.domain}"


@rule(
    "ID-FROM", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "Header From is not within the domains of this account"),
    fix=_FIX,
)  # fmt: skip
def own_from(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Every mailbox of From is within the customer's domains (R-006); a From that cannot be read is not.

    A foreign one that is forwarded with permission is judged by the FWD rules."""
    return _foreign("from", message, facts)


@rule(
    "ID-SENDER", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "Header Sender is not within the domains of this account"),
    fix=_FIX,
)  # fmt: skip
def own_sender(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Sender, where there is one, is within the customer's domains (R-006); it never excuses a foreign From."""
    return _foreign("sender", message, facts)


def _foreign(name: str, message: Message, facts: Facts) -> str | None:
    """Evidence when a field of this name is outside the customer's domains, or cannot be read."""
    if not message.all(name):
        return None
    mailboxes = message.mailboxes(name)
    if not mailboxes:
        return f"{name} holds no mailbox that can be read"
    foreign = sorted({mailbox.domain for mailbox in mailboxes if mailbox.domain not in facts.customer.domains})
    if not foreign or excused(name, message, facts):
        return None
    return f"{name} domain {', '.join(foreign)[:300]}"
