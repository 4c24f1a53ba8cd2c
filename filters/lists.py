"""Lists: which one a bulk message says it is of, against the one it is sent for (RFC 2919, R-126; design, 5).

Pure. A consent is for one list of one party: mail that says it is of another would reach people who never asked for it.
"""

import re

from config.policy import Action, Policy
from filters.message import Message
from filters.model import Facts, Reply, rule

_LONGEST = 8192
_BRACKETED = re.compile(rb"<([^<>]{1,255})>[^<>]*\Z")
_ID = re.compile(rb"[\x21-\x3b\x3d\x3f-\x7e]{1,255}\Z")


def list_id(message: Message) -> str | None:
    """The identifier in the first List-Id field, in lower case; None where there is no field, "" where it has none."""
    fields = message.all("list-id")
    if not fields:
        return None
    text = fields[0].unfolded[:_LONGEST].strip()
    found = _BRACKETED.search(text)
    plain = found[1].strip() if found else text
    return plain.decode("ascii").lower() if _ID.match(plain) else ""


def named(message: Message, facts: Facts) -> str | None:
    """The customer's list whose List-Id the message bears; None where it is of none that is known."""
    identifier = list_id(message)
    return None if not identifier else facts.list_ids.get(identifier)


def sender_parties(message: Message, facts: Facts) -> list[str]:
    """The parties that the mailboxes of From mean, each once: who has the domain, else the customer's own."""
    own = facts.customer.id
    found = dict.fromkeys(facts.parties.get(each.domain, own) for each in message.mailboxes("from") or ())
    return list(found) or [own]


@rule(
    "LIST-OTHER",
    clause="MOD-2.1g",
    default=Action.REJECT,
    reply=Reply(550, "5.7.1", "List-Id is not of the list that this mail is sent for"),
    fix="Send each list through a credential, username suffix or reverse-path of its own, with its own List-Id.",
)
def other_list(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Bulk mail that is sent for one list bears the List-Id of no other list of the customer, and one List-Id at most
    (RFC 2919 section 3); a consent for one list is none for another (R-086)."""
    if not facts.bulk:
        return None
    count = len(message.all("list-id"))
    if count > 1:
        return f"{count} List-Id fields"
    found = named(message, facts)
    return None if found is None or facts.list in (None, found) else f"List-Id of {found}, sent for {facts.list}"


@rule(
    "LIST-FOREIGN",
    clause="MOD-2.5b",
    default=Action.REJECT,
    reply=Reply(550, "5.7.1", "List-Id is under a domain that is not this account's"),
    fix="End the List-Id in one of your own domains, or register it with the list.",
)
def foreign_list(message: Message, facts: Facts, policy: Policy) -> str | None:
    """The List-Id of bulk mail ends in a domain that the customer holds, or is registered for one of its lists (R-126;
    RFC 2919 section 2). One without a public domain, as internal lists have it, is nobody else's and passes."""
    if not facts.bulk:
        return None
    identifier = list_id(message)
    if identifier is None or identifier in facts.list_ids:
        return None
    if not identifier:
        return "List-Id without an identifier"
    own = any(identifier == each or identifier.endswith(f".{each}") for each in facts.customer.domains)
    if own or "." not in identifier or identifier.endswith(".localhost"):
        return None
    return f"List-Id under {identifier.partition('.')[2]}"


@rule(
    "LIST-PARTY",
    clause="MOD-2.1g",
    default=Action.REJECT,
    reply=Reply(550, "5.7.1", "From is not of the party whose list this mail is sent for"),
    fix="Send the list in the name of the party that it is registered for, or register a list for this one.",
)
def other_party(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Bulk mail is from one party, by the domains in From, and that of a list from the party whose list it is: a
    consent binds one party, and no other brand or company of the same customer (R-085, R-103)."""
    if not facts.bulk:
        return None
    parties = sender_parties(message, facts)
    if len(parties) > 1:
        return f"From of parties {', '.join(parties)}"[:200]
    if facts.list is None or parties == [facts.party]:
        return None
    return f"From of party {parties[0]}, list of party {facts.party}"
