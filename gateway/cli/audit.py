"""`postern audit`: search, findings and verify; explain is in `gateway.cli.audit_explain`."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import click

from config.policy import Action
from config.settings import Settings
from consent.address import Address, AddressError
from consent.mailing import Class
from filters.engine import UnknownRule, check_codes
from gateway.audit.findings import TooManyRows
from gateway.audit.search import Query
from gateway.cli.audit_explain import explain
from gateway.cli.context import config_option, fail, json_option, open_stores, printable, show, utc_now
from gateway.evidence import Evidence


@click.group("audit")
def command() -> None:
    """Search, explain, count and verify the audit: who sent what, what was decided, and why."""


command.add_command(explain)


def _time(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("not an ISO 8601 time such as 2026-11-20T10:00:00Z") from None
    if time.tzinfo is None:
        raise click.BadParameter("needs a zone, such as 2026-11-20T10:00:00Z or +01:00")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise click.BadParameter("is beyond the calendar") from None


def _rule(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    # A slip would answer that nothing was found, which is what somebody hopes to hear.
    try:
        check_codes({} if value is None else {value: Action.OBSERVE})
    except UnknownRule as error:
        raise click.BadParameter(str(error).partition(": ")[2]) from None
    return value


def _class(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    return None if value is None else Class[value.upper()].value


def _address(context: click.Context, parameter: click.Parameter, value: str | None) -> Address | None:
    try:
        return None if value is None else Address.parse(value)
    except AddressError as error:
        raise click.BadParameter(str(error)) from None


@command.command("search")
@click.option("--since", callback=_time, help="Not before this time, with zone: 2026-11-20T10:00:00Z.")
@click.option("--until", callback=_time, help="Before this time.")
@click.option("--customer")
@click.option("--credential")
@click.option("--sender", callback=_address, help="Address in the reverse-path or in From.")
@click.option("--recipient", callback=_address, help="Of withdrawals: the address they are about.")
@click.option("--message-id", help="As it stands in the message, with angle brackets.")
@click.option("--reference", help="The reference in a reply, or the id in our Received field.")
@click.option("--verdict", type=click.Choice(["accept", "defer", "reject"]))
@click.option("--rule", help="A rule's code, such as ID-FROM, or why a recipient was refused, such as NO-CONSENT.")
@click.option(
    "--class",
    "message_class",
    type=click.Choice([each.name.lower() for each in Class]),
    callback=_class,
    help="Of the message, or of what recipients were decided about.",
)
@click.option("--list", metavar="LIST", help="Id of a list that recipients were decided about for.")
@click.option(
    "--kind",
    type=click.Choice(["decision", "outcome", "action", "withdrawal", "anchor", "refused", "all"]),
    default="decision",
    show_default=True,
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@json_option
@config_option
def search(settings: Settings, as_json: bool, limit: int, kind: str, **asked: Any) -> None:
    """Find records, newest first; a decision comes with its outcome. All that is given must hold.

    Exit status 1 when nothing is found.

    \b
    Examples:
      postern audit search --reference 01KAD3V0Q5W9ZJ6W8A8R7B1V3T
      postern audit search --customer acme --verdict reject --since 2026-11-20T00:00:00Z
      postern audit search --customer acme --class bulk --list spring --rule NO-CONSENT
    """
    query = Query(limit=limit, kind=None if kind == "all" else kind, **asked)
    found = list(Evidence(settings, open_stores(settings), utc_now).search(query))
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif found:
        show([_row(record) for record in found], False, _COLUMNS)
    if not found:
        fail("nothing found", 1)


def _what(record: dict[str, Any]) -> str:
    """What a record that is no decision says, in a few words."""
    if record["kind"] == "withdrawal":
        states = Counter(item["event"]["state"] for item in record["items"])
        return ", ".join(f"{count} {state}" for state, count in states.items())
    if record["kind"] == "anchor":
        return f"batch {record['batch']}"
    return str(record.get("act") or record.get("outcome") or record.get("total", ""))


def _row(record: dict[str, Any]) -> dict[str, object]:
    """One record on one line of the table."""
    row: dict[str, object] = {
        "time": record["time"][:23],
        "kind": record["kind"],
        "reference": record.get("reference", ""),
    }
    if record["kind"] != "decision":
        return {
            **row,
            "customer": record.get("customer", ""),
            "what": _what(record),
            "reply": record.get("reason") or record.get("reply"),
        }
    outcome = record.get("outcome") or {}
    recipients = record["recipients"]
    return {
        **row,
        "customer": record["customer"],
        "what": record["verdict"] + (f", {outcome['outcome']}" if outcome else ""),
        "codes": " ".join(finding["code"] for finding in record["findings"]),
        "sender": record["reverse_path"] or "<>",
        "recipients": ", ".join(recipients[:2]) + (f" and {len(recipients) - 2} more" if len(recipients) > 2 else ""),
        "reply": (outcome.get("reply") or record["reply"])[:70],
    }


_COLUMNS = ("time", "kind", "reference", "customer", "what", "codes", "sender", "recipients", "reply")


@command.command("findings")
@click.option("--since", callback=_time, help="Not before this time, with zone: 2026-11-20T10:00:00Z.")
@click.option("--until", callback=_time, help="Before this time.")
@click.option("--customer")
@click.option("--rule", callback=_rule, help="A rule's code, such as ID-FROM.")
@json_option
@config_option
def findings(
    settings: Settings,
    as_json: bool,
    since: datetime | None,
    until: datetime | None,
    customer: str | None,
    rule: str | None,
) -> None:
    """Count what rules found and what would have been refused, for each customer and rule.

    "if enforced": messages that passed in mode observe, and would have been refused in mode enforce. "if rejecting":
    messages that passed because the rule only observes, and would have been refused if its action were reject.
    "share": what part of the customer's messages these are. "examples": references of the newest, for audit search.

    Exit status 1 when there is no message in that time.

    \b
    Examples:
      postern audit findings --customer acme --since 2026-11-14T00:00:00Z
      postern audit findings --rule TRACE-UPSTREAM --json
    """
    try:
        report = Evidence(settings, open_stores(settings), utc_now).findings(since, until, customer, rule)
    except TooManyRows as error:
        fail(str(error), 2)
    totals, rows = [each.members() for each in report.totals], [each.members() for each in report.rows]
    if as_json:
        click.echo(json.dumps({"customers": totals, "findings": rows}, indent=2))
    elif totals:
        show([_headed(each) for each in totals], False)
        if rows:
            click.echo()
            show([_counted(each) for each in rows], False)
    if not totals:
        fail("nothing found", 1)


def _headed(row: dict[str, Any]) -> dict[str, Any]:
    """The same under names as a table's head has them."""
    return {name.replace("_", " "): value for name, value in row.items()}


