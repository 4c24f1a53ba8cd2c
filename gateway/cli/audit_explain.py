"""`postern audit explain`: what was decided about a message, why, and whether it would be decided so again."""

import json
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

import click

from config.settings import Settings
from consent.mailing import Class
from consent.profiles import shipped
from gateway.cli.context import checked_policy, config_option, fail, json_option, open_stores, printable, utc_now
from gateway.evidence import Evidence
from gateway.explanation import DIFFERS, SAME, Explainer

_PHASES = {"mail": "at MAIL", "rcpt": "at RCPT", "data": "at the final dot"}
_MOST = 50
"""Recipients of one kind that are shown in words; --json has all."""
_WIDTH = 12
Line = tuple[str, object]


@click.command("explain")
@click.argument("reference")
@json_option
@config_option
def explain(reference: str, settings: Settings, as_json: bool) -> None:
    """Show what was decided about a message and why, and replay it.

    The verdict is worked out again from the findings, and each recipient is decided about again from what the registry
    had on record at the time. The reference is the one in the reply, or the id in our Received field.

    Exit status 0: the same verdict. 1: it differs, and how is named; or there is no such reference.

    Example: postern audit explain 01KAD3V0Q5W9ZJ6W8A8R7B1V3T
    """
    stores = open_stores(settings)
    explainer = Explainer(
        Evidence(settings, stores, utc_now), stores, shipped(), checked_policy(settings).digest, version("postern")
    )
    found = explainer.explain(reference)
    if found is None:
        fail(f"no decision with reference {reference!r}", 1)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for decision in found["decisions"]:
            _write(_decision(found, decision))
            click.echo()
        _conclude(found)
    raise SystemExit(0 if found["replay"] == SAME else 1)


def _write(lines: Iterable[Line]) -> None:
    for name, value in lines:
        if value not in (None, "", [], ()):
            click.echo(f"{name:<{_WIDTH}}  {printable(value)}")


def _conclude(found: dict[str, Any]) -> None:
    if found["replay"] == SAME:
        click.echo("replayed: same verdict")
    elif found["replay"] == DIFFERS:
        click.echo("replayed: it differs")
    else:
        click.echo("replayed: cannot be told; an address can be read no more, and its domain may have been stopped")


def _decision(found: dict[str, Any], decision: dict[str, Any]) -> Iterator[Line]:
    yield "decision", f"{decision['verdict']} {_PHASES.get(decision['phase'], '')}, {decision['time']}"
    yield "reply", decision["reply"]
    if "reverse_path" in decision:
        yield from _sent(found, decision)
        yield from _classed(decision)
    for each in decision["findings"]:
        yield from _finding(each)
    for each in _few(decision["recipients"]):
        yield from _recipient(each)
    rest = len(decision["recipients"]) - _MOST
    if rest > 0:
        yield "recipient", f"and {rest} more; --json has them all"
    yield from _outcome(decision)
    for difference in decision["differences"]:
        yield "DIFFERS", difference


def _sent(found: dict[str, Any], decision: dict[str, Any]) -> Iterator[Line]:
    client = decision["client"]
    yield "sent by", f"customer {found['customer']}, credential {decision['credential']} ({decision['stream']})"
    secured = decision["tls"] or "no TLS"
    yield (
        "from",
        f"{client['address']} port {client['port']}, EHLO {decision['ehlo']}, {secured}, to {decision['listener']}",
    )
    yield "MAIL FROM", f"<{decision['reverse_path'] or ''}>"
    yield "header From", ", ".join(decision["header_from"])
    if decision["sha256"]:
        yield "message", f"{decision['message_id'] or ''} {decision['size']} octets, SHA-256 {decision['sha256']}"
    now = "" if decision["policy"] == found["policy_now"] else "; another is in force now"
    yield "policy", f"{decision['policy']}, mode {decision['mode']}{now}"
    now = "" if decision["version"] == found["version_now"] else f"; replayed by {found['version_now']}"
    yield "program", f"postern {decision['version']}{now}"
    yield "changes", "; ".join(decision["modifications"])


def _classed(decision: dict[str, Any]) -> Iterator[Line]:
    if decision.get("class"):
        yield "class", f"{_class(decision['class'])}: {decision['basis']}"
        yield "cluster", decision["cluster"]
    mailing = decision["mailing"]
    if mailing:
        yield "list", f"{mailing['list'] or 'none'}, party {mailing['party']}"
        complaint = mailing.get("list_complaint_at")
        raised = f", raised to E3 by a complaint of {complaint}" if complaint else ""
        yield (
            "asked",
            (
                f"as {_class(mailing['class'])}, consents from {mailing['required']}{raised}, "
                f"profiles {', '.join(mailing['profiles'])}"
            ),
        )


def _class(code: str) -> str:
    return f"{code} ({Class(code).name.lower()})" if code in set(Class) else code


def _finding(found: dict[str, Any]) -> Iterator[Line]:
    exempted = f", exemption {found['exemption']}" if found.get("exemption") else ""
    yield "finding", f"{found['code']} ({found['action']}{exempted})"
    yield "  reason", found["reason"]
    yield "  found", found["evidence"]
    yield "  clause", f"{found['clause']}: {found['clause_text'] or ''}"
    yield "  fix", found["fix"]


def _few(recipients: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first of them, those with a difference before all."""
    return sorted(recipients, key=lambda each: each.get("replay", SAME) == SAME)[:_MOST]


def _recipient(found: dict[str, Any]) -> Iterator[Line]:
    decided = found["decided"]
    if decided is None:
        yield "recipient", f"{found['address']}: no ground was asked for"
        return
    if "refused" in decided:
        yield "recipient", f"{found['address']}: refused, {decided['refused']}"
        yield "  reason", found["reason"]
        yield "  because", "; ".join(decided["reasons"])
        yield "  fix", found["fix"]
    else:
        grade = f", grade {decided['grade']}" if decided["grade"] else ""
        yield "recipient", f"{found['address']}: ground {decided['ground']}{grade}"
    for event in [found["event"]] if "event" in found else found.get("events", ()):
        yield from _event(event)
    for note in found.get("notes", ()):
        yield "  note", note


def _event(event: dict[str, Any]) -> Iterator[Line]:
    what = " ".join(word for word in (event["state"], event["grade"], event["reason"]) if word)
    yield f"  event {event['number']}", f"{what}, list {event['list']}, party {event['party']}"
    yield "    when", f"{event['at'] or 'not known'}, recorded {event['recorded']}"
    how = [event["method"], event["source"], event["rests_on"], event["witness"]]
    yield "    how", "; ".join(each for each in how if each)
    yield "    by", event["by"]
    if event["relationship"]:
        yield "    relation", f"{event['relationship']['kind']} of {event['relationship']['basis']}"
    if event["import"]:
        given = event["import"]
        line = f", line {given['line']}" if given["line"] else ""
        by = f", by {given['uploader']}" if "uploader" in given else ""
        yield "    import", f"{given['id']}{line}{by}"
    if event["notice"]:
        yield "    notice", f"{event['notice']['id']}: {event['notice']['text'] or 'no wording is on file'}"


def _outcome(decision: dict[str, Any]) -> Iterator[Line]:
    outcome = decision.get("outcome")
    if outcome:
        told = "the client was told" if outcome["told"] else "the client was not told"
        yield "next hop", f"{outcome['outcome']} by {outcome['next_hop'] or 'none'}, {told}: {outcome['reply'] or ''}"
        yield "  repeat of", outcome["repeat_of"]
    elif decision["verdict"] == "accept":
        yield "next hop", "no outcome is on record yet"
