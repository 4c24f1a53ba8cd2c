"""Rules about domain names: those of sender and recipients exist and take mail. Pure.

What the DNS says was asked before, within a second (`gateway.names`). Only its definite word is a finding: a resolver
that is slow, dead or wrong changes no verdict (design.md section 9, R-056).
"""

from collections.abc import Iterable

from config.policy import Policy
from consent.address import Address
from filters.message import Message
from filters.model import Action, DomainState, Facts, Reply, rule

_SENDER_FIX = "Write from a domain that exists and takes replies, or mend its records in the DNS."
_RECIPIENT_FIX = "Correct the address, or take it off the list."


@rule(
    "DNS-SENDER", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(550, "5.1.8", "Sender domain does not exist"),
    fix=_SENDER_FIX,
)  # fmt: skip
def sender_exists(message: Message, facts: Facts, policy: Policy) -> str | None:
    """The domains of reverse-path and From exist (R-056): the DNS does not answer NXDOMAIN."""
    return _of_sender(message, DomainState.ABSENT, facts)


@rule(
    "DNS-SENDER-NULL-MX", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(550, "5.7.27", "Sender domain accepts no mail (null MX)"),
    fix=_SENDER_FIX,
)  # fmt: skip
def sender_has_no_null_mx(message: Message, facts: Facts, policy: Policy) -> str | None:
    """The domains of reverse-path and From do not say that they take no mail (RFC 7505 section 4.1, R-056)."""
    return _of_sender(message, DomainState.NULL_MX, facts)


@rule(
    "DNS-SENDER-DEAF", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(550, "5.1.8", "Sender domain has neither MX nor address records"),
    fix=_SENDER_FIX,
)  # fmt: skip
def sender_can_receive(message: Message, facts: Facts, policy: Policy) -> str | None:
    """The domains of reverse-path and From have an MX or an address, so that replies arrive (RFC 5321 section 5.1)."""
    return _of_sender(message, DomainState.DEAF, facts)


@rule(
    "DNS-RECIPIENT", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(550, "5.1.2", "Recipient domain does not exist"),
    fix=_RECIPIENT_FIX,
)  # fmt: skip
def recipients_exist(message: Message, facts: Facts, policy: Policy) -> str | None:
    """The recipients' domains exist (R-056): the DNS does not answer NXDOMAIN."""
    return _of_recipients(DomainState.ABSENT, facts)


@rule(
    "DNS-RECIPIENT-NULL-MX", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(556, "5.1.10", "Recipient domain accepts no mail (null MX)"),
    fix=_RECIPIENT_FIX,
)  # fmt: skip
def recipients_have_no_null_mx(message: Message, facts: Facts, policy: Policy) -> str | None:
    """The recipients' domains do not say that they take no mail (RFC 7505 section 4.2, R-056)."""
    return _of_recipients(DomainState.NULL_MX, facts)


@rule(
    "DNS-RECIPIENT-DEAF", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(550, "5.1.2", "Recipient domain has neither MX nor address records"),
    fix=_RECIPIENT_FIX,
)  # fmt: skip
def recipients_can_receive(message: Message, facts: Facts, policy: Policy) -> str | None:
    """The recipients' domains have an MX or an address that mail could go to (RFC 5321 section 5.1)."""
    return _of_recipients(DomainState.DEAF, facts)


def sender_domains(message: Message, reverse_path: Address | None) -> list[str]:
    """The domains of the reverse-path and of the mailboxes in From, each once."""
    path = [] if reverse_path is None else [reverse_path.domain]
    return list(dict.fromkeys([*path, *(mailbox.domain for mailbox in message.mailboxes("from") or ())]))


def _of_sender(message: Message, state: DomainState, facts: Facts) -> str | None:
    """Evidence when one of the sender's domains is in that state."""
    return _found(sender_domains(message, facts.reverse_path), state, facts) if _any_in(state, facts) else None


def _of_recipients(state: DomainState, facts: Facts) -> str | None:
    """The same of the recipients' domains."""
    return _found((each.domain for each in facts.recipients), state, facts) if _any_in(state, facts) else None


def _any_in(state: DomainState, facts: Facts) -> bool:
    return state in facts.domains.values()


def _found(domains: Iterable[str], state: DomainState, facts: Facts) -> str | None:
    found = sorted({domain for domain in domains if facts.domains.get(domain) is state})
    return f"domain {', '.join(found)[:300]}" if found else None
