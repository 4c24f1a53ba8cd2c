"""`postern consent import`: a platform's export into the registry, with a bar for people who watch."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from config.settings import Settings
from consent.import_diff import CAPPED, ERRORS, KNOWN
from consent.import_jobs import Job, Order
from consent.importer import Importer, OnProgress
from consent.imports.row import ImportRefused
from consent.notices import NoticeStore, UnknownNotice
from gateway.cli.bar import Step, bar
from gateway.cli.context import (
    actor,
    config_option,
    customer_option,
    fail,
    json_option,
    known_customer,
    open_stores,
    own_journal,
    printable,
    utc_now,
    words,
)
from gateway.importing import act, hooks
from gateway.stores import Stores

SHOWN_ERRORS = 20
"""Row errors printed as text; --json has more."""
_SAID_ELSEWHERE = (KNOWN, CAPPED, ERRORS)
_PHASES = {"reading": "opening", "withdrawals": "withdrawals first", "consents": "consents", "done": "done"}


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@customer_option
@click.option(
    "--list", "list_", metavar="LIST", required=True, help="The list the consents are for; it is made if new."
)
@click.option(
    "--format",
    "format_",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="What the file is, such as mailchimp-subscribed, or a platform; auto goes by its header and name.",
)
@click.option(
    "--notice", type=words(64), metavar="ID", default="", help="The notice that you declare was shown to all of them."
)
@click.option(
    "--tz",
    "zone",
    metavar="ZONE",
    default="",
    help="For times without a zone, such as Europe/Paris or +02:00. Asked for where it is needed.",
)
@click.option(
    "--filename",
    type=words(255),
    metavar="NAME",
    help="The name the platform gave the file, where it was renamed since.",
)
@click.option(
    "--scope",
    type=click.Choice(["list", "all"]),
    default="list",
    show_default=True,
    help="Whether withdrawals in the file are from LIST or from everything the customer sends.",
)
@click.option(
    "--attest",
    type=words(2000),
    metavar="TEXT",
    default="",
    help="What you declare about these consents; kept with the import.",
)
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@config_option
@json_option
def import_(file: Path, customer: str, list_: str, settings: Settings, as_json: bool, **given: Any) -> None:
    """Import consents, withdrawals, relationships or suppressions from FILE: CSV, JSON or ZIP, as platforms export it.

    Withdrawals and suppressions are taken first, and no import ever lifts one. Consents are graded by the evidence in
    each row, not by what the platform calls them. The same file twice changes nothing; an import that was interrupted
    goes on where it was when the same command is given again.

    \b
    Exit status:
      0  imported; rows that could not be taken are listed with their line and reason
      2  the whole file was refused, or something else is wrong; the text says what, or asks what must be told

    \b
    Look first:     postern consent import members.csv --customer acme --list spring --dry-run
    Import:         postern consent import members.csv --customer acme --list spring --notice signup-3 --tz Europe/Paris
    Opt-outs:       postern consent import unsubscribed.csv --customer acme --list spring --scope all

    Example: postern consent import members.csv --customer acme --list spring --notice signup-3
    """
    stores = open_stores(settings)
    known = known_customer(stores, customer).customer
    order = Order(
        customer=customer,
        list=list_,
        format=given["format_"],
        filename=given["filename"] or file.name,
        notice=given["notice"],
        zone=given["zone"],
        scope_all=given["scope"] == "all",
        dry_run=given["dry_run"],
        uploader=actor(),
        attestation=given["attest"],
    )
    importer = Importer(stores.consent_database, stores.secrets, utc_now, scratch=settings.data_dir)
    try:
        with bar(_PHASES["reading"]) as step:
            on_progress = bar_of(step)
            if order.dry_run:
                job = importer.preview(known, order, file, on_progress)
            else:
                with own_journal(settings, stores) as journal:
                    job = importer.start(known, order, file, hooks(journal, customer, order.uploader, on_progress))
                    if not job.repeats:
                        journal.append_blocking(act(job))
    except ImportRefused as error:
        fail(str(error), 2)
    except KeyboardInterrupt:
        fail("interrupted: give the same command again, and the import goes on where it was")
    finally:
        importer.close()
    if as_json:
        click.echo(json.dumps(job.result(), indent=2))
    else:
        _show(stores, job)


def bar_of(step: Step | None) -> OnProgress | None:
    """What shows an import's progress on a bar: each row is read twice, for what stops mail and for what allows it."""
    if step is None:
        return None

    def on_progress(job: Job) -> None:
        rows = job.done + (job.total if job.phase == "consents" else 0)
        step(_PHASES.get(job.phase, ""), 1.0 if job.phase == "done" else rows / max(1, 2 * job.total))

    return on_progress


def _show(stores: Stores, job: Job) -> None:
    tally, order = job.counts, job.order
    if job.repeats:
        click.echo(f"imported before, as {job.repeats}: nothing was changed")
    click.echo(f"{job.format}: {tally.rows} rows, {tally.accepted} accepted, {tally.refused} refused")
    stated = [
        f"{count} {name}"
        for name, count in (
            ("consents", tally.consents), ("withdrawals", tally.withdrawals), ("suppressions", tally.suppressions),
            ("relationships", tally.relationships),
        )
        if count
    ]  # fmt: skip
    new = "" if order.dry_run else f"{tally.new} new, "
    click.echo(f"they state {', '.join(stated) or 'nothing'}; {new}{tally.known} known before")
    for name, count in job.diff.items():
        if count and name not in _SAID_ELSEWHERE:
            click.echo(f"  {count:>10}  {name.replace('_', ' ')}")
    if tally.capped:
        click.echo(f"{tally.capped} consents are graded lower, because they share a time or an address: see quality")
    for line in quality_lines(job.quality):
        click.echo(f"quality  {printable(line)}")
    for error in job.errors[:SHOWN_ERRORS]:
        click.echo(f"line {error.line}  {printable(error.reason)}")
    if tally.errors > SHOWN_ERRORS:
        click.echo(f"and {tally.errors - SHOWN_ERRORS} errors more; --json shows the first {len(job.errors)}")
    if order.notice:
        try:
            NoticeStore(stores.consent_database).get(order.customer, order.notice)
        except UnknownNotice:
            click.echo(
                f"postern: no text of notice {order.notice!r} is on file: it is recorded as declared by you; "
                "keep its text with `postern notices add`",
                err=True,
            )
    if order.dry_run:
        click.echo("nothing was changed: this was a dry run")
    elif job.id:
        click.echo(f"import {job.id}, SHA-256 {job.sha256}")


def quality_lines(quality: dict[str, Any]) -> Iterator[str]:
    """The quality report of an import in words, one line for each thing that was found."""
    grades = quality.get("grades")
    if grades:
        yield "grades by evidence: " + ", ".join(f"{count} {grade}" for grade, count in grades.items())
    for each in quality.get("shared_times", ()):
        yield f"{each['rows']} consents ({each['share']:.0%}) bear one time, {each['time']}"
    for each in quality.get("shared_addresses", ()):
        yield f"{each['rows']} consents ({each['share']:.0%}) bear one network address, {each['address']}"
    for name, said in (
        ("future_times", "bear a time that is yet to come"),
        ("implausible_times", "bear a time before 2000"),
        ("without_time", "bear no time"),
        ("without_address", "bear no network address"),
        ("role_accounts", "are of addresses of a function, such as info@"),
        ("repeated", "repeat an address"),
    ):
        found = quality.get(name)
        if isinstance(found, dict) and found.get("rows"):
            yield f"{found['rows']} consents ({found['share']:.0%}) {said}"
