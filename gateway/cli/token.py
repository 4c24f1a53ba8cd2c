"""`postern token`: create, list and revoke tokens for the HTTP interface."""

import click

from config.settings import Settings
from consent.customers import UnknownCustomer
from consent.tokens import Role, TokenError
from gateway.audit.errors import JournalError
from gateway.cli.context import config_option, fail, json_option, open_stores, record_action, show, utc_now


@click.group("token")
def command() -> None:
    """Create, list and revoke tokens for the HTTP interface.

    \b
    admin      may do everything
    auditor    may read: customers, limits, the audit
    customer   may see and change what is one customer's own

    \b
    Make one and use it:
        TOKEN=$(postern token create --role auditor | tail -n 1)
        curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8025/api/v1/audit
    """


@command.command("create")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="What it allows.")
@click.option("--customer", metavar="ID", default=None, help="Whose it is; with the role customer only.")
@config_option
def create(role: str, customer: str | None, settings: Settings) -> None:
    """Make a token and print it, alone, on the last line. It cannot be shown again: only its hash is stored.

    \b
    Example: postern token create --role customer --customer acme
    """
    stores = open_stores(settings)
    try:
        number, token = stores.tokens.create(role, customer, utc_now())
    except TokenError as error:
        fail(str(error), 2)
    except UnknownCustomer as error:
        fail(str(error))
    try:
        record_action(settings, stores, act="token create", customer=customer, target=number, details={"role": role})
    except JournalError as error:
        # Nobody has seen it yet, so a token that stands in no record need not live.
        stores.tokens.revoke(number, utc_now())
        fail(f"no token was made, because the audit could not record it: {error}", 2)
    whose = f" for customer {customer!r}" if customer else ""
    click.echo(f"Token {number}, role {role}{whose}. Keep it like a password: it is shown only now.")
    click.echo(f"Revoke it with: postern token revoke {number}")
    click.echo(token)


@command.command("list")
@config_option
@json_option
def list_(settings: Settings, as_json: bool) -> None:
    """Show all tokens, revoked ones too, without their secrets.

    Example: postern token list
    """
    rows: list[dict[str, object]] = [
        {
            "id": token.id,
            "role": token.role.value,
            "customer": token.customer,
            "created": token.created.isoformat(timespec="seconds"),
            "revoked": token.revoked.isoformat(timespec="seconds") if token.revoked else None,
        }
        for token in open_stores(settings).tokens.list()
    ]
    show(rows, as_json, ("id", "role", "customer", "created", "revoked"))


@command.command("revoke")
@click.argument("number", metavar="ID")
@config_option
def revoke(number: str, settings: Settings) -> None:
    """Revoke a token by its id, at once and for good.

    Example: postern token revoke 1f2e3d4c5b6a
    """
    stores = open_stores(settings)
    try:
        changed = stores.tokens.revoke(number, utc_now())
    except TokenError as error:
        fail(f"{error}; `postern token list` shows their ids")
    if not changed:
        click.echo(f"token {number} was revoked before; nothing was changed")
        return
    try:
        record_action(settings, stores, act="token revoke", target=number)
    except JournalError as error:
        fail(f"done, but the audit could not record it: {error}", 2)
    click.echo(f"token {number} is revoked")
