"""`postern credentials`: list, create, lock, unlock, rotate, remove."""

import functools
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import click

from config.settings import Settings
from config.switch import overlap_of
from consent.credentials import HeldCredential, NoCredential, Switching, Which
from consent.customers import Conflict, CustomerError, UnknownCustomer
from consent.domains import StandsInFile
from gateway.audit.errors import JournalError
from gateway.cli.confirm import confirm, yes_option
from gateway.cli.context import (
    actor,
    cli_journal,
    config_option,
    customer_option,
    fail,
    json_option,
    known_customer,
    open_stores,
    record_done,
    show,
    utc_now,
)
from gateway.stores import Stores
from gateway.switching import acts

_COLUMNS = ("credential", "customer", "kind", "stream", "made by", "standing", "reason", "locked by", "since",
            "old password until")  # fmt: skip


def duration(text: str) -> timedelta:
    """The type of an option that takes `7d`, `12h`, `30m` or `0`."""
    try:
        return overlap_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _filter(function: Callable[..., None]) -> Callable[..., None]:
    """Add what says which credentials are meant; the command gets `which`."""

    @click.argument("name", required=False)
    @click.option("--customer", metavar="ID", help="Of one customer; without NAME all of its credentials.")
    @click.option("--all", "everybody", is_flag=True, help="All credentials of all customers.")
    @functools.wraps(function)
    def wrapper(name: str | None, customer: str | None, everybody: bool, **kwargs: Any) -> None:
        if everybody == (name is not None or customer is not None):
            fail("say which: NAME, or --customer ID, or both; or --all", 2)
        function(which=Which(customer, name), **kwargs)

    return wrapper


@click.group("credentials")
def command() -> None:
    """List, create, lock, unlock, rotate and remove the credentials of customers.

    A credential is called by its username, in any case. One without a username is called by any of its networks, such
    as 192.0.2.0/24, or by the SHA-256 fingerprint of any of its certificates. `list` shows the name of each.

    \b
    Stop one at once:      postern credentials lock acme-app --reason "stolen, ticket 4711"
    Let it send again:     postern credentials unlock acme-app --reason "password changed"
    A new password:        postern credentials rotate acme-app --overlap 7d

    Running nodes follow within 5 seconds. What is done here stays when the customer's file is applied again.
    """


@command.command("list")
@click.option("--customer", metavar="ID", help="Of one customer only.")
@config_option
@json_option
def list_(customer: str | None, settings: Settings, as_json: bool) -> None:
    """Show credentials: the name to use, who made it, and whether it is locked, why, by whom and since when.

    `made by`: the customer's file, or a command. `locked by`: operator, or the signals of an automatic lock. A lock
    whose name no credential has at present is shown, too: it is in force again when a file brings that name back.

    Example: postern credentials list --customer acme
    """
    stores = open_stores(settings)
    if customer is not None:
        known_customer(stores, customer)
    show([_row(each) for each in stores.credentials.all(Which(customer))], as_json, _COLUMNS)


@command.command("create")
@click.argument("username")
@customer_option
@click.option("--stream", type=click.Choice(["bulk", "transactional", "auto"]), default="auto", show_default=True,
              help="Which kind of mail it sends.")  # fmt: skip
@click.option("--list", "list_id", metavar="LIST", help="The list its mail is for.")
@config_option
def create(username: str, customer: str, stream: str, list_id: str | None, settings: Settings) -> None:
    """Make a credential with a password of its own, and print that, alone, on the last line.

    It cannot be shown again: only its hash is stored. The credential stays when the customer's file is applied, until
    `credentials remove`; once the file names that username, it is the file's, with the file's password. Exit status 1
    when the username is held.

    Example: postern credentials create acme-shop --customer acme
    """
    stores = open_stores(settings)
    known_customer(stores, customer)
    try:
        made, password = stores.credentials.create(customer, username, utc_now(), stream=stream, list_id=list_id)
    except Conflict as error:
        fail(str(error))
    except CustomerError as error:
        fail(str(error), 2)
    click.echo(f"Credential {made.name!r} of customer {customer!r}. Its password is shown only now:")
    click.echo(password)
    if made.lock is not None:
        click.echo(f"postern: its name is locked since {_moment(made.lock.since)}: {made.lock.reason}", err=True)
    details = {"stream": stream, "list": list_id}
    record_done(
        settings, stores, act="credentials create", customer=customer, target=made.name,
        details={name: value for name, value in details.items() if value},
    )  # fmt: skip


@command.command("lock")
@_filter
@click.option("--reason", required=True, metavar="TEXT", help="Why: kept in the audit, and shown by `list`.")
@yes_option
@config_option
def lock(which: Which, reason: str, yes: bool, settings: Settings) -> None:
    """Stop a credential: its mail is answered 450 4.7.1, on open sessions too, within 5 seconds.

    Its server keeps the mail and tries again. Without NAME it stops all credentials of a customer, or with --all of
    everybody, and asks before. Exit status 1 when there is no such credential.

    Example: postern credentials lock acme-app --reason "stolen, ticket 4711"
    """
    _switch(settings, which, reason, yes, "lock")


