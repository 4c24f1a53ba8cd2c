"""`postern check`: the verdict on a message file, explained, nothing sent."""

import json
from pathlib import Path

import click

from config.settings import Settings
from consent.address import Address, AddressError
from consent.customers import UnknownCustomer
from filters.engine import UnknownRule, bind, evaluate
from filters.message import Message
from filters.model import Facts, Finding, Outcome
from gateway.cli.context import checked_policy, config_option, fail, json_option, open_stores, utc_now
from gateway.smtp import replies
from gateway.smtp.body import Body, Budget


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--customer", required=True, help="As which customer.")
@click.option(
    "--mail-from", default=None, help="Reverse-path; by default the first mailbox of From. '<>' is the null one."
)
@click.option("--rcpt", "recipients", multiple=True, help="A recipient; may be given several times.")
@json_option
@config_option
def command(
    file: Path, customer: str, mail_from: str | None, recipients: tuple[str, ...], as_json: bool, settings: Settings
) -> None:
    """Explain the verdict on FILE (an .eml) as if CUSTOMER sent it; nothing is sent and nothing recorded.

    Exit status 0: it would be forwarded. 1: it would be deferred or refused. 2: wrong use.

    \b
    Example:  postern check newsletter.eml --customer acme --rcpt bob@example.org
    """
    policy = checked_policy(settings)
    try:
        stored = open_stores(settings).customers.get(customer)
    except UnknownCustomer:
        fail(f"no customer '{customer}'; see: postern customers list")
    try:
        # A file has the line ends of its system; on the wire there is only CRLF.
        data = file.read_bytes()
    except OSError as error:
        fail(f"{file}: cannot be read: {error.strerror}", 2)
    if b"\r\n" not in data:
        data = data.replace(b"\n", b"\r\n")
    message = Message(data)
    try:
        path = _reverse_path(mail_from, message)
        to = tuple(Address.parse(each) for each in recipients)
        rules = bind(policy, stored.customer.actions)
    except (AddressError, UnknownRule) as error:
        fail(str(error), 2)
    credential = stored.customer.credentials[0] if stored.customer.credentials else None
    if credential is None:
        fail(f"customer '{customer}' has no credential, so it cannot send at all")
    findings = _edge(data, policy.message.max_bytes, stored.standing.status == "suspended")
    verdict = evaluate(rules, message, Facts(utc_now(), stored.customer, credential, path, to), policy)
    outcome = Outcome.REJECT if findings else verdict.outcome
    decisive = findings[0] if findings else verdict.decisive
    findings += verdict.findings
    reply = str(decisive.reply) if decisive else "250 2.0.0 Accepted"
    if as_json:
        shown = [
            {"code": f.code, "clause": f.clause, "action": f.action.value, "evidence": f.evidence, "fix": f.fix}
            for f in findings
        ]
        click.echo(json.dumps({"verdict": outcome.name.lower(), "reply": reply, "findings": shown}, indent=2))
    else:
        _explain(outcome, reply, findings, stored.customer.mode == "observe" or policy.mode == "observe")
    raise SystemExit(0 if outcome is Outcome.ACCEPT else 1)


def _reverse_path(text: str | None, message: Message) -> Address | None:
    if text is None:
        mailboxes = message.mailboxes("from")
        return mailboxes[0] if mailboxes else None
    return None if text in ("", "<>") else Address.parse(text.strip("<>"))


def _edge(data: bytes, limit: int, suspended: bool) -> list[Finding]:
    """What the SMTP edge would refuse before any rule."""
    found = [replies.SUSPENDED.finding("the customer is suspended")] if suspended else []
    body = Body(Budget(1 << 40, 1 << 40), limit, None)
    body.add(data.replace(b"\r\n.", b"\r\n.."))
    body.end()
    if body.fault in replies.BODY_FAULTS:
        found.append(replies.BODY_FAULTS[body.fault].finding(body.fault))
    body.close()
    return found


def _explain(outcome: Outcome, reply: str, findings: list[Finding], observing: bool) -> None:
    click.echo(f"verdict  {outcome.name.lower()}")
    click.echo(f"reply    {reply}")
    if observing:
        click.echo("mode     observe: findings are recorded and nothing is refused by rule")
    for finding in findings:
        click.echo(f"\n{finding.code}  ({finding.action.value}, clause {finding.clause})")
        click.echo(f"  found  {finding.evidence}")
        click.echo(f"  fix    {finding.fix}")
