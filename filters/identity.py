"""Rules about who may write as whom: every author and sender within the domains that the credential may use. Pure.

A shared relay stands in every customer's SPF record, so DMARC does not protect one customer from another: only this
binding does (spec/clauses.md section 0, 8). Domains are exact; a sub-domain is another domain. Reports alone may have
authors elsewhere: at the customer's own hosts.
"""

from collections.abc import Iterable

from config.policy import Policy
from filters import reports
from filters.forwarding import excused
from filters.message import Message
from filters.model import Action, Facts, Phase, Reply, rule
from filters.reach import Reach, reach
from filters.reports import Author

_FIX = "Use an address in a domain of this account, or ask the operator to add the domain."
_SHOWN = 300
"""Characters of evidence."""


@rule(
    "ID-REVERSE-PATH", clause="MOD-2.5b", default=Action.REJECT, phase=Phase.MAIL,
    reply=Reply(550, "5.7.1", "MAIL FROM is not within the domains of this account"),
    fix=_FIX,
)  # fmt: skip
def own_reverse_path(message: Message, facts: Facts, policy: Policy) -> str | None:
    """The reverse-path is empty or within the domains the credential may use (R-005, RFC 6409 section 6.1)."""
    path = facts.reverse_path
    if facts.credential.forwarding:
        return None  # FWD-REVERSE-PATH judges it
    if path is None or path.domain in facts.allowed:
        return None
    return f"reverse-path domain {path.domain}"