@command.command("unlock")
@_filter
@click.option("--reason", required=True, metavar="TEXT", help="Why: kept in the audit.")
@yes_option
@config_option
def unlock(which: Which, reason: str, yes: bool, settings: Settings) -> None:
    """Lift a lock, whoever made it; it holds on all nodes within 5 seconds.

    Without NAME it lifts those of all credentials of a customer, or with --all of everybody, and asks before. Exit
    status 1 when there is no such credential.

    Example: postern credentials unlock acme-app --reason "password changed, ticket 4711"
    """
    _switch(settings, which, reason, yes, "unlock")


@command.command("rotate")
@click.argument("name")
@click.option("--customer", metavar="ID", help="Of this customer.")
@click.option("--overlap", type=duration, default="7d", show_default=True, metavar="TIME",
              help="How long the old password still holds: 7d, 12h, 30m; 0 ends it at once.")  # fmt: skip
@config_option
def rotate(name: str, customer: str | None, overlap: timedelta, settings: Settings) -> None:
    """Give a credential a new password, and print that, alone, on the last line. It cannot be shown again.

    Both passwords hold until the overlap is over; then the old one ends by itself, on open sessions too. Applying an
    unchanged file does not bring the old one back; a file with another password than before ends both. Exit status 1
    when there is no such credential, or it has no password.

    Example: postern credentials rotate acme-app --overlap 7d
    """
    stores = open_stores(settings)
    try:
        done = stores.credentials.rotate(Which(customer, name), overlap, utc_now())
    except CustomerError as error:
        fail(str(error))
    if done.ended:
        click.echo("postern: note: an earlier password, which was still good, has ended", err=True)
    old = f"The old one holds until {_moment(done.until)}." if overlap else "The old one has ended."
    click.echo(f"Credential {done.name!r} of customer {done.customer!r} has a new password, shown only now. {old}")
    click.echo(done.password)
    record_done(
        settings, stores, act="credentials rotate", customer=done.customer, target=done.name,
        details={"old_until": done.until.isoformat()},
    )  # fmt: skip


@command.command("remove")
@click.argument("name")
@click.option("--customer", metavar="ID", help="Of this customer.")
@click.option("--reason", required=True, metavar="TEXT", help="Why: kept in the audit.")
@config_option
def remove(name: str, customer: str | None, reason: str, settings: Settings) -> None:
    """Take away a credential that `credentials create` made; its sessions pass no message any more.

    What customers.toml names is taken out there. Exit status 1 when there is no such credential.

    Example: postern credentials remove acme-shop --reason "shop closed"
    """
    stores = open_stores(settings)
    try:
        gone = stores.credentials.remove(Which(customer, name), reason)
    except (NoCredential, StandsInFile, UnknownCustomer) as error:
        fail(str(error))
    except CustomerError as error:
        fail(str(error), 2)
    record_done(
        settings, stores, act="credentials remove", customer=gone.customer, target=gone.name,
        reason=" ".join(reason.split()),
    )  # fmt: skip
    click.echo(f"credential {gone.name!r} of customer {gone.customer!r} is gone; running nodes follow within 5 seconds")


def _switch(settings: Settings, which: Which, reason: str, yes: bool, act: str) -> None:
    """Lock or unlock; asks where more is meant than one credential by its name."""
    stores = open_stores(settings)
    if which.customer is not None:
        known_customer(stores, which.customer)
    try:
        meant = stores.credentials.all(which)
        if which.name is None and meant:
            whose = "all customers" if which.customer is None else f"customer {which.customer!r}"
            confirm(f"{act.capitalize()} all {len(meant)} credentials of {whose}?", yes)
        if act == "lock":
            done = stores.credentials.lock(which, reason, utc_now())
        else:
            done = stores.credentials.unlock(which, reason)
    except (NoCredential, UnknownCustomer) as error:
        fail(f"{error}; `postern credentials list` shows their names")
    except CustomerError as error:
        fail(str(error), 2)
    _record(settings, stores, act, done, " ".join(reason.split()))
    for each in done.changed:
        click.echo(f"credential {each.name!r} of customer {each.customer!r} is {act}ed")
    for each in done.same:
        how = f"locked already, since {_moment(each.lock.since)} ({each.lock.reason})" if each.lock else "not locked"
        click.echo(f"credential {each.name!r} of customer {each.customer!r} is {how}; nothing was changed")
    if done.changed:
        click.echo("running nodes follow within 5 seconds")


def _record(settings: Settings, stores: Stores, act: str, done: Switching, reason: str) -> None:
    """One act for each customer."""
    if not done.changed:
        return
    try:
        with cli_journal(settings, stores) as journal:
            for record in acts(actor(), act, done, reason):
                journal.append_blocking(record)
    except JournalError as error:
        fail(f"done, but the audit could not record it: {error}", 2)


def _row(held: HeldCredential) -> Mapping[str, object]:
    credential, lock, overlap = held.credential, held.lock, held.overlap
    return {
        "credential": held.name,
        "customer": held.customer,
        "kind": held.kind,
        "stream": credential.stream if credential else None,
        "made by": held.source if credential else None,
        "standing": "locked" if lock else "active",
        "reason": lock.reason if lock else None,
        "locked by": lock.source if lock else None,
        "since": _moment(lock.since) if lock else None,
        "old password until": _moment(overlap.until) if overlap and overlap.holds(utc_now()) else None,
    }


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
