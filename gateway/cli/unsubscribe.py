"""`postern unsubscribe`: links by which recipients leave."""

import sys

import click

from config.settings import Settings
from consent.address import Address, AddressError
from consent.lists import ListStore
from consent.unsubscribe import Tokens
from gateway.cli.context import (
    config_option,
    customer_option,
    fail,
    json_option,
    known_customer,
    open_stores,
    record_action,
    show,
    utc_now,
)
from gateway.links import Links, NoLinks, new_reference

MOST = 100_000
"""Links of one command."""


@click.group("unsubscribe")
def command() -> None:
    """Make the links by which recipients leave a list.

    \b
    A link for each address of a file:
        postern unsubscribe links --customer acme --list spring --json - < addresses.txt
    """


@command.command("links")
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@customer_option
@click.option("--list", "name", metavar="LIST", help="What they leave: the list the mail is for. Else everything.")
@config_option
@json_option
def links(addresses: tuple[str, ...], customer: str, name: str | None, settings: Settings, as_json: bool) -> None:
    """Make an unsubscribe link for each ADDRESS, for a mail program to write into its messages; `-`: one a line, from
    standard input.

    A link is one recipient's and one list's: in mail to another, or for another list, it is refused. It holds for
    years. That links were made stands in the audit, with the reference that those who leave by them are told with.

    Example: postern unsubscribe links bob@recipient.example --customer acme --list spring
    """
    texts = [line.strip() for line in sys.stdin] if addresses == ("-",) else list(addresses)
    wanted = list(dict.fromkeys(text for text in texts if text))
    if len(wanted) > MOST:
        fail(f"more than {MOST} addresses: make their links in several goes", 2)
    stores = open_stores(settings)
    known = known_customer(stores, customer).customer
    if name is not None:
        ListStore(stores.consent_database).get(known, name)
    now = utc_now()
    reference, maker = new_reference(now), Links(settings, Tokens(stores.secrets), stores.secrets)
    rows = []
    for number, text in enumerate(wanted, 1):
        try:
            rows.append(maker.make(known, name, Address.parse(text), reference, now).members(text))
        except AddressError as error:
            fail(f"address {number}: {error}; write it like bob@recipient.example", 2)
        except NoLinks as error:
            fail(str(error), 2)
    if rows:
        details = {"reference": reference, "links": len(rows)}
        record_action(settings, stores, act="unsubscribe links", customer=customer, target=name, details=details)
    show(rows, as_json, ("address", "url"))
