"""`postern webhooks`: what customers are told, what could not be told, and their secrets."""

import asyncio
import json

import click

from config.customers import Customer
from config.settings import Settings
from consent.outbox import Dispatch, Status, UnknownDispatch
from gateway.cli.context import (
    config_option,
    fail,
    json_option,
    known_customer,
    open_stores,
    record_action,
    record_done,
    show,
    show_one,
    utc_now,
)
from gateway.posting import Poster, PostFailed, secret_text
from gateway.webhooks import signing_secrets

_COLUMNS = ("id", "customer", "type", "status", "created", "attempts", "next", "error")


@click.group("webhooks")
def command() -> None:
    """See what customers are told, try again what could not be told, test a webhook and show its secret.

    \b
    Set one up:
        [customers.webhook] url = "https://..." in customers.toml, then
        postern customers apply customers.toml
        postern webhooks secret acme
        postern webhooks test acme
    """


@command.command("list")
@click.option("--customer", metavar="ID", default=None, help="Only this customer's.")
@click.option("--status", type=click.Choice(["waiting", "failed", "delivered"]), default=None, help="Only these.")
@config_option
@json_option
def list_(customer: str | None, status: Status | None, settings: Settings, as_json: bool) -> None:
    """Show what customers were told or are to be told, by webhook or mail, the newest first, at most 1000.

    What was delivered is shown for 7 days, what was given up for 30.

    Example: postern webhooks list --status failed
    """
    stores = open_stores(settings)
    if customer is not None:
        known_customer(stores, customer)
    show([_row(each) for each in stores.outbox.list(customer=customer, status=status)], as_json, _COLUMNS)


@command.command("retry")
@click.argument("number", metavar="[ID]", required=False)
@click.option("--customer", metavar="ID", default=None, help="All that was given up of this customer.")
@config_option
@json_option
def retry(number: str | None, customer: str | None, settings: Settings, as_json: bool) -> None:
    """Try again what was given up, for another three days: one dispatch by its id, or all of a customer.

    A running gateway begins within seconds. What waits, or was delivered, is left as it is.

    Example: postern webhooks retry --customer acme
    """
    if (number is None) == (customer is None):
        raise click.UsageError("name one dispatch by its id, or all of a customer by --customer ID")
    stores = open_stores(settings)
    if customer is not None:
        known_customer(stores, customer)
    try:
        again = stores.outbox.retry(utc_now(), number=number, customer=customer)
    except UnknownDispatch as error:
        fail(f"{error}; `postern webhooks list` shows their ids")
    if again:
        ids = [each.id for each in again]
        details = {"dispatches": ids[:100], "count": len(ids)}
        record_done(settings, stores, act="webhooks retry", customer=again[0].customer, details=details)
    else:
        click.echo("nothing of that was given up; nothing was changed", err=True)
    show([_row(each) for each in again], as_json, _COLUMNS)


@command.command("test")
@click.argument("customer", metavar="ID")
@config_option
@json_option
def test(customer: str, settings: Settings, as_json: bool) -> None:
    """Post an event of type `test` to a customer's webhook, now and once, and tell what came of it.

    Example: postern webhooks test acme
    """
    stores = open_stores(settings)
    found = _with_webhook(known_customer(stores, customer).customer)
    assert found.webhook is not None
    now = utc_now()
    number = f"evt_test_{now:%Y%m%d%H%M%S%f}"
    event = {"id": number, "type": "test", "timestamp": now.isoformat(timespec="milliseconds"), "data": {}}
    body = json.dumps(event, separators=(",", ":"))
    poster = Poster(settings.webhooks)
    try:
        keys = signing_secrets(stores.secrets, found)
        status = asyncio.run(poster.post(found.webhook, number, body, keys, now))
    except PostFailed as error:
        if as_json:
            show_one({"customer": customer, "id": number, "delivered": False, "error": str(error)}, as_json)
        fail(str(error))
    finally:
        poster.close()
    show_one({"customer": customer, "id": number, "delivered": True, "status": status}, as_json)


@command.command("secret")
@click.argument("customer", metavar="ID")
@config_option
def secret(customer: str, settings: Settings) -> None:
    """Print the secret that a customer's requests are signed with, alone, on the last line; it stands in the audit.

    To replace it, count `secret_version` up in the customer's file and apply it: from then on requests carry two
    signatures, by the new secret and by the one before.

    Example: postern webhooks secret acme
    """
    stores = open_stores(settings)
    found = _with_webhook(known_customer(stores, customer).customer)
    assert found.webhook is not None
    version = found.webhook.secret_version
    record_action(settings, stores, act="webhooks secret", customer=customer, details={"version": version})
    click.echo(f"The secret of customer {customer!r}, version {version}. Hand it over on a safe way.")
    click.echo(secret_text(signing_secrets(stores.secrets, found)[0]))


def _with_webhook(customer: Customer) -> Customer:
    if customer.webhook is None:
        fail(f"customer {customer.id!r} has no webhook: set [customers.webhook] url in its file and apply it")
    return customer


def _row(dispatch: Dispatch) -> dict[str, object]:
    waits = dispatch.status == "waiting"
    return {
        "id": dispatch.id,
        "customer": dispatch.customer,
        "type": dispatch.type,
        "status": dispatch.status,
        "created": dispatch.created.isoformat(timespec="seconds"),
        "attempts": dispatch.attempts,
        "next": dispatch.due.isoformat(timespec="seconds") if waits else None,
        "ended": dispatch.ended.isoformat(timespec="seconds") if dispatch.ended else None,
        "error": dispatch.error,
    }