@rule(
    "ID-FROM", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "Header From is not within the domains of this account"),
    fix=f"{_FIX} A contact form writes from its site's own address, with the visitor's in Reply-To. A mail server's own"
    " reports may come from its host name: ask the operator to declare that.",
)  # fmt: skip
def own_from(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Every mailbox of From is within the domains the credential may use (R-006); a From that cannot be read is not. In
    a report (`<>` and multipart/report, Auto-Submitted, mailer-daemon, or a bounce's words) it may be a host under the
    customer's `upstreams` or `report_from`. A foreign one that is forwarded with permission is judged by the FWD
    rules."""
    return _foreign("from", message, facts)


@rule(
    "ID-SENDER", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "Header Sender is not within the domains of this account"),
    fix=f"{_FIX} Or send without Sender: some applications put in their maker's, which can be switched off.",
)  # fmt: skip
def own_sender(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Sender, where there is one, is within the domains the credential may use (R-006), or in a report a host as in
    From; it never excuses a foreign From."""
    return _foreign("sender", message, facts)


@rule(
    "ID-RESENT", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "Resent-From or Resent-Sender is not within the domains of this account"),
    fix="Resend with a Resent-From of this account, and take out the Resent fields of others.",
)  # fmt: skip
def own_resent(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Every mailbox of Resent-From and Resent-Sender is within the domains the credential may use (R-006, RFC 5322
    section 3.6.6): who resent a message is its sender, and no less to be believed."""
    return _foreign("resent-from", message, facts) or _foreign("resent-sender", message, facts)


@rule(
    "ID-RETURN-PATH", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "Header Return-Path is not within the domains of this account"),
    fix="Take the Return-Path field out: the server that delivers the message writes it.",
)  # fmt: skip
def own_return_path(message: Message, facts: Facts, policy: Policy) -> str | None:
    """Return-Path, which is no sender's to write (RFC 5321 section 4.4), is empty, unreadable or within the domains the
    credential may use; it is taken out in any case, and on mail that is forwarded it is no forger's."""
    if facts.credential.forwarding:
        return None
    found = [Author.of(mailbox) for mailbox in message.mailboxes("return-path") or ()]
    return _evidence("return-path", (author for author in found if author.domain not in facts.allowed))


@rule(
    "ID-REPORT-HOST", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "Report comes from a host that is not declared for this account"),
    fix="Give the mail server its full public name, and ask the operator to declare it in report_from.",
)  # fmt: skip
def report_host(message: Message, facts: Facts, policy: Policy) -> str | None:
    """A report's From and Sender are at a public name that is declared: neither at a single label, `.local`, an address
    literal or no domain at all, nor at a host beneath a domain of the customer's that is in no list of its."""
    if facts.reverse_path is not None:
        return None  # it is no report
    for name in ("from", "sender"):
        outside = [author for author in _authors(name, message) or () if author.domain not in facts.allowed]
        if outside and reports.report(message, facts):
            found = _evidence(name, (author for author in outside if reach(author, facts) is Reach.LOCAL))
            if found:
                return found
    return None


@rule(
    "ID-NULL-BULK", clause="MOD-2.5b", default=Action.REJECT,
    reply=Reply(550, "5.7.1", "The null reverse-path is for reports and automatic replies, not for bulk mail"),
    fix="Send with a reverse-path in a domain of this account, so that bounces find their way back.",
)  # fmt: skip
def no_marketing_under_null(message: Message, facts: Facts, policy: Policy) -> str | None:
    """What goes out under `<>` is no bulk mail (R-009, RFC 5321 section 4.5.5): it has no field for unsubscribing, and,
    where nothing marks it as a report, no List-Id, no Precedence `bulk` on HTML and no link for unsubscribing. Mail of
    others that a credential with `forwarding` passes on may have `<>`, whatever it is."""
    sign = None if _forwarded(message, facts) else reports.marketing(message, facts)
    return f"null reverse-path and {sign}" if sign else None


@rule(
    "ID-NULL-PATH", clause="MOD-2.5b", default=Action.OBSERVE,
    reply=Reply(550, "5.7.1", "The null reverse-path is for reports and automatic replies"),
    fix="Send with a reverse-path in a domain of this account, or mark automatic mail with Auto-Submitted (RFC 3834).",
)  # fmt: skip
def marked_under_null(message: Message, facts: Facts, policy: Policy) -> str | None:
    """What goes out under `<>` bears a mark of a report: multipart/report, Auto-Submitted, mailer-daemon or postmaster
    as author, an auto-responder's fields, a bounce's words (R-009). Printers and old programs know none of them."""
    if facts.reverse_path is not None or reports.mark(message) is not None or _forwarded(message, facts):
        return None
    return "null reverse-path and no mark of a report"


def _foreign(name: str, message: Message, facts: Facts) -> str | None:
    """Evidence when a field of this name is outside the domains the credential may use, or cannot be read."""
    if not message.all(name):
        return None
    authors = _authors(name, message)
    if not authors:
        return f"{name} holds no mailbox that can be read"
    outside = [author for author in authors if author.domain not in facts.allowed]
    if not outside:
        return None
    if name in ("from", "sender") and reports.report(message, facts):
        outside = [author for author in outside if reach(author, facts) is Reach.FOREIGN]
    if not outside or (message.mailboxes(name) and excused(name, message, facts)):
        return None
    return _evidence(name, outside)


def _forwarded(message: Message, facts: Facts) -> bool:
    """Whether a credential with `forwarding` passes on what somebody else wrote."""
    if not facts.credential.forwarding:
        return False
    return any(mailbox.domain not in facts.allowed for mailbox in message.mailboxes("from") or ())


def _authors(name: str, message: Message) -> list[Author] | None:
    """The mailboxes of all fields of a name; where they cannot be read, that of a single one as a local system writes
    it; None where that cannot be read either."""
    mailboxes = message.mailboxes(name)
    if mailboxes is not None:
        return [Author.of(mailbox) for mailbox in mailboxes]
    fields = message.all(name)
    local = reports.local_author(fields[0]) if len(fields) == 1 else None
    return None if local is None else [local]


def _evidence(name: str, authors: Iterable[Author]) -> str | None:
    domains = sorted({author.domain for author in authors})
    if domains == [""]:
        return f"{name} without a domain"
    return f"{name} domain {', '.join(domains)[:_SHOWN]}" if domains else None
