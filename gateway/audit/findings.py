"""Findings: how often each rule found something in each customer's mail, and what would have been refused.

It answers two questions: may this customer's mode become `enforce`, and may this rule's action become `reject`?
Journals are read once, a line at a time. A decision without findings, as nearly all are, is counted by its bytes and
not read as JSON. What is held is a row for each customer and rule, so memory does not grow with the records.
"""

import heapq
import json
import re
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from gateway.audit.record import Json, stamp
from gateway.audit.segments import Line
from gateway.audit.walk import ALWAYS, forward, journals

EXAMPLES = 3
"""References named for each row: the newest."""
MOST_ROWS = 200_000
"""Rows of one report, of about half a kilobyte each."""
_REMEMBERED = 1000
"""References of a journal's last refusals: a message that goes on without some recipients follows at once."""

_PLAIN = (b'"verdict":"accept"', b'"findings":[]', b'"phase":"data"')
"""In the line of a message that passed and in which nothing was found. Within a text their quotes would be escaped."""
_CUSTOMER = re.compile(rb'"reference":"[0-9A-Za-z_-]{1,64}","customer":"([^"\\]*)",')
_PHASES = ("mail", "data")
"""When a message is decided; a record of phase `rcpt` is about one recipient."""


class TooManyRows(ValueError):
    """There are more customers and rules than one report holds; the text says what to narrow."""


@dataclass(slots=True)
class Row:
    """What one rule found in one customer's mail."""

    customer: str
    rule: str
    """Its code; also one of the edge's, such as SIZE."""
    found: int = 0
    """Messages with the finding: `refused`, `if_enforced` and `if_rejecting` together."""
    refused: int = 0
    """Of these, messages that were refused or deferred, for this finding or another."""
    if_enforced: int = 0
    """That passed in mode `observe`, and would have been refused or deferred in mode `enforce`."""
    if_rejecting: int = 0
    """That passed with the rule's action on `observe`, and would have been refused had it been `reject`. Of a customer
    in mode `observe`, that too would have to be changed."""
    failed: int = 0
    """Messages at which the rule itself failed: our fault, and in none of the other numbers."""
    messages: int = 0
    """All of the customer's messages, as in its total."""
    _newest: list[tuple[bool, str, str]] = field(default_factory=list)

    @property
    def would(self) -> int:
        """Messages that passed and would have been refused."""
        return self.if_enforced + self.if_rejecting

    @property
    def share(self) -> float:
        """Of the customer's messages, what part these are: from 0 to 1, in six digits."""
        return round(self.would / self.messages, 6) if self.messages else 0.0

    @property
    def examples(self) -> list[str]:
        """References of the newest messages with the finding, newest first; those that passed go before."""
        return [reference for _, _, reference in sorted(self._newest, reverse=True)]

    def members(self) -> Json:
        """As JSON has it."""
        names = ("customer", "rule", "found", "refused", "if_enforced", "if_rejecting", "failed", "messages", "share")
        return {**{name: getattr(self, name) for name in names}, "examples": self.examples}

    def add(self, action: str, passed: bool, time: str, reference: str) -> None:
        """Count a message with the finding."""
        self.found += 1
        if not passed:
            self.refused += 1
        elif action == "observe":
            self.if_rejecting += 1
        else:
            self.if_enforced += 1
        example = (passed, time, reference)
        if len(self._newest) < EXAMPLES:
            heapq.heappush(self._newest, example)
        elif example > self._newest[0]:
            heapq.heapreplace(self._newest, example)


@dataclass(slots=True)
class Total:
    """One customer's messages: those decided at MAIL or at the final dot, each attempt by itself."""

    customer: str
    messages: int = 0
    refused: int = 0
    """Refused or deferred."""
    if_enforced: int = 0
    """That passed in mode `observe`, and would have been refused or deferred in mode `enforce`; once each, however many
    findings they have."""

    def members(self) -> Json:
        """As JSON has it."""
        return asdict(self)


@dataclass(slots=True)
class Findings:
    """The report."""

    totals: list[Total]
    """By customer; also those in whose mail nothing was found."""
    rows: list[Row]
    """By customer, and of one customer those first by which most would be refused."""


def findings(
    audit_dir: Path,
    since: datetime | None = None,
    until: datetime | None = None,
    customer: str | None = None,
    rule: str | None = None,
) -> Findings:
    """Count the decisions of all journals from `since` to before `until`. Verifies nothing.

    `rule` narrows the rows and not the totals. Raises TooManyRows, and ValueError for a naive time.
    """
    counting = _Counting(customer, rule)
    first, last = stamp(since) if since else "", stamp(until) if until else ALWAYS
    for directory in journals(audit_dir):
        counting.refusals.clear()
        for line, _ in forward(directory, counting.needle, first, last):
            if line.kind == "decision":
                counting.add(line)
    for row in counting.rows.values():
        row.messages = counting.totals[row.customer].messages
    rows = sorted(counting.rows.values(), key=lambda row: (row.customer, -row.would, -row.found, row.rule))
    return Findings(sorted(counting.totals.values(), key=lambda total: total.customer), rows)


class _Counting:
    """What is counted so far."""

    def __init__(self, customer: str | None, rule: str | None) -> None:
        self._customer, self._rule = customer, rule
        self.needle = b'"kind":"decision"' if customer is None else b'"customer":%s' % json.dumps(customer).encode()
        self.totals: dict[str, Total] = {}
        self.rows: dict[tuple[str, str], Row] = {}
        self.refusals: OrderedDict[str, None] = OrderedDict()

    def add(self, line: Line) -> None:
        """Count a decision. One that somebody changed into something else is passed over: verification names it."""
        if all(part in line.raw for part in _PLAIN) and (found := _CUSTOMER.search(line.raw)):
            self._total(found[1].decode("ascii", "replace")).messages += 1
            return
        try:
            self._read(line)
        except (AttributeError, KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError):
            return

    def _read(self, line: Line) -> None:
        record = line.json()
        customer, reference, passed = record["customer"], record["reference"], record["verdict"] == "accept"
        if not isinstance(customer, str) or self._customer not in (None, customer) or record["phase"] not in _PHASES:
            return
        found = {each["code"]: each for each in record["findings"]}
        broke = [code for code, each in found.items() if each.get("failed")]
        self._count(self._total(customer), reference, passed, [each for c, each in found.items() if c not in broke])
        for code, each in found.items():
            if self._rule not in (None, code):
                continue
            if code in broke:
                self._row(customer, code).failed += 1
            else:
                self._row(customer, code).add(each["action"], passed, line.time, reference)

    def _count(self, total: Total, reference: str, passed: bool, found: list[dict[str, str]]) -> None:
        """Count a message once, also where single recipients of it were refused before it went on to the rest."""
        if reference not in self.refusals:
            total.messages += 1
            total.refused += not passed
        elif passed:
            total.refused -= 1
        if passed:
            total.if_enforced += any(each["action"] != "observe" for each in found)
            return
        self.refusals[reference] = None
        if len(self.refusals) > _REMEMBERED:
            self.refusals.popitem(last=False)

    def _total(self, customer: str) -> Total:
        if customer not in self.totals:
            self._room()
            self.totals[customer] = Total(customer)
        return self.totals[customer]

    def _row(self, customer: str, code: str) -> Row:
        if (customer, code) not in self.rows:
            self._room()
            self.rows[customer, code] = Row(customer, code)
        return self.rows[customer, code]

    def _room(self) -> None:
        if len(self.rows) + len(self.totals) >= MOST_ROWS:
            raise TooManyRows(f"more than {MOST_ROWS} customers and findings; ask for one customer, or one rule")
