"""`postern consent confirm`: have Postern ask a person to confirm an opt-in."""

import click

from config.settings import Settings
from consent.address import Address
from consent.model import micros
from consent.words import clock
from gateway.cli.acting import acting
from gateway.cli.context import address_argument, config_option, customer_option, fail, known_customer, open_stores
from gateway.confirmations import AskRefused, Confirmations


@click.command("confirm")
@address_argument
@customer_option
@click.option("--list", "name", metavar="LIST", required=True, help="The list that the person asked for.")
@config_option
def confirm(address: Address, customer: str, name: str, settings: Settings) -> None:
    """Ask a person by mail to confirm that they want a list's mail (double opt-in); a running gateway sends it.

    It answers a request that is on file, at most 7 days old (state `requested`, by the API or an application of the
    customer's); a mail that asks people who have not asked is itself unsolicited. The link in it is good for 7 days.
    What the person confirms is recorded as witnessed by Postern itself (E4).

    At most two mails for a request, and two to an address in 7 days over all customers. Exit status 1 when no mail is
    sent, with the reason.

    Example: postern consent confirm bob@recipient.example --customer acme --list newsletter
    """
    stores = open_stores(settings)
    known = known_customer(stores, customer).customer
    with acting(settings, stores) as (consents, by):
        confirmations = Confirmations(
            consents, stores.confirmations, lambda: settings, lambda each: known if each == customer else None
        )
        try:
            mail, new = confirmations.ask(known, address, name, by)
        except AskRefused as refused:
            again = f"; there is room on {clock(micros(refused.again))}" if refused.again else ""
            fail(f"{refused}{again}")
    what = "is to be sent" if new else "waits to be sent already"
    click.echo(f"confirmation mail {mail.id} {what}; its link is good until {clock(micros(mail.expires))}")
