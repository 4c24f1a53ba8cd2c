"""`postern check`: the verdict on a message file, explained, nothing sent."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import click

from config.policy import Policy
from config.settings import Settings
from consent.address import Address, AddressError
from consent.customers import StoredCustomer, UnknownCustomer
from consent.profiles import shipped
from consent.unsubscribe import Tokens
from filters.engine import UnknownRule
from filters.likeness import Holders
from filters.message import Message
from filters.model import Finding, Outcome
from gateway.classing import Classed
from gateway.cli.acting import asking
from gateway.cli.context import checked_policy, config_option, fail, json_option, open_stores, printable
from gateway.cli.explained import Explained
from gateway.cli.judging import Addressed, Checked, Court, Sent, judge
from gateway.cli.where import places
from gateway.desk import Desk
from gateway.directory import own_names
from gateway.facts import House
from gateway.links import Links
from gateway.registry import Registry, RegistryAway
from gateway.stores import Stores

_UNKNOWN = "how many near-identical messages reach, and labels of their cluster: gateways that run count that"
_NO_LIST = "none: only grounds for all of the sender's mail count, and who unsubscribes leaves all of it"


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--customer", required=True, metavar="ID", help="As which customer.")
@click.option(
    "--mail-from",
    metavar="ADDRESS",
    help="Reverse-path; by default the first mailbox of From. '<>' is the null one.",
)
@click.option(
    "--username",
    metavar="NAME[+LIST]",
    help="Which credential sends, by username, network or certificate; by default the customer's first.",
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
    username: str | None,
    recipients: tuple[str, ...],
    ehlo: str,
    smtputf8: bool,
    as_json: bool,
    settings: Settings,
) -> None:
    """Explain the verdict on FILE (an .eml) as if CUSTOMER sent it; nothing is sent and nothing recorded.

    It is judged as SMTP does it: what is refused at MAIL and RCPT, then what the edge refuses, then the rules and
    whether its recipients may be written to. Of which class the message is, is told by what it and its credential say;
    how many near-identical messages reach is not known here, nor what only the next hop can say. A file whose lines end
    in LF only is read as the mail program that sends it would send it, with CRLF.

    Exit status 0: it would be forwarded, to every recipient given. 1: it or a recipient would be deferred or refused.
    2: wrong use.

    \b
    Example:  postern check newsletter.eml --customer acme --username acme-bulk --rcpt bob@example.org
    """
    policy = checked_policy(settings)
    stores = open_stores(settings)
    try:
        stored = stores.customers.get(customer)
    except UnknownCustomer as error:
        fail(f"{error}; see: postern customers list", 2)
    data, size = _read(file, policy.message.max_bytes)
    try:
        to = tuple(Address.parse(each.strip("<>")) for each in recipients)
        keyed = {key.domain for key in stores.dkim_keys.active([customer])[customer]}
        sent = Sent(_reverse_path(mail_from, data), to, data, size, ehlo, smtputf8, username, keyed)
        checked = _judged(stored, sent, settings, policy, stores)
    except AddressError as error:
        fail(f"--mail-from or --rcpt: {error}", 2)
    except UnknownRule as error:
        fail(f"customer {customer!r}: {error}; apply its file again without it", 2)
    except RegistryAway:
        fail("the registry did not answer: whether recipients may be written to cannot be said", 2)
    message = Message(data)

    def explain(finding: Finding) -> Explained:
        return Explained(finding, places(finding, message, sent.path, to))

    _show(checked, as_json, "observe" in (stored.customer.mode, policy.mode), explain)
    passes = checked.verdict.outcome is Outcome.ACCEPT and not any(each.refused for each in checked.recipients)
    raise SystemExit(0 if passes else 1)


def _judged(stored: StoredCustomer, sent: Sent, settings: Settings, policy: Policy, stores: Stores) -> Checked:
    """What a gateway with these settings would answer; raises what `judge` does."""
    names = own_names(settings.hostname, settings.operator.domains)
    house = House(
        names,
        stores.secrets.trace_key,
        stores.customers.holders(),
        _looks(stores, names).view,
        shipped(),
        settings.operator.profile,
    )
    registry = Registry(asking(settings, stores), lambda *_: None, time.monotonic)
    links = Links(settings, Tokens(stores.secrets), stores.secrets)
    court = Court(policy, house, registry, links, Desk(settings.operator), settings.dns)
    try:
        return asyncio.run(judge(stored, sent, court))
    finally:
        registry.close()


def _looks(stores: Stores, names: frozenset[str]) -> Holders:
    """Whose the domains are, by what they look like."""
    made = Holders()
    made.add("", names)
    for domain, customer in stores.customers.holders().items():
        made.add(customer, (domain,))
    return made


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
            "class": _class_members(checked),
            "recipients": [_recipient_members(each) for each in checked.recipients],
            "findings": [each.members() for each in found],
            "also": [each.members() for each in also],
        }
        click.echo(json.dumps(shown, indent=2))
        return
    click.echo(f"verdict  {verdict}")
    click.echo(f"reply    {checked.reply}")
    click.echo(f"at       {checked.answered}")
    if checked.classed is not None:
        _show_class(checked, checked.classed)
    if observing:
        click.echo("mode     observe: findings are recorded and nothing is refused by rule")
    for addressed in checked.recipients:
        click.echo(f"to       {printable(addressed.address.text)}: {_decided(addressed)}")
    for each in found:
        each.show()
    if checked.also:
        click.echo("\nOnce that is put right, there is more:")
    for each in also:
        each.show()


def _show_class(checked: Checked, classed: Classed) -> None:
    click.echo(f"class    {_word(classed)} ({classed.message_class}): {printable(classed.basis)}")
    if classed.bulk:
        name = f"{checked.list}, of party {checked.party}" if checked.list else _NO_LIST
        click.echo(f"list     {name}")
        if not checked.recipients:
            click.echo("to       nobody was named; --rcpt says whether a recipient may be written to")
    if checked.clustered:
        click.echo(f"unknown  {_UNKNOWN}")


def _word(classed: Classed) -> str:
    return classed.message_class.name.lower()


def _class_members(checked: Checked) -> dict[str, object] | None:
    """As JSON has it; None where the message is not read."""
    classed = checked.classed
    if classed is None:
        return None
    return {
        "class": classed.message_class.value,
        "name": _word(classed),
        "basis": classed.basis,
        "list": checked.list,
        "party": checked.party or None,
        "unknown": _UNKNOWN if checked.clustered else None,
    }


def _recipient_members(each: Addressed) -> dict[str, object]:
    ground = each.decision.ground if each.decision else None
    return {
        "address": each.address.text,
        "at": each.at,
        "allowed": each.refused is None,
        "ground": None if ground is None else {"ground": ground.kind, "event": ground.event, "grade": ground.grade},
        "code": each.refused.code if each.refused else None,
        "reply": str(each.refused.reply) if each.refused else None,
        "fix": each.refused.fix if each.refused else None,
        "reasons": list(each.decision.reasons) if each.decision else [],
    }


def _decided(each: Addressed) -> str:
    """On what ground, or why not, in words."""
    if each.refused is not None:
        return f"{each.refused.reply} ({each.refused.code}, at {each.at})"
    ground = each.decision.ground if each.decision else None
    if each.decision is None:
        return "needs no ground"
    if ground is None:
        return f"only observed: would be refused, {each.decision.reason}"
    grade = f", grade {ground.grade}" if ground.grade else ""
    return f"ground {ground.kind}{grade}, event {ground.event}"
