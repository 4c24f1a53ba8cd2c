"""`postern parties`: in whose name a customer's mail is sent."""

from typing import Any

import click
from msgspec.structs import asdict, replace

from config.settings import Settings
from consent.parties import PARTY_TYPES, Party, PartyStore, UnknownParty
from gateway.cli.context import (
    config_option,
    customer_option,
    json_option,
    known_customer,
    open_stores,
    record_done,
    show,
    show_one,
)


@click.group("parties")
def command() -> None:
    """Show and describe parties: the brands and legal entities a customer sends for.

    Each customer has one party of its own id, made from customers.toml. A customer that sends for others adds them
    here: a consent binds to one party and is none for another.

    \b
    Show them:     postern parties list --customer acme
    Add a brand:   postern parties add tents --customer acme --name "Tents Inc" --email hello@tents.example
    """


@command.command("list")
@customer_option
@config_option
@json_option
def list_(customer: str, settings: Settings, as_json: bool) -> None:
    """Show a customer's parties, its own first.

    Example: postern parties list --customer acme
    """
    stores = open_stores(settings)
    known = known_customer(stores, customer).customer
    rows = [_row(each) for each in PartyStore(stores.consent_database).all(known)]
    show(rows, as_json, ("id", "name", "postal_address", "contact", "domains"))


@command.command("show")
@click.argument("party", metavar="ID")
@customer_option
@config_option
@json_option
def show_(party: str, customer: str, settings: Settings, as_json: bool) -> None:
    """Show one party.

    Example: postern parties show tents --customer acme
    """
    stores = open_stores(settings)
    known = known_customer(stores, customer).customer
    show_one(_row(PartyStore(stores.consent_database).get(known, party)), as_json)


@command.command("add")
@click.argument("party", metavar="ID")
@customer_option
@click.option("--name", metavar="TEXT", help="Its legal name; required for a new one.")
@click.option("--trading-name", metavar="TEXT", help="The name people know it by.")
@click.option("--postal-address", metavar="TEXT", help="As it stands in its mail.")
@click.option("--email", metavar="ADDRESS", help="How to reach it: this, --phone or --url.")
@click.option("--phone", metavar="NUMBER", help="How to reach it.")
@click.option("--url", metavar="URL", help="How to reach it.")
@click.option(
    "--domain",
    "domains",
    metavar="DOMAIN",
    multiple=True,
    help="A domain of the customer's that is this party's in From; give it once for each.",
)
@click.option("--type", "type_", type=click.Choice(PARTY_TYPES), help="What it is to the recipient.")
@config_option
def add(party: str, customer: str, settings: Settings, **given: Any) -> None:
    """Add a party, or change one: what is not given stays as it is.

    Example: postern parties add tents --customer acme --name "Tents Inc" --email hello@tents.example
    """
    stores = open_stores(settings)
    known = known_customer(stores, customer).customer
    parties = PartyStore(stores.consent_database)
    given["type"] = given.pop("type_")
    given["domains"] = given["domains"] or None
    said = {key: value for key, value in given.items() if value is not None}
    try:
        wanted = replace(parties.get(known, party), **said)
        done = "changed"
    except UnknownParty:
        wanted = Party(**{"id": party, "name": "", **said})
        done = "added"
    if not parties.put(known, wanted):
        click.echo(f"party {party!r} stood so already; nothing was changed")
        return
    record_done(settings, stores, act="parties add", customer=customer, target=party, details=said)
    click.echo(f"party {party!r} is {done}")


def _row(party: Party) -> dict[str, Any]:
    return asdict(party) | {"domains": ", ".join(party.domains), "contact": party.contact}
