"""`postern dkim`: the keys that customers' mail is signed with, and the records to publish for them."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

import click

from config.domain import domain_name
from config.settings import Settings
from consent.customers import CustomerError
from consent.dkim_keys import Algorithm, DkimKey
from gateway.cli.context import (
    config_option,
    customer_option,
    fail,
    json_option,
    known_customer,
    open_stores,
    printable,
    record_done,
    show,
    utc_now,
)
from gateway.dkim_record import Published, published
from gateway.sign import generate
from gateway.stores import Stores


def _domain(text: str) -> str:
    try:
        return domain_name(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


_domain_option = click.option("--domain", metavar="D", type=_domain, required=True, help="Whose mail it signs.")
_selector_option = click.option(
    "--selector", metavar="S", help="Where the record goes: S._domainkey.D. [default: made]"
)
_force_option = click.option("--force", is_flag=True, help="Let it sign at once, whether its record is there or not.")


@click.group("dkim")
def command() -> None:
    """Make, show, rotate and remove the keys that customers' mail is signed with (DKIM, RFC 6376).

    A new key signs once its record was seen in the DNS: `dkim show` asks, and lets it sign.

    \b
    Make one:             postern dkim create --customer acme --domain acme.example
    Once it is published: postern dkim show --customer acme
    Another in its place: postern dkim rotate --customer acme --domain acme.example

    Private keys lie in the registry, encrypted under the operator's secrets, and are shown nowhere. Running nodes
    follow within 5 seconds.
    """


@command.command("create")
@customer_option
@_domain_option
@_selector_option
@click.option(
    "--algorithm", type=click.Choice(["rsa", "ed25519"]), default="rsa", show_default=True,
    help="RSA (2048 bits), which every verifier knows, or Ed25519 beside it; mail gets a signature of each.",
)  # fmt: skip
@_force_option
@config_option
@json_option
def create(
    customer: str, domain: str, selector: str | None, algorithm: Algorithm, force: bool, settings: Settings,
    as_json: bool,
) -> None:  # fmt: skip
    """Make a key for a domain of a customer's, and print the record to publish; it signs once that was seen.

    It signs mail from that domain, and from those beneath it that have no key of their own.

    Example: postern dkim create --customer acme --domain acme.example
    """
    _make(settings, customer, domain, selector, [algorithm], as_json, force=force, rotate=False)


@command.command("rotate")
@customer_option
@_domain_option
@_selector_option
@click.option("--algorithm", type=click.Choice(["rsa", "ed25519"]), help="Of this key only; else each that signs.")
@_force_option
@config_option
@json_option
def rotate(
    customer: str, domain: str, selector: str | None, algorithm: Algorithm | None, force: bool, settings: Settings,
    as_json: bool,
) -> None:  # fmt: skip
    """Make a key that takes the place of the one that signs, once its record was seen, and print that record.

    Until then the old one signs. Then the old one's private part is destroyed; its record stays in the DNS for 7 days
    more, for mail that is on its way, and `dkim show` tells when it may go.

    Example: postern dkim rotate --customer acme --domain acme.example
    """
    stores = open_stores(settings)
    known_customer(stores, customer)
    signing = {key.algorithm for key in stores.dkim_keys.all(customer, domain) if key.state == "active"}
    wanted: list[Algorithm] = [algorithm] if algorithm else [each for each in ("rsa", "ed25519") if each in signing]
    if selector and len(wanted) > 1:
        fail("--selector names one key, and two sign for this domain: give --algorithm too", 2)
    _make(settings, customer, domain, selector, wanted or ["rsa"], as_json, force=force, rotate=True)


def _make(
    settings: Settings,
    customer: str,
    domain: str,
    selector: str | None,
    algorithms: Sequence[Algorithm],
    as_json: bool,
    *,
    force: bool,
    rotate: bool,
) -> None:
    """Make keys, and print their records. What is refused ends the command with status 1."""
    stores, rows = open_stores(settings), []
    known_customer(stores, customer)
    for algorithm in algorithms:
        now = utc_now()
        private, public = generate(algorithm)
        try:
            name = selector or _free_selector(stores, domain, algorithm, now)
            key = stores.dkim_keys.add(customer, domain, name, algorithm, public, private, now, rotate=rotate)
        except CustomerError as error:
            fail(str(error))
        _record(settings, stores, "dkim rotate" if rotate else "dkim create", key)
        if force:
            try:
                _activate(settings, stores, key, "given --force")
            except CustomerError as error:
                fail(str(error))
            (key,) = (each for each in stores.dkim_keys.all(customer, domain) if each.selector == name)
        rows.append(_row(key, None, now))
    if as_json:
        show(rows, as_json)
        return
    for row in rows:
        click.echo(row["zone"])
    if force:
        click.echo("postern: signs now; what it signs does not verify until this is published", err=True)
    else:
        click.echo(f"postern: publish it, then run: postern dkim show --customer {customer}", err=True)


@command.command("show")
@customer_option
@click.option("--domain", metavar="D", type=_domain, help="Of one domain only.")
@config_option
@json_option
def show_(customer: str, domain: str | None, settings: Settings, as_json: bool) -> None:
    """Show a customer's keys and their records, and ask the DNS for each; a pending key whose record is there signs
    from now on.

    `published` is `there`, `missing`, `another` (the DNS has another key at its name) or `no answer`. Exit status 1
    when the record of a key that signs, or is to sign, is not there.

    Example: postern dkim show --customer acme
    """
    stores, now = open_stores(settings), utc_now()
    known_customer(stores, customer)
    found = {key.name: published(key, settings.dns.servers) for key in stores.dkim_keys.all(customer, domain)}
    for key in stores.dkim_keys.all(customer, domain):
        if key.state == "pending" and found.get(key.name) == "there":
            try:
                _activate(settings, stores, key, "its record was seen in the DNS")
            except CustomerError as error:
                click.echo(f"postern: note: {error}", err=True)
    keys = [key for key in stores.dkim_keys.all(customer, domain) if key.name in found]
    rows = [_row(key, found[key.name], now) for key in keys]
    if as_json:
        show(rows, as_json)
    else:
        _print(rows)
    if any(key.state != "retired" and found[key.name] != "there" for key in keys):
        raise SystemExit(1)


@command.command("remove")
@customer_option
@_domain_option
@click.option("--selector", metavar="S", required=True, help="Which key.")
@click.option("--reason", metavar="TEXT", required=True, help="Why: kept in the audit.")
@config_option
def remove(customer: str, domain: str, selector: str, reason: str, settings: Settings) -> None:
    """Forget a key, and destroy its private part. Where it was the last that signs, mail goes unsigned from then on.

    For one that has leaked, make another first (`dkim rotate`), then publish its record with an empty p=: what was
    signed with it verifies no more.

    Example: postern dkim remove --customer acme --domain acme.example --selector p20261120r --reason "rotated"
    """
    stores = open_stores(settings)
    known_customer(stores, customer)
    if not reason.strip():
        fail("a reason is required: it stands in the audit", 2)
    try:
        key = stores.dkim_keys.remove(customer, domain, selector)
    except CustomerError as error:
        fail(str(error))
    _record(settings, stores, "dkim remove", key, " ".join(reason.split()))
    click.echo(f"the key is gone; its record {key.name} may be taken out of the DNS once its mail has arrived")


def _free_selector(stores: Stores, domain: str, algorithm: Algorithm, now: datetime) -> str:
    """One that names the day and the algorithm, such as p20261120r."""
    taken = {key.selector for key in stores.dkim_keys.all(domain=domain)}
    first = f"p{now:%Y%m%d}{algorithm[0]}"
    numbered = (f"{first}{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (first, *numbered) if name not in taken)


def _activate(settings: Settings, stores: Stores, key: DkimKey, reason: str) -> None:
    """Let it sign, on record; raises CustomerError."""
    retired = stores.dkim_keys.activate(key, utc_now())
    _record(settings, stores, "dkim activate", key, reason, retired)


def _record(
    settings: Settings, stores: Stores, act: str, key: DkimKey, reason: str = "", retired: DkimKey | None = None
) -> None:
    """Into the audit: where the key is, and what tells it from others; nothing of its private part."""
    details = {"algorithm": key.algorithm, "public_sha256": sha256(key.public.encode()).hexdigest()}
    if retired is not None:
        details["retired"] = retired.name
    record_done(settings, stores, act=act, customer=key.customer, target=key.name, reason=reason, details=details)


def _row(key: DkimKey, found: Published | None, now: datetime) -> dict[str, object]:
    return {
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm,
        "state": key.state,
        "published": found,
        "name": key.name,
        "record": key.record,
        "strings": list(key.strings),
        "zone": key.zone_line,
        "created": key.created.isoformat(timespec="seconds"),
        "activated": key.activated.isoformat(timespec="seconds") if key.activated else None,
        "retired": key.retired.isoformat(timespec="seconds") if key.retired else None,
        "to_do": _to_do(key, found, now),
    }


def _to_do(key: DkimKey, found: Published | None, now: datetime) -> str:
    """What the customer has to do about its record."""
    if key.needed_until is None:
        return "" if found == "there" else "publish the record"
    if now < key.needed_until:
        return f"keep the record until {key.needed_until:%Y-%m-%d %H:%M} UTC"
    gone = found == "missing"
    return "run: postern dkim remove" if gone else "take the record out of the DNS"


def _print(rows: Sequence[dict[str, object]]) -> None:
    show(rows, False, ("domain", "selector", "algorithm", "state", "published", "to_do"))
    for row in rows:
        if row["state"] != "retired":
            click.echo("\n" + printable(row["zone"]))
