"""`postern relationships`: what ties a recipient to a customer beside consent."""

from datetime import datetime
from typing import Any

import click

from config.settings import Settings
from consent.address import Address
from consent.model import Kind, RelationshipGrade
from consent.words import clock
from gateway.cli.acting import acting
from gateway.cli.context import (
    address_argument,
    config_option,
    customer_option,
    json_option,
    known_customer,
    open_stores,
    show,
    words,
)
from gateway.consents import Dealing

_DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group("relationships")
def command() -> None:
    """Record and show relationships: purchases, contracts, memberships, inquiries and the like.

    The law of some countries lets a relationship stand for consent, of some kinds and for some time; which, is decided
    for each recipient. Many are imported with `postern consent import`, in the generic format.

    \b
    A purchase:     postern relationships add bob@recipient.example --customer acme --kind purchase \\
                        --date 2026-01-05 --reference INV-4711 --similar-products --optout-offered
    It has ended:   the same again with --ended 2026-06-30
    What there is:  postern relationships list bob@recipient.example --customer acme
    """


@command.command("add")
@address_argument
@customer_option
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), required=True, help="What it is.")
@click.option(
    "--date",
    "basis",
    type=_DAY,
    required=True,
    metavar="DAY",
    help="Of the purchase, inquiry or beginning: 2026-01-05.",
)
@click.option("--party", metavar="ID", help="With which of the customer's parties. Else its own.")
@click.option("--ongoing", is_flag=True, help="It goes on: a contract, a membership. Its period runs from its end.")
@click.option("--ended", type=_DAY, metavar="DAY", help="When it ended.")
@click.option(
    "--reference",
    type=words(1024),
    default="",
    metavar="TEXT",
    help="The customer's own document: a number (R1), its SHA-256, or two message ids (R2). Kept sealed.",
)
@click.option("--similar-products/--other-products", default=None, help="Whether the mail is about similar products.")
@click.option(
    "--optout-offered/--no-optout-offered",
    default=None,
    help="Whether a way to object was offered when the address was collected.",
)
@click.option(
    "--no-unsolicited-statement/--free-of-statement",
    default=None,
    help="Whether the address was published with a statement that it wants no such mail.",
)
@click.option("--relevant/--not-relevant", default=None, help="Whether the mail concerns the person's role.")
@click.option("--negotiation", is_flag=True, help="The inquiry was a negotiation for a sale.")
@click.option("--country", type=words(2), default="", metavar="CODE", help="Of the recipient: fr, de, ca, us, eu.")
@config_option
def add(
    address: Address,
    customer: str,
    basis: datetime,
    ended: datetime | None,
    kind: str,
    party: str | None,
    settings: Settings,
    **facts: Any,
) -> None:
    """Record a relationship of an address with a customer. The same document again replaces what was told of it.

    Example: postern relationships add bob@recipient.example --customer acme --kind purchase --date 2026-01-05
    """  # fmt: skip
    stores = open_stores(settings)
    known = known_customer(stores, customer).customer
    facts["country"] = facts["country"].lower()
    dealing = Dealing(Kind(kind), basis.date(), ended=ended.date() if ended else None, **facts)
    with acting(settings, stores) as (consents, by):
        done = consents.relate(known, address, dealing, by, party=party)
    if done.new:
        click.echo(f"recorded, grade {RelationshipGrade(done.event.grade).name}, event {done.number}")
    else:
        click.echo("recorded before; nothing was changed")


@command.command("list")
@address_argument
@customer_option
@config_option
@json_option
def list_(address: Address, customer: str, settings: Settings, as_json: bool) -> None:
    """Show the relationships of an address with a customer as they stand.

    Whether one is a ground, and until when, depends on the recipient's country and the list: ask
    `postern consent show`.

    Example: postern relationships list bob@recipient.example --customer acme
    """
    stores = open_stores(settings)
    known_customer(stores, customer)
    rows = [
        {
            "event": each.event,
            "kind": each.related.kind.value,
            "date": each.related.basis,
            "ongoing": "yes" if each.related.ongoing and not each.related.ended else "no",
            "ended": each.related.ended,
            "party": each.party,
            "grade": RelationshipGrade(each.grade).name,
            "recorded": clock(each.recorded),
        }
        for each in stores.consents.standing(customer, address).relationships
    ]
    if not rows and not as_json:
        click.echo("no relationship of that address is on record", err=True)
    show(rows, as_json, ("event", "kind", "date", "ongoing", "ended", "party", "grade", "recorded"))
