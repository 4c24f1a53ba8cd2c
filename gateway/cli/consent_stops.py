"""`postern consent suppress`, `lift`: what the operator or a customer does not want to be written to."""

import re
from contextlib import suppress as suppress_error
from datetime import datetime
from typing import Any

import click

from config.customers import Customer
from config.domain import domain_name
from config.settings import Settings
from consent.address import Address, AddressError
from consent.imports.row import DomainName, Hashed, Subject
from consent.model import Reason, Stops
from consent.words import clock
from gateway.cli.acting import acting, asking
from gateway.cli.context import (
    config_option,
    fail,
    json_option,
    known_customer,
    open_stores,
    show,
    words,
)
from gateway.consents import SUPPRESSED_FOR, Stop
from gateway.stores import Stores
from gateway.told import MOST_WORDS

_HASH = re.compile(r"(md5|sha1|sha256):([0-9a-fA-F]+)\Z")
_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64}


def parsed_subject(text: str) -> Subject:
    """An address, a domain, or a hash such as `sha256:…`; what is none is wrong use, status 2."""
    found = _HASH.match(text)
    if found and len(found[2]) == _DIGITS[found[1]]:
        return Hashed(found[1], found[2].lower())  # type: ignore[arg-type]
    try:
        return Address.parse(text) if "@" in text[1:] else DomainName(domain_name(text.removeprefix("@")))
    except (AddressError, ValueError) as error:
        raise click.BadParameter(
            f"{error}; write an address, a domain such as recipient.example, or a hash such as sha256:…"
        ) from None


def aware_time(text: str) -> datetime:
    """A time in ISO 8601 with its offset; what is none is wrong use, status 2."""
    time = None
    with suppress_error(ValueError):
        time = datetime.fromisoformat(text)
    if time is None or time.tzinfo is None:
        raise click.BadParameter("write an ISO 8601 time with its offset, such as 2027-01-31T00:00:00+00:00")
    return time


def _whose(function: Any) -> Any:
    """Add --customer and --all-customers."""
    function = click.option(
        "--all-customers",
        is_flag=True,
        help="The operator's own: for mail of every customer; customers learn no reason.",
    )(function)
    return click.option("--customer", metavar="ID", help="Whose it is; this, or --all-customers.")(function)


@click.command("suppress")
@click.argument("who", type=parsed_subject)
@_whose
@click.option("--list", "name", metavar="LIST", help="Only this list of the customer's. Else everything it sends.")
@click.option(
    "--reason",
    type=click.Choice([each.value for each in SUPPRESSED_FOR]),
    default="manual",
    show_default=True,
    help="Why.",
)
@click.option(
    "--stops", type=click.Choice(["marketing", "all"]), help="Bulk mail only, or every mail. Else as the reason has it."
)
@click.option("--until", type=aware_time, metavar="TIME", help="When it ends. Else it has no end.")
@click.option(
    "--words",
    "said",
    type=words(MOST_WORDS),
    default="",
    metavar="TEXT",
    help="More about it; kept sealed, and in the audit.",
)
@config_option
def suppress(
    who: Subject,
    customer: str | None,
    all_customers: bool,
    name: str | None,
    reason: str,
    stops: Stops | None,
    until: datetime | None,
    said: str,
    settings: Settings,
) -> None:
    """Stop mail to WHO: an address, a whole domain, or the hash of an address (sha256:…, sha1:…, md5:…).

    \b
    A customer's:       postern consent suppress bob@recipient.example --customer acme --reason hard_bounce
    The operator's own: postern consent suppress trap.example --all-customers --reason spamtrap

    Example: postern consent suppress bob@recipient.example --customer acme --list spring
    """  # fmt: skip
    stores = open_stores(settings)
    whose = _customer(stores, customer, all_customers)
    with acting(settings, stores) as (consents, by):
        done = consents.suppress(whose, Stop(who, Reason(reason), name, stops, until, said), by)
    if done.new:
        click.echo(f"suppressed ({reason}) for {_of(whose)}, event {done.number}")
    else:
        click.echo(f"suppressed for {_of(whose)} before; nothing was changed")


@click.command("lift")
@click.argument("who", type=parsed_subject)
@_whose
@click.option("--list", "name", metavar="LIST", help="Only of this list. Else of all.")
@click.option(
    "--reason",
    type=click.Choice([each.value for each in SUPPRESSED_FOR]),
    required=True,
    help="Of the suppressions to lift: those for another reason stay.",
)
@click.option(
    "--words",
    "said",
    type=words(MOST_WORDS),
    required=True,
    metavar="TEXT",
    help="Why they are lifted: kept sealed, and in the audit.",
)
@config_option
def lift(
    who: Subject,
    customer: str | None,
    all_customers: bool,
    name: str | None,
    reason: str,
    said: str,
    settings: Settings,
) -> None:
    """Lift suppressions of WHO. A withdrawal is none, and only the person's own confirmed opt-in lifts that.

    Example: postern consent lift bob@recipient.example --customer acme --reason hard_bounce --words "works again"
    """  # fmt: skip
    stores = open_stores(settings)
    whose = _customer(stores, customer, all_customers)
    with acting(settings, stores) as (consents, by):
        done = consents.lift(whose, Stop(who, Reason(reason), name, words=said), by)
    if done.new:
        click.echo(f"lifted ({reason}) for {_of(whose)}, event {done.number}")
    else:
        click.echo(f"lifted for {_of(whose)} before; nothing was changed")


@click.command("suppressions")
@click.argument("who", type=parsed_subject)
@_whose
@config_option
@json_option
def suppressions(who: Subject, customer: str | None, all_customers: bool, settings: Settings, as_json: bool) -> None:
    """Show the suppressions of WHO that hold now.

    Example: postern consent suppressions recipient.example --customer acme
    """
    stores = open_stores(settings)
    whose = _customer(stores, customer, all_customers)
    rows = [
        {
            "event": each.event,
            "list": each.list,
            "reason": each.reason,
            "stops": each.stops,
            "since": clock(each.since),
            "until": None if each.until is None else clock(each.until),
        }
        for each in asking(settings, stores).suppressions(whose, who)
    ]
    if not rows and not as_json:
        click.echo(f"no suppression for {_of(whose)}", err=True)
    show(rows, as_json, ("event", "list", "reason", "stops", "since", "until"))


def _customer(stores: Stores, customer: str | None, all_customers: bool) -> Customer | None:
    """The customer named; None is the operator."""
    if (customer is None) != all_customers:
        fail("name the customer with --customer ID, or give --all-customers", 2)
    return None if customer is None else known_customer(stores, customer).customer


def _of(customer: Customer | None) -> str:
    return "all customers" if customer is None else f"customer {customer.id!r}"
