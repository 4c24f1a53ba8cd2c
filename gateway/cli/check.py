"""`postern check`: the verdict on a message file, explained, nothing sent."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import click

from config.policy import MessageBounds, Policy
from config.settings import Dns, Settings
from consent.address import Address, AddressError
from consent.customers import StoredCustomer, UnknownCustomer
from consent.profiles import shipped
from filters.engine import UnknownRule, evaluate
from filters.likeness import Holders
from filters.message import Message
from filters.model import Finding, Outcome, Phase, Verdict
from filters.signing import signing_domain
from gateway.cli.context import checked_policy, config_option, fail, json_option, open_stores, utc_now
from gateway.cli.explained import Explained
from gateway.cli.where import places
from gateway.directory import Identity, entry_of, own_names
from gateway.dns import Resolver
from gateway.facts import House, gather, with_domains
from gateway.smtp import refusals, replies
from gateway.smtp.body import Body, Budget
from gateway.smtp.wire import stuff
from gateway.stores import Stores
from gateway.vouching import Vouching

_UNBOUNDED = 1 << 40
_NO_DNS = Dns()


@dataclass(frozen=True, slots=True)
class Checked:
    """What SMTP would answer, and when."""

    verdict: Verdict
    answered: str
    """`MAIL`, or `DATA` (its final dot)."""
    also: tuple[Finding, ...] = ()
    """What would be found besides, once the answer at MAIL is put right."""

    @property
    def reply(self) -> str:
        """The reply, without the reference and what the next hop says."""
        decisive = self.verdict.decisive
        return str(decisive.reply) if decisive else "250 2.0.0 Accepted"


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--customer", required=True, metavar="ID", help="As which customer.")
@click.option(
    "--mail-from",
    metavar="ADDRESS",
    help="Reverse-path; by default the first mailbox of From. '<>' is the null one.",
)
@click.option("--rcpt", "recipients", metavar="ADDRESS", multiple=True, help="A recipient; may be given several times.")
@click.option("--ehlo", metavar="NAME", default="", help="The name that the customer's server greets with.")
@click.option("--smtputf8", is_flag=True, help="As if MAIL said SMTPUTF8.")
@json_option
@config_option
def command(
    file: Path,
    customer: str,
    mail_from: str | None,
    recipients: tuple[str, ...],
    ehlo: str,
    smtputf8: bool,
    as_json: bool,
    settings: Settings,
) -> None:
    """Explain the verdict on FILE (an .eml) as if CUSTOMER sent it; nothing is sent and nothing recorded.

    It is judged as SMTP does it: what is refused at MAIL, then what the edge refuses, then the rules. A file whose
    lines end in LF only is read as the mail program that sends it would send it, with CRLF. What only the next hop
    can say, such as a smaller size limit, is not known here.

    Exit status 0: it would be forwarded. 1: it would be deferred or refused. 2: wrong use.

    \b
    Example:  postern check newsletter.eml --customer acme --rcpt bob@example.org
    """
    policy = checked_policy(settings)
    stores = open_stores(settings)
    try:
        stored = stores.customers.get(customer)
    except UnknownCustomer as error:
        fail(f"{error}; see: postern customers list", 2)
    data, size = _read(file, policy.message.max_bytes)
    try:
        path = _reverse_path(mail_from, data)
        to = tuple(Address.parse(each.strip("<>")) for each in recipients)
        names = own_names(settings.hostname, settings.operator.domains)
        house = House(
            names,
            stores.secrets.trace_key,
            stores.customers.holders(),
            _looks(stores, names).view,
            shipped(),
            settings.operator.profile,
        )
        checked = asyncio.run(
            judge(
                stored,
                policy,
                path,
                to,
                data,
                size,
                house=house,
                ehlo=ehlo,
                dns=settings.dns,
                smtputf8=smtputf8,
                keyed={key.domain for key in stores.dkim_keys.active([customer])[customer]},
            )
        )
    except AddressError as error:
        fail(f"--mail-from or --rcpt: {error}", 2)
    except UnknownRule as error:
        fail(f"customer {customer!r}: {error}; apply its file again without it", 2)
    message = Message(data)

    def explain(finding: Finding) -> Explained:
        return Explained(finding, places(finding, message, path, to))

    _show(checked, as_json, "observe" in (stored.customer.mode, policy.mode), explain)
    raise SystemExit(0 if checked.verdict.outcome is Outcome.ACCEPT else 1)


async def judge(
    stored: StoredCustomer,
    policy: Policy,
    path: Address | None,
    recipients: tuple[Address, ...],
    data: bytes,
    size: int = 0,
    *,
    house: House,
    ehlo: str = "",
    dns: Dns = _NO_DNS,
    smtputf8: bool = False,
    keyed: Collection[str] = (),
) -> Checked:
    """What SMTP would answer to a customer that sends `data` (the message with CRLF, dots not stuffed).

    `size` is the message's in octets where `data` is only its beginning; `dns` is asked for what the rules need of it;
    `keyed` are the domains with an active DKIM key.

    The order is that of `gateway.pipeline`. Raises UnknownRule and ConfigError; ends the command for
    a customer that cannot send.
    """
    customer = stored.customer
    if not customer.credentials:
        fail(f"customer {customer.id!r} has no credential, so it cannot send at all; give it one in its file", 2)
    entry = entry_of(stored, policy)
    rules, identity = entry.rules, Identity(entry, customer.credentials[0], "none")
    facts = gather(identity, path, recipients, utc_now(), house, ehlo, smtputf8=smtputf8)
    at_data = _at_data(policy.message, data, size)
    message = Message(b"" if at_data and at_data.code in _UNREAD else data)
    facts = replace(facts, signing_domain=signing_domain(message, facts, keyed))
    async with contextlib.AsyncExitStack() as stack:
        resolver = Resolver(dns.servers, asyncio.get_running_loop().time) if dns.servers else None
        if resolver is not None:
            stack.push_async_callback(resolver.close)
        vouching = Vouching(resolver)
        stack.callback(vouching.close)
        known = await vouching.complete(await with_domains(facts, message, resolver), message, rules)
    whole = evaluate(rules, message, known, policy)
    if at_data:
        whole = refusals.verdict(at_data)
    if stored.standing.status == "suspended":
        finding = replies.SUSPENDED.finding(f"suspended since {stored.standing.since}: {stored.standing.reason}")
        # At MAIL where the operator has no mailbox that a suspended customer may write to.
        return Checked(refusals.verdict(finding), "RCPT", whole.findings)
    if identity.lock is not None:
        return Checked(refusals.verdict(refusals.of_lock(identity.lock)), "MAIL", whole.findings)
    at_mail = evaluate(rules, Message(b""), facts, policy, Phase.MAIL)
    if at_mail.decisive:
        return Checked(at_mail, "MAIL", tuple(each for each in whole.findings if each not in at_mail.findings))
    return Checked(whole, "DATA")


def _looks(stores: Stores, names: frozenset[str]) -> Holders:
    """Whose the domains are, by what they look like."""
    made = Holders()
    made.add("", names)
    for domain, customer in stores.customers.holders().items():
        made.add(customer, (domain,))
    return made


_UNREAD = frozenset(refusal.code for refusal in replies.BODY_FAULTS.values())


def _at_data(bounds: MessageBounds, data: bytes, size: int) -> Finding | None:
    """What the edge refuses at the final dot, by the code that does it there."""
    if size > bounds.max_bytes:
        return replies.SIZE.finding(f"{size} octets, limit {bounds.max_bytes}")
    body = Body(Budget(_UNBOUNDED, _UNBOUNDED), bounds.max_bytes, None)
    try:
        body.add(stuff(data, line_start=True))
        body.end()
        if body.fault == "room":
            fail("no room for the message in the folder for temporary files; set TMPDIR to another", 2)
        return refusals.of_message(body, Message(b"" if body.fault else data), bounds.max_bytes, bounds)
    finally:
        body.close()


def _read(file: Path, limit: int) -> tuple[bytes, int]:
    """The message as it goes over the wire, or the beginning of one that is too large anyway, and the file's size."""
    try:
        with file.open("rb") as source:
            data = source.read(limit + 1)
            size = len(data) if len(data) <= limit else max(len(data), file.stat().st_size)
    except OSError as error:
        fail(f"{file}: cannot be read: {error.strerror}", 2)
    if b"\r\n" not in data:
        # A file has the line ends of its system; on the wire there is only CRLF.
        data = data.replace(b"\n", b"\r\n")
    return (data if data.endswith(b"\r\n") else data + b"\r\n"), size


def _reverse_path(text: str | None, data: bytes) -> Address | None:
    if text is None:
        mailboxes = Message(data).mailboxes("from")
        return mailboxes[0] if mailboxes else None
    return None if text in ("", "<>") else Address.parse(text.strip("<>"))


def _show(checked: Checked, as_json: bool, observing: bool, explain: Callable[[Finding], Explained]) -> None:
    verdict = checked.verdict.outcome.name.lower()
    found, also = map(explain, checked.verdict.findings), map(explain, checked.also)
    if as_json:
        shown = {
            "verdict": verdict,
            "reply": checked.reply,
            "answered": checked.answered,
            "findings": [each.members() for each in found],
            "also": [each.members() for each in also],
        }
        click.echo(json.dumps(shown, indent=2))
        return
    click.echo(f"verdict  {verdict}")
    click.echo(f"reply    {checked.reply}")
    click.echo(f"at       {checked.answered}")
    if observing:
        click.echo("mode     observe: findings are recorded and nothing is refused by rule")
    for each in found:
        each.show()
    if checked.also:
        click.echo("\nOnce that is put right, there is more:")
    for each in also:
        each.show()