def _counted(row: dict[str, Any]) -> dict[str, Any]:
    """What a rule found, on one line of the table."""
    shown = {name: value for name, value in row.items() if name != "messages"}
    return _headed({**shown, "share": f"{row['share']:.2%}", "examples": " ".join(row["examples"])})


@command.command("verify")
@json_option
@config_option
def verify(settings: Settings, as_json: bool) -> None:
    """Check every chain of the audit against its head and the registry's.

    Exit status 0: intact (a tail torn by a crash is reported and is no fault). 1: something was changed, removed or
    reordered; the record is named.
    """
    report = Evidence(settings, open_stores(settings), utc_now).verify()
    if as_json:
        faults = [{"process": f.process, "segment": f.segment, "record": f.n, "what": f.what} for f in report.faults]
        click.echo(
            json.dumps({"ok": report.ok, "records": report.records, "processes": report.processes, "faults": faults,
                        "more_faults": report.more_faults, "notes": report.notes}, indent=2)
        )  # fmt: skip
    else:
        click.echo(
            f"{report.records} records of {len(report.processes)} process(es): {'intact' if report.ok else 'DAMAGED'}"
        )
        for fault in report.faults:
            click.echo(f"fault  {printable(fault)}")
        if report.more_faults:
            click.echo(f"fault  and {report.more_faults} more")
        for note in report.notes:
            click.echo(f"note   {printable(note)}")
    raise SystemExit(0 if report.ok else 1)
