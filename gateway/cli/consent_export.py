"""`postern consent export`, `proof`, `verify`: what is on record, for others to read, and whether it is as written."""

import json
import os
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import click

from config.settings import Settings
from consent.address import Address
from consent.export import Shape
from consent.lists import ListStore
from consent.notices import NoticeStore
from consent.parties import PartyStore
from consent.proof import Proof, page
from gateway.audit.anchors import newest, survey
from gateway.cli.acting import asking
from gateway.cli.bar import bar
from gateway.cli.context import (
    address_argument,
    config_option,
    customer_option,
    fail,
    json_option,
    known_customer,
    open_stores,
    printable,
    record_action,
    utc_now,
)
from gateway.restore import holds
from gateway.stores import Stores


def shape(stores: Stores, customer: str, *, public: bool) -> Shape:
    """All that the records of one customer refer to."""
    known = known_customer(stores, customer).customer
    database = stores.consent_database
    return Shape.of(
        known,
        PartyStore(database).all(known),
        ListStore(database).all(known),
        NoticeStore(database).all(customer),
        public=public,
    )


@click.command("export")
@customer_option
@click.option("--list", "only", metavar="LIST", help="Only this list's, and what covers everything from the sender.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["json", "csv"]),
    default="json",
    show_default=True,
    help="json: records in the sections of ISO/IEC TS 27560. csv: a line for each event.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write, mode 0600; an existing one is refused. Else standard output.",
)
@click.option("--for-customer", is_flag=True, help="As the customer may have it: without who complained to whom.")
@config_option
def export(
    customer: str, only: str | None, format_: str, output: Path | None, for_customer: bool, settings: Settings
) -> None:
    """Export all that is on record of a customer's recipients.

    The CSV is safe to open in a spreadsheet: a cell that would begin like a formula begins with an apostrophe. That it
    was exported, and by whom, stands in the audit.

    Example: postern consent export --customer acme --format csv --output acme.csv
    """
    stores = open_stores(settings)
    shaped = shape(stores, customer, public=for_customer)
    if only is not None:
        ListStore(stores.consent_database).get(shaped.customer, only)
    details = {"format": format_, "list": only, "for_customer": for_customer}
    record_action(settings, stores, act="consent export", customer=customer, details=details)
    each = stores.consents.each(customer, only)
    _write(shaped.csv(each, only) if format_ == "csv" else shaped.json(each, utc_now(), only), output)


def _write(portions: Iterable[str], output: Path | None) -> None:
    """Write text in portions, to a new file or standard output; what could not be written whole is removed."""
    if output is None:
        for portion in portions:
            click.echo(portion, nl=False)
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        fail(f"{output}: is there already; name another file, or remove it", 2)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.writelines(portions)
    except BaseException:
        output.unlink(missing_ok=True)
        raise
    click.echo(f"{output} is written", err=True)


@click.command("proof")
@address_argument
@customer_option
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write, mode 0600; an existing one is refused. Else standard output.",
)
@click.option("--internal", is_flag=True, help="With what only the operator may know: who complained, by whose hand.")
@config_option
def proof(address: Address, customer: str, output: Path | None, internal: bool, settings: Settings) -> None:
    """Write one HTML page that shows all that is on record of one address, to print or to hand out.

    It says which lists, the notice shown, each event with its time, on what each grade rests, the place in the chain,
    withdrawals, and whether it may be written to now. What Postern did not witness is called declared. That it was
    made, and by whom, stands in the audit.

    Example: postern consent proof bob@recipient.example --customer acme --output bob.html
    """
    stores = open_stores(settings)
    shaped = shape(stores, customer, public=not internal)
    history = stores.consents.history(customer, address)
    batches = {number: stores.consents.batch(number) for number in {each.batch for each in history}}
    made = Proof(
        address=address.text,
        address_key=stores.secrets.address_key(address),
        shape=shaped,
        history=history,
        batches={number: batch for number, batch in batches.items() if batch},
        standing=stores.consents.standing(customer, address),
        decisions=asking(settings, stores).decisions(shaped.customer, address, list(shaped.lists)),
        made=utc_now(),
        operator=settings.hostname,
        version=version("postern"),
    )
    details = {"key": made.address_key, "internal": internal}
    record_action(settings, stores, act="consent proof", customer=customer, details=details)
    _write([page(made)], output)


@click.command("verify")
@config_option
@json_option
def verify(settings: Settings, as_json: bool) -> None:
    """Check that the registry of consents is as it was written.

    Every event is there and unchanged, every batch follows from the one before, every standing is what its events come
    to, and the chain's end is the one that the audit has. Reads everything: a minute for some millions of events.

    \b
    Exit status:
      0  intact
      1  something was changed, removed, put in or moved; it is named
      2  it could not be checked

    Example: postern consent verify
    """
    stores = open_stores(settings)
    audit_dir = settings.data_dir / "audit"
    # What was cut off and then written on shows only by an end that was noted before.
    noted = survey(audit_dir, holds(stores.consents)).lost or newest(audit_dir)
    anchored = (noted.number, noted.hash) if noted and noted.number else None
    with bar("verifying") as step:

        def progress(done: int, total: int) -> None:
            if step is not None:
                step("verifying", done / max(1, total))

        found = stores.consents.verify(progress, anchor=anchored)
    if as_json:
        last = {"batch": found.last.number, "hash": found.last.hash} if found.last else None
        value = {"ok": not found.faults, "events": found.events, "batches": found.batches, "last": last,
                 "anchored": noted is not None, "faults": found.faults}  # fmt: skip
        click.echo(json.dumps(value, indent=2))
    else:
        click.echo(f"{found.events} events in {found.batches} batches: {'DAMAGED' if found.faults else 'intact'}")
        for fault in found.faults:
            click.echo(f"fault  {printable(fault)}")
        if noted is None:
            click.echo("note   the audit of this node has no end of the chain on record: a missing end would not show")
    raise SystemExit(1 if found.faults else 0)
