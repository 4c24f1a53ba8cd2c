"""`postern exempt`: add, list, remove."""

from datetime import UTC, date, datetime, time, timedelta

import click

from config.settings import Settings
from consent.customers import Conflict, CustomerError
from filters.engine import UnknownRule
from gateway.cli.context import (
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
from gateway.switching import checked_rule


def _until(text: str) -> datetime:
    """A time with its offset, or a day: then its end in UTC."""
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.BadParameter("write a day such as 2027-01-31, or an ISO 8601 time with its offset")
    return moment


@click.group("exempt")
def command() -> None:
    """Let a rule only observe one customer until a day, for a reason.

    What the rule finds stands in the record with the exemption's id, and refuses nothing. It ends by itself.

    \b
    Add one:     postern exempt add HDR-DATE --customer acme --until 2027-01-31 --reason "old printer, ticket 4711"
    See all:     postern exempt list
    End one:     postern exempt remove HDR-DATE --customer acme --reason "printer replaced"

    Running nodes follow within 5 seconds. What a rule does for good is said in customers.toml ([customers.actions]).
    """


@command.command("add")
@click.argument("rule", metavar="RULE")
@customer_option
@click.option("--until", type=_until, required=True, metavar="DAY",
              help="The last day, in UTC, or a time with its offset; at most 366 days ahead.")  # fmt: skip
@click.option("--reason", required=True, metavar="TEXT", help="Why: kept in the audit, and shown by `list`.")
@config_option
def add(rule: str, customer: str, until: datetime, reason: str, settings: Settings) -> None:
    """Exempt a customer from RULE, a code of `postern rules`, until a day.

    One exemption holds at a time for a customer and a rule. Exit status 1 when one does.

    Example: postern exempt add HDR-DATE --customer acme --until 2027-01-31 --reason "old printer, ticket 4711"
    """
    stores = open_stores(settings)
    known_customer(stores, customer)
    try:
        made = stores.exemptions.add(customer, checked_rule(rule), until, reason, utc_now())
    except Conflict as error:
        fail(str(error))
    except (CustomerError, UnknownRule) as error:
        fail(str(error), 2)
    details = {"exemption": made.id, "until": made.until.astimezone(UTC).isoformat()}
    record_done(
        settings, stores, act="exempt add", customer=customer, target=made.rule, reason=made.reason, details=details
    )
    click.echo(
        f"customer {customer!r} is exempt from {made.rule} until {_moment(made.until)} ({made.id}); running nodes "
        "follow within 5 seconds"
    )


@command.command("list")
@click.option("--customer", metavar="ID", help="Of one customer only.")
@config_option
@json_option
def list_(customer: str | None, settings: Settings, as_json: bool) -> None:
    """Show exemptions, those that are over too until another takes their place.

    Example: postern exempt list --customer acme
    """
    stores = open_stores(settings)
    if customer is not None:
        known_customer(stores, customer)
    now = utc_now()
    rows = [
        {
            "id": each.id,
            "customer": each.customer,
            "rule": each.rule,
            "until": _moment(each.until),
            "in force": "yes" if each.holds(now) else "no, it is over",
            "reason": each.reason,
            "since": _moment(each.since),
        }
        for each in stores.exemptions.all(customer)
    ]
    show(rows, as_json, ("id", "customer", "rule", "until", "in force", "reason", "since"))


@command.command("remove")
@click.argument("rule", metavar="RULE")
@customer_option
@click.option("--reason", required=True, metavar="TEXT", help="Why: kept in the audit.")
@config_option
def remove(rule: str, customer: str, reason: str, settings: Settings) -> None:
    """End a customer's exemption from RULE before its day. Exit status 1 when there is none.

    Example: postern exempt remove HDR-DATE --customer acme --reason "printer replaced"
    """
    stores = open_stores(settings)
    known_customer(stores, customer)
    try:
        gone = stores.exemptions.remove(customer, rule.strip().upper(), reason)
    except CustomerError as error:
        fail(str(error), 2)
    if gone is None:
        fail(f"customer {customer!r} is not exempt from {rule!r}; nothing was changed; `postern exempt list` shows all")
    record_done(
        settings, stores, act="exempt remove", customer=customer, target=gone.rule,
        reason=" ".join(reason.split()), details={"exemption": gone.id},
    )  # fmt: skip
    click.echo(f"customer {customer!r} is no longer exempt from {gone.rule}; running nodes follow within 5 seconds")


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
