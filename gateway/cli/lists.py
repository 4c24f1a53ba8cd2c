"""`postern lists`: what consents are for; and lowering the grade that a complaint raised."""

from typing import Any

import click
from msgspec.structs import asdict, replace

from config.customers import Customer
from config.settings import Settings
from consent.lists import BASES, PURPOSES, SOURCES, WITHDRAWAL_METHODS, ListStore, MailingList, UnknownList, new_list
from consent.model import Grade, micros
from consent.parties import PartyStore
from consent.words import time_text
from gateway.cli.context import (
    config_option,
    customer_option,
    fail,
    json_option,
    known_customer,
    open_stores,
    record_done,
    show,
    show_one,
    utc_now,
    words,
)


@click.group("lists")
def command() -> None:
    """Show and describe lists, and lower the grade that a complaint raised.

    A list is what a consent is for: consent for one list is none for another. It exists from the moment a credential
    or an import names it, and then belongs to the customer's own party; `add` says more of it, or makes one for
    another party of the customer.

    \b
    All lists of a customer:    postern lists list --customer acme
    Say more of one:            postern lists add spring --customer acme --name "Spring offers" --language en
    After a complaint:          postern lists lower spring --customer acme --reason "form repaired, ticket 4711"
    """


@command.command("list")
@customer_option
@config_option
@json_option
def list_(customer: str, settings: Settings, as_json: bool) -> None:
    """Show a customer's lists, one line each, with the grade their consents need today.

    Example: postern lists list --customer acme
    """
    stores = open_stores(settings)
    known = known_customer(stores, customer).customer
    rows = [_row(known, each) for each in ListStore(stores.consent_database).all(known)]
    if not rows and not as_json:
        click.echo("no lists yet; an import, a credential or `postern lists add` names the first", err=True)
    show(rows, as_json, ("id", "name", "party", "list_id", "purpose", "required", "complaint"))


@command.command("show")
@click.argument("name", metavar="LIST")
@customer_option
@config_option
@json_option
def show_(name: str, customer: str, settings: Settings, as_json: bool) -> None:
    """Show all that is said of one list.

    Example: postern lists show spring --customer acme
    """
    stores = open_stores(settings)
    known = known_customer(stores, customer).customer
    show_one(_row(known, ListStore(stores.consent_database).get(known, name)), as_json)


@command.command("add")
@click.argument("name", metavar="LIST")
@customer_option
@click.option("--party", metavar="ID", help="Whose list it is; only of a new one. Else the customer's own party.")
@click.option("--list-id", metavar="ID", help="As in the List-Id field. Else LIST.<first domain of the customer>.")
@click.option(
    "--reverse-path",
    "reverse_paths",
    multiple=True,
    metavar="PATTERN",
    help="Mail from this reverse-path is the list's, such as 'bounce-*@news.acme.example'; give it once for each.",
)
@click.option("--name", "title", metavar="TEXT", help="As people know it.")
@click.option("--description", metavar="TEXT", help="What is sent.")
@click.option("--language", metavar="TAG", help="BCP 47, such as en or pt-BR.")
@click.option("--purpose", type=click.Choice(PURPOSES), help="What it is sent for.")
@click.option("--basis", type=click.Choice(BASES), help="The lawful basis that the customer claims.")
@click.option("--frequency", metavar="TEXT", help='As promised, such as "monthly".')
@click.option("--retention", metavar="TEXT", help="How long the customer keeps the data.")
@click.option("--storage", metavar="TEXT", help="Where the customer keeps the data.")
@click.option("--third-parties", metavar="TEXT", help="Who else gets the data.")
@click.option(
    "--withdrawal",
    multiple=True,
    type=click.Choice(WITHDRAWAL_METHODS),
    help="A way to withdraw; give it once for each. `web` is always one.",
)
@click.option(
    "--source",
    type=click.Choice(SOURCES[1:]),
    help="Where its addresses come from: the last five are no ground for any mail.",
)
@config_option
def add(name: str, customer: str, party: str | None, settings: Settings, **given: Any) -> None:
    """Make a list, or say more of one that is there: what is not given stays as it is.

    Example: postern lists add spring --customer acme --name "Spring offers" --purpose marketing --language en
    """
    stores = open_stores(settings)
    known = known_customer(stores, customer).customer
    lists = ListStore(stores.consent_database)
    if party is not None:
        PartyStore(stores.consent_database).get(known, party)
    try:
        before = lists.get(known, name)
        wanted = before if party is None else replace(before, party=party)
        done = "changed"
    except UnknownList:
        wanted = new_list(known, name, micros(utc_now()), party=party)
        done = "added"
    given["name"] = given.pop("title")
    given["withdrawal"] = tuple(dict.fromkeys(("web", *given["withdrawal"]))) if given["withdrawal"] else None
    given["reverse_paths"] = given["reverse_paths"] or None
    said = {key: value for key, value in given.items() if value is not None}
    wanted = replace(wanted, **said)
    if not lists.put(known, wanted):
        click.echo(f"list {name!r} stood so already; nothing was changed")
        return
    record_done(
        settings, stores, act="lists add", customer=customer, target=name, details=said | {"party": wanted.party}
    )
    click.echo(f"list {name!r} is {done}; List-Id {wanted.list_id}")


@command.command("lower")
@click.argument("name", metavar="LIST")
@customer_option
@click.option("--reason", type=words(1000), required=True, help="What was found and mended: kept in the audit.")
@config_option
def lower(name: str, customer: str, reason: str, settings: Settings) -> None:
    """Lower the grade that a complaint raised: the list's consents need the customer's grade again, not E3.

    A complaint about a list's mail raises what its consents need to E3, confirmed opt-in, until this is done. The
    complaint itself stays: whoever complained is not written to.

    Example: postern lists lower spring --customer acme --reason "sign-up form repaired, ticket 4711"
    """
    if not reason:
        fail("--reason says what was found and mended: it is what the record will say", 2)
    stores = open_stores(settings)
    known = known_customer(stores, customer).customer
    lifted = ListStore(stores.consent_database).lower(known, name)
    grade = known.grade_on(utc_now().date())
    if lifted is None:
        click.echo(f"no complaint raised list {name!r}: its consents need {grade}; nothing was changed")
        return
    details = {"complaint": time_text(lifted), "required": grade}
    record_done(settings, stores, act="lists lower", customer=customer, target=name, reason=reason, details=details)
    click.echo(f"list {name!r}: consents need {grade} again")


def _row(customer: Customer, each: MailingList) -> dict[str, Any]:
    """A list for printing, with the grade its consents need today."""
    plain = customer.grade_on(utc_now().date())
    required = max(plain, Grade.E3.name) if each.complaint is not None else plain
    return asdict(each) | {
        "name": each.name or None,
        "withdrawal": ", ".join(each.withdrawal),
        "required": required,
        "created": time_text(each.created) if each.created else None,
        "complaint": time_text(each.complaint),
    }
