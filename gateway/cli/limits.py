"""`postern limits`: how the limits of a customer stand."""

import asyncio
import json
from dataclasses import asdict
from ipaddress import ip_address
from typing import Any, TextIO

import click

from config.customers import Customer
from config.limits import LimitsPolicy
from config.settings import Settings
from gateway.cli.context import (
    checked_policy,
    config_option,
    fail,
    json_option,
    known_customer,
    open_stores,
    parsed_address,
    show,
    utc_now,
)
from gateway.cli.running import of_gateway, token_file_option
from gateway.limits import Limit, Wanted, inward
from gateway.usage import LedgerAway, Window, windows

_COLUMNS = ("scope", "name", "measure", "window", "cap", "used", "room", "reset", "hard")


@click.group("limits")
def command() -> None:
    """Show what is used and what is left of sending limits."""


@command.command("show")
@click.argument("customer", metavar="ID")
@token_file_option
@click.option("--source", metavar="IP", default="", help="Also of this client address.")
@click.option("--sender", metavar="ADDRESS", default="", help="Also of this reverse-path.")
@click.option("--recipient", metavar="ADDRESS", default="", help="Also of mail to this address, and to its domain.")
@config_option
@json_option
def show_(
    customer: str,
    token_file: TextIO | None,
    source: str,
    sender: str,
    recipient: str,
    settings: Settings,
    as_json: bool,
) -> None:
    """Show the limits of one customer, of its reports, streams and credentials, and of all that passes: used, room, and
    reset; and of a source, sender or recipient that you name.

    `reset` is the number of seconds until there is room for one more, `never` where the limit is 0. With the ledger in
    Redis it is asked itself. With memory:// the figures are in the gateway that runs, which is asked over HTTP.

    \b
    Example: postern token create --role auditor | tail -n 1 > auditor.token
             postern limits show acme --token-file auditor.token
    """
    stores = open_stores(settings)
    stored = known_customer(stores, customer)
    if source:
        try:
            ip_address(source)
        except ValueError:
            fail(f"--source {source}: must be an IPv4 or IPv6 address, such as 203.0.113.7", 2)
    asked = {name: text for name, text in (("source", source), ("sender", sender), ("recipient", recipient)) if text}
    wanted = Wanted(source, *(parsed_address(each) if each else None for each in (sender, recipient)))
    rows: list[dict[str, Any]]
    if settings.ledger.url.get_secret_value() != "memory://":
        limits = checked_policy(settings).limits
        more = inward(limits, stored.customer, wanted, stores.secrets.address_key)
        try:
            found = asyncio.run(_of_redis(settings, limits, stored.customer, more))
        except LedgerAway as error:
            fail(str(error), 2)
        rows = [asdict(each) for each in found]
    else:
        rows = of_gateway(settings, customer, "limits", token_file, asked)
    if as_json:
        click.echo(json.dumps({"customer": customer, "limits": rows}, indent=2))
        return
    if not rows:
        click.echo(f"no limits are set for customer {customer!r}", err=True)
    told = [
        row | {"reset": "never" if row["reset"] is None else row["reset"], "hard": "yes" if row["hard"] else ""}
        for row in rows
    ]
    show(told, False, _COLUMNS)


async def _of_redis(settings: Settings, policy: LimitsPolicy, customer: Customer, more: list[Limit]) -> list[Window]:
    # Imported here because its library costs a tenth of a second.
    from gateway.ledger.redis import RedisLedger

    ledger = RedisLedger(
        settings.ledger.url.get_secret_value(),
        processes=settings.ledger.nodes,
        clock=lambda: utc_now().timestamp(),
        alarm=lambda part, text: None,
    )
    try:
        return await windows(ledger, policy, customer, more)
    finally:
        await ledger.close()
