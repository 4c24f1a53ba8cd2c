"""`postern consent`: what is on record of who may be written to, and what a person, a customer or the operator says."""

import json
from collections.abc import Iterable
from typing import Any

import click

from config.settings import Settings
from consent.address import Address
from consent.decide import Decision
from consent.imports.formats import FORMATS
from consent.lists import ListStore
from consent.model import ALL
from consent.refusals import refusal
from consent.words import clock, grade_text, time_text
from gateway.cli.acting import acting, asking
from gateway.cli.consent_confirm import confirm
from gateway.cli.consent_export import export, proof, shape, verify
from gateway.cli.consent_import import import_
from gateway.cli.consent_stops import lift, suppress, suppressions
from gateway.cli.context import (
    address_argument,
    config_option,
    customer_option,
    fail,
    json_option,
    known_customer,
    open_stores,
    parsed_address,
    show,
    words,
)
from gateway.consents import WITHDRAWN_FOR
from gateway.told import MOST_WORDS


@click.group("consent")
def command() -> None:
    """Import, confirm, look up, withdraw, export, prove, erase and verify consents.

    \b
    Bring what a customer has:    postern consent import members.csv --customer acme --list spring --notice signup-3
    May it be written to:         postern consent check bob@recipient.example --customer acme --list spring
    All about one address:        postern consent show bob@recipient.example --customer acme
    Ask to confirm (opt-in):      postern consent confirm bob@recipient.example --customer acme --list spring
    A person asks to be left:     postern consent withdraw bob@recipient.example --customer acme
    On paper:                     postern consent proof bob@recipient.example --customer acme --output bob.html
    Is it all as it was written:  postern consent verify
    """


for _each in (import_, confirm, export, proof, verify, suppress, lift, suppressions):
    command.add_command(_each)


@command.command("show")
@address_argument
@customer_option
@click.option("--list", "only", metavar="LIST", help="Only this list's, and what covers everything from the sender.")
@config_option
@json_option
def show_(address: Address, customer: str, only: str | None, settings: Settings, as_json: bool) -> None:
    """Show all that is on record of one address, and for each list whether it may be written to now.

    Exit status 0 whatever the answer; `postern consent check` answers by its status.

    Example: postern consent show bob@recipient.example --customer acme --list spring
    """
    stores = open_stores(settings)
    shaped = shape(stores, customer, public=False)
    names = list(shaped.lists) if only is None else [ListStore(stores.consent_database).get(shaped.customer, only).id]
    answers: dict[str, Decision] = dict(asking(settings, stores).decisions(shaped.customer, address, names))
    history = stores.consents.history(customer, address)
    key = stores.secrets.address_key(address)
    if as_json:
        value = {
            "address": address.text,
            "key": key,
            "customer": customer,
            "lists": [{"list": name} | _decision_value(answer) for name, answer in answers.items()],
            "records": shaped.records(key, history, only),
        }
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))
        return
    rows = [{"list": name} | _decision_row(answer) for name, answer in answers.items()]
    if rows:
        show(rows, False, ("list", "may be written to", "reason", "ground"))
        _show_fixes(answers.values())
    else:
        click.echo("the customer has no list")
    click.echo()
    events = [
        {
            "event": each.number,
            "when": each.event.related.basis if each.event.related else clock(each.event.at),
            "what": each.event.related.kind.value if each.event.related else each.event.state.value,
            "list": each.event.list,
            "grade": grade_text(each.event),
            "reason": each.event.reason or each.event.flaw,
            "source": each.event.source or each.event.origin,
            "recorded": clock(each.event.recorded),
            "batch": each.batch,
        }
        for each in history
        if only is None or each.event.list in (only, ALL)
    ]
    if events:
        show(events, False)
    else:
        click.echo("nothing is on record about this address")


def _decision_value(decision: Decision) -> dict[str, Any]:
    """A decision as JSON, for the operator: all that spoke."""
    ground = decision.ground
    return {
        "allowed": decision.allowed,
        "reason": decision.reason,
        "ground": None
        if ground is None
        else {"kind": ground.kind, "id": ground.event, "at": time_text(ground.at), "grade": ground.grade},
        "reasons": list(decision.reasons),
    }


def _decision_row(decision: Decision) -> dict[str, object]:
    ground = decision.ground
    return {
        "may be written to": "yes" if decision.allowed else "no",
        "reason": decision.reason,
        "ground": f"{ground.kind}, event {ground.event}, {ground.grade}" if ground else "",
    }


