"""`postern domains`: which customer holds a domain, and how that was shown."""

import click

from config.domain import domain_name
from config.settings import Settings
from consent.customers import Conflict, CustomerError
from consent.domains import HeldDomain, StandsInFile
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
from gateway.dns import Away
from gateway.domain_token import Challenge


def _domain(text: str) -> str:
    try:
        return domain_name(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group("domains")
def command() -> None:
    """Add, list and remove domains that customers hold beside those in customers.toml.

    A domain is one customer's, exactly as it is written: a sub-domain is another domain.

    \b
    Prove one:       postern domains add shop.example --customer acme
    On your word:    postern domains add shop.example --customer acme --reason "contract 4711"
    See them all:    postern domains list
    Ask again:       postern domains check

    Running nodes follow within 5 seconds.
    """


@command.command("add")
@click.argument("domain", type=_domain)
@customer_option
@click.option("--reason", metavar="TEXT", help="Assert that it is the customer's; kept in the audit. No DNS is asked.")
@config_option
def add(domain: str, customer: str, reason: str | None, settings: Settings) -> None:
    """Let a customer use DOMAIN, once its zone holds the customer's token, or on your word.

    Without --reason the DNS is asked for the token. Where it is not there yet, the record to publish is printed and the
    exit status is 1: publish it and give the same command again.

    With --reason you assert that the domain is the customer's; who did, and why, stands in the audit.

    What was added stays when the customer's file is applied again. Exit status 1 when another customer holds it.

    Example: postern domains add shop.example --customer acme
    """
    stores = open_stores(settings)
    known_customer(stores, customer)
    try:
        if stores.domains.check(customer, domain):
            click.echo(f"customer {customer!r} holds {domain!r} already; nothing was changed")
            return
        details = {"domain": domain, "source": "assertion"}
        if reason is None:
            challenge = Challenge.of(stores.secrets, customer, domain)
            _prove(challenge, settings)
            details = {"domain": domain, "source": "dns", "name": challenge.name}
        added = stores.domains.add(customer, domain, "dns" if reason is None else "assertion", utc_now(), reason or "")
    except Conflict as error:
        fail(str(error))
    except CustomerError as error:
        fail(str(error), 2)
    near = [each for each in stores.domains.near(domain) if each.customer != customer]
    if added:
        others = {"near": [f"{each.domain} ({each.customer})" for each in near]} if near else {}
        record_done(
            settings, stores, act="domains add", customer=customer, target=domain,
            reason=" ".join((reason or "").split()), details=details | others,
        )  # fmt: skip
    click.echo(f"customer {customer!r} holds {domain!r}; running nodes follow within 5 seconds")
    for each in near:
        click.echo(f"postern: note: {each.domain} is held by customer {each.customer!r}", err=True)


def _prove(challenge: Challenge, settings: Settings) -> None:
    try:
        if challenge.met(settings.dns.servers):
            return
    except Away as error:
        fail(f"{error}\nnothing was added; try again, or give --reason to assert it")
    click.echo(challenge.record)
    fail("the DNS does not hold this record yet: publish it, then give the same command again")


@command.command("list")
@click.option("--customer", metavar="ID", help="Of one customer only.")
@config_option
@json_option
def list_(customer: str | None, settings: Settings, as_json: bool) -> None:
    """Show every domain that is held, by whom and since when, and how that was shown.

    `file`: customers.toml names it. `dns`: a token in its zone. `assertion`: an operator's word, with the reason.

    Example: postern domains list --customer acme
    """
    stores = open_stores(settings)
    if customer is not None:
        known_customer(stores, customer)
    rows = [_row(each) for each in stores.domains.all(customer)]
    show(rows, as_json, ("domain", "customer", "source", "since", "reason"))


@command.command("check")
@click.option("--customer", metavar="ID", help="Of one customer only.")
@config_option
@json_option
def check(customer: str | None, settings: Settings, as_json: bool) -> None:
    """Ask the DNS again for the tokens of all domains that were proved by one; nothing is changed.

    `there`, `gone`, or `no answer`, which says nothing. Exit status 1 when a token is gone: the domain may have another
    owner now. Tell the customer to publish it again, or remove the domain. Weekly is often enough.

    Example: postern domains check --json
    """
    stores = open_stores(settings)
    if customer is not None:
        known_customer(stores, customer)
    rows = []
    for each in stores.domains.all(customer):
        if each.source == "dns":
            challenge = Challenge.of(stores.secrets, each.customer, each.domain)
            rows.append({"domain": each.domain, "customer": each.customer, "proof": _proof(challenge, settings)})
    show(rows, as_json, ("domain", "customer", "proof"))
    if any(row["proof"] == "gone" for row in rows):
        raise SystemExit(1)


def _proof(challenge: Challenge, settings: Settings) -> str:
    try:
        return "there" if challenge.met(settings.dns.servers) else "gone"
    except Away:
        return "no answer"


@command.command("remove")
@click.argument("domain", type=_domain)
@customer_option
@click.option("--reason", metavar="TEXT", required=True, help="Why: kept in the audit.")
@config_option
def remove(domain: str, customer: str, reason: str, settings: Settings) -> None:
    """Take DOMAIN, that `domains add` gave it, from a customer: its mail in that name is refused from then on.

    What customers.toml names is taken out there. Exit status 1 when the customer does not hold it.

    Example: postern domains remove shop.example --customer acme --reason "contract ended"
    """
    stores = open_stores(settings)
    known_customer(stores, customer)
    try:
        removed = stores.domains.remove(customer, domain, reason)
    except StandsInFile as error:
        fail(str(error))
    except CustomerError as error:
        fail(str(error), 2)
    if not removed:
        fail(f"customer {customer!r} does not hold {domain!r}; `postern domains list` shows what it does")
    record_done(
        settings, stores, act="domains remove", customer=customer, target=domain, reason=" ".join(reason.split())
    )
    click.echo(f"customer {customer!r} no longer holds {domain!r}; running nodes follow within 5 seconds")


def _row(held: HeldDomain) -> dict[str, object]:
    since = f"{held.since:%Y-%m-%d %H:%M} UTC" if held.since else None
    return {
        "domain": held.domain,
        "customer": held.customer,
        "source": held.source,
        "since": since,
        "reason": held.reason,
    }
