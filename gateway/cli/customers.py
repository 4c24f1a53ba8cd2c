"""`postern customers`: apply, list, show, suspend, resume."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from tabulate import tabulate

from config.customers import Customer
from config.files import ConfigError, nearest
from config.settings import Settings
from consent.customers import CustomerError, StoredCustomer, UnknownCustomer
from gateway.cli.context import (
    act_of,
    checked_customers,
    config_option,
    fail,
    json_option,
    known_customer,
    open_stores,
    record_all_done,
    record_done,
    show,
    utc_now,
)


@click.group("customers")
def command() -> None:
    """Apply, list, show, suspend and resume customers.

    A customers file names customers with their domains, credentials and rule actions:

    \b
        [[customers]]
        id = "acme"
        name = "Acme Ltd"
        domains = ["acme.example"]
        [[customers.credentials]]
        username = "acme-app"
        password = "at least eight characters"

    \b
    Put it in force:     postern customers apply customers.toml
    Stop a customer:     postern customers suspend acme --reason "phishing, ticket 4711"

    Running nodes follow within 5 seconds.
    """


@command.command("apply")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@config_option
@json_option
def apply(file: Path, settings: Settings, as_json: bool) -> None:
    """Add or replace the customers that FILE names, all of them or, if one cannot be, none.

    Customers that FILE does not name stay as they are. What commands did stays, too: a suspension, a lock, a password
    that was rotated while FILE has the same as before, domains and credentials that FILE does not name. Passwords are
    stored as argon2id hashes only. Exit status 1 when another customer holds a domain, username or network.

    Example: postern customers apply customers.toml
    """
    wanted = checked_customers(file)
    _check_next_hops(file, wanted, settings)
    stores = open_stores(settings)
    try:
        applied = stores.customers.apply(wanted, utc_now())
    except CustomerError as error:
        fail(f"{error}\nnothing was applied")
    changed = [(one, customer) for one, customer in zip(applied, wanted, strict=True) if one.result != "unchanged"]
    acts = []
    for one, customer in changed:
        details = {"result": one.result, "file": str(file), "domains": list(customer.domains)}
        names = [credential.name for credential in customer.credentials]
        details |= {"credentials": names}
        # What a command had made or changed, and what the file says of it holds now.
        details |= {name: list(told) for name, told in (("adopted", one.adopted), ("ended", one.ended)) if told}
        acts.append(act_of(act="customers apply", customer=one.customer, details=details))
    record_all_done(settings, stores, acts)
    rows = [
        {"customer": one.customer, "result": one.result, "standing": "suspended" if one.suspended else "active"}
        for one in applied
    ]
    show(rows, as_json)
    for one in applied:
        for told, what in (
            (one.adopted, "was made by a command; it is the file's now, with the file's password"),
            (one.ended, "has the file's new password; the one that `credentials rotate` made has ended"),
            (one.locked, "is locked, and stays so"),
        ):
            for name in told:
                click.echo(f"postern: customer {one.customer!r}: credential {name!r} {what}", err=True)
    for customer in wanted:
        if not settings.dns.servers and any(credential.forwarding for credential in customer.credentials):
            why = "mail that needs it gets 451 until [dns] servers are set"
            click.echo(f"postern: customer {customer.id!r}: forwarding needs DNS: {why}", err=True)
        if customer.unsubscribe == "insert" and not (customer.unsubscribe_alias or settings.http.public_url):
            why = "its bulk mail gets 451 until [http] public_url is set"
            click.echo(f"postern: customer {customer.id!r}: unsubscribe = 'insert' needs a URL: {why}", err=True)
        if customer.switched_off:
            keys = ", ".join(customer.switched_off)
            click.echo(f"postern: customer {customer.id!r}: 0 switches off: {keys}", err=True)


@command.command("list")
@config_option
@json_option
def list_(settings: Settings, as_json: bool) -> None:
    """Show all customers, one line each.

    Example: postern customers list --json
    """
    stored = open_stores(settings).customers.list()
    if as_json:
        click.echo(json.dumps([as_json_value(one) for one in stored], indent=2))
        return
    if not stored:
        click.echo("no customers yet; postern customers apply FILE.toml adds them", err=True)
    rows = [
        {
            "id": one.customer.id,
            "name": one.customer.name,
            "standing": one.standing.status,
            "mode": one.customer.mode,
            "domains": ", ".join(one.customer.domains),
            "credentials": ", ".join(credential.name for credential in one.customer.credentials),
        }
        for one in stored
    ]
    show(rows, False, ("id", "name", "standing", "mode", "domains", "credentials"))


@command.command("show")
@click.argument("customer", metavar="ID")
@config_option
@json_option
def show_(customer: str, settings: Settings, as_json: bool) -> None:
    """Show all that is stored of one customer; passwords only as set or not.

    Example: postern customers show acme
    """
    stored = known_customer(open_stores(settings), customer)
    value = as_json_value(stored)
    if as_json:
        click.echo(json.dumps(value, indent=2))
        return
    click.echo(tabulate([(name, _plain(part)) for name, part in _flat(value)], tablefmt="plain"))


@command.command("suspend")
@click.argument("customer", metavar="ID")
@click.option("--reason", required=True, help="Why: kept in the audit and shown by `customers show`.")
@config_option
def suspend(customer: str, reason: str, settings: Settings) -> None:
    """Stop a customer: all its mail is refused at MAIL with 550, on open sessions too, within 5 seconds.

    Example: postern customers suspend acme --reason "phishing, ticket 4711"
    """
    _change(settings, customer, reason, "suspend")


@command.command("resume")
@click.argument("customer", metavar="ID")
@click.option("--reason", required=True, help="Why: kept in the audit.")
@config_option
def resume(customer: str, reason: str, settings: Settings) -> None:
    """Lift a customer's suspension; it holds on all nodes within 5 seconds.

    Example: postern customers resume acme --reason "account cleaned, ticket 4711"
    """
    _change(settings, customer, reason, "resume")


def _change(settings: Settings, customer: str, reason: str, act: str) -> None:
    stores = open_stores(settings)
    known_customer(stores, customer)
    method: Callable[..., bool] = getattr(stores.customers, act)
    try:
        changed = method(customer, reason, utc_now())
    except CustomerError as error:
        fail(str(error), 1 if isinstance(error, UnknownCustomer) else 2)
    standing = stores.customers.get(customer).standing
    if changed:
        record_done(settings, stores, act=act, customer=customer, reason=standing.reason)
        click.echo(f"customer {customer!r} is {standing.status}; running nodes follow within 5 seconds")
        return
    since = f" since {standing.since:%Y-%m-%d %H:%M} UTC ({standing.reason})" if standing.since else ""
    click.echo(f"customer {customer!r} is {standing.status} already{since}; nothing was changed")


def _check_next_hops(file: Path, wanted: tuple[Customer, ...], settings: Settings) -> None:
    known = [hop.name for hop in settings.next_hops]
    for customer in wanted:
        named = [("", customer.next_hop)]
        named += [(f"credential {each.name!r}: ", each.next_hop) for each in customer.credentials]
        for where, name in named:
            if name is not None and name not in known:
                raise ConfigError(
                    f"{file}: customer {customer.id!r}: {where}next_hop: the settings have no next hop "
                    f"{name!r}{nearest(name, known)}"
                )


def as_json_value(stored: StoredCustomer) -> dict[str, Any]:
    """All that is stored, for printing: passwords only as set or not."""
    value: dict[str, Any] = stored.customer.model_dump(mode="json", exclude={"credentials"})
    value["credentials"] = [
        each.model_dump(mode="json", exclude={"password_hash"})
        | {"password": each.password_hash is not None, "made_by": "command" if each.name in stored.made else "file"}
        | {"locked": stored.locks[each.name].reason if each.name in stored.locks else None}
        for each in stored.customer.credentials
    ]
    value["standing"] = stored.standing.model_dump(mode="json")
    value["applied"] = stored.applied.isoformat()
    return value


def _flat(value: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """Keys with dots, in order; what is empty or not set is left out."""
    rows: list[tuple[str, Any]] = []
    for name, part in value.items():
        if isinstance(part, dict):
            rows += _flat(part, f"{above}{name}.")
        elif isinstance(part, list) and part and isinstance(part[0], dict):
            for number, inner in enumerate(part):
                rows += _flat(inner, f"{above}{name}[{number}].")
        elif part not in (None, "", []):
            rows.append((above + name, part))
    return rows


def _plain(part: Any) -> str:
    if isinstance(part, bool):
        return "yes" if part else "no"
    return ", ".join(str(each) for each in part) if isinstance(part, list) else str(part)