def _show_fixes(decisions: Iterable[Decision]) -> None:
    """What each reason means and what can be done, once for each."""
    for code in dict.fromkeys(each.reason for each in decisions if each.reason):
        found = refusal(code)
        click.echo(f"\n{code}: {found.text}. {found.fix}")


@command.command("check")
@click.argument("addresses", metavar="ADDRESS...", type=parsed_address, nargs=-1, required=True)
@customer_option
@click.option("--list", "name", metavar="LIST", required=True, help="The list the mail would be for.")
@config_option
@json_option
def check(addresses: tuple[Address, ...], customer: str, name: str, settings: Settings, as_json: bool) -> None:
    """Answer whether bulk mail of a list may be sent to these addresses now, and why.

    Exit status 0 when it may go to all of them, 1 when to one or more it may not.

    Example: postern consent check bob@recipient.example ann@recipient.example --customer acme --list spring
    """
    stores = open_stores(settings)
    known = known_customer(stores, customer).customer
    answers = asking(settings, stores).check(known, addresses, ListStore(stores.consent_database).get(known, name).id)
    pairs = list(zip(addresses, answers, strict=True))
    if as_json:
        rows = [{"address": each.text} | _decision_value(answer) for each, answer in pairs]
        click.echo(json.dumps(rows, indent=2))
    else:
        rows = [{"address": each.text} | _decision_row(answer) for each, answer in pairs]
        show(rows, False, ("address", "may be written to", "reason", "ground"))
        _show_fixes(answers)
    raise SystemExit(0 if all(answer.allowed for answer in answers) else 1)


@command.command("formats")
@click.option("--config", expose_value=False, hidden=True, help="Accepted as everywhere; nothing in it matters here.")
@json_option
def formats(as_json: bool) -> None:
    """Show what `consent import` understands: the name for --format, and whether such a file can hold consents.

    Example: postern consent formats
    """
    rows = [
        {"format": each.name, "file": each.title, "consents": "no" if each.suppresses_only else "yes"}
        for each in FORMATS
    ]
    show(rows, as_json, ("format", "file", "consents"))


@command.command("withdraw")
@address_argument
@customer_option
@click.option("--list", "name", metavar="LIST", help="Only from this list. Else from everything the customer sends.")
@click.option(
    "--reason",
    type=words(MOST_WORDS),
    metavar="TEXT",
    default="unsubscribe",
    show_default=True,
    help=f"One of {', '.join(WITHDRAWN_FOR)}, or in words.",
)
@click.option(
    "--stops",
    type=click.Choice(["marketing", "all"]),
    default="marketing",
    show_default=True,
    help="all: not even one-to-one mail such as receipts.",
)
@config_option
def withdraw(address: Address, customer: str, name: str | None, reason: str, stops: Any, settings: Settings) -> None:
    """Record that a person wants no more mail; it holds on every node with the next decision.

    Only a later opt-in that the person confirms lifts it, and no import ever. It is durable in the audit before the
    registry has it, so a restored backup does not forget it.

    Example: postern consent withdraw bob@recipient.example --customer acme --list spring
    """
    stores = open_stores(settings)
    known = known_customer(stores, customer).customer
    with acting(settings, stores) as (consents, by):
        done = consents.withdraw(known, address, by, name=name, reason=reason, stops=stops)
    what = f"list {name!r}" if name else "everything"
    if done.new:
        click.echo(f"withdrawn from {what} of customer {customer!r}, event {done.number}")
    else:
        click.echo(f"withdrawn from {what} of customer {customer!r} before; nothing was changed")


@command.command("erase")
@address_argument
@customer_option
@click.option(
    "--reason",
    type=words(MOST_WORDS),
    required=True,
    help="Who asked and where: kept in the audit. Do not name the person in it.",
)
@config_option
def erase(address: Address, customer: str, reason: str, settings: Settings) -> None:
    """Erase the personal data of an address at a customer, for good; it stays suppressed, by a keyed hash.

    What is left says that something was given and withdrawn, when and in which order, and names nobody; the chain
    verifies as before. When no other customer has the address on file, it becomes unreadable in the audit, too. Copies
    in backups are the operator's to let expire.

    An address that was never on file is suppressed all the same. Exit status 1 when it was erased before and nothing
    has come since.

    Example: postern consent erase bob@recipient.example --customer acme --reason "request by mail, ticket 4711"
    """
    stores = open_stores(settings)
    known = known_customer(stores, customer).customer
    with acting(settings, stores) as (consents, by):
        erased = consents.erase(known, address, by, reason=reason)
    if not erased:
        fail(f"erased at customer {customer!r} before, and nothing has come since; nothing was changed")
    click.echo(f"erased at customer {customer!r}; the address stays suppressed there")
