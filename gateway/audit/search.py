"""Search: records by what an abuse desk or an auditor knows of them, newest first, each decision with its outcome.

Segments are read one at a time, from the newest. Lines are first looked through as bytes, and only those that may
match are read as JSON; of those only the places are kept, so memory is bounded by the matches of one segment (or the
limit) for each process. A segment outside the time asked for is told by the first record of the next one, which holds
its earliest and latest time, and not opened.

A message's outcome stands behind its decision: in the same segment, or in a later one; which, the list of waiting
references in the first record of each segment says, so none is read in vain.
"""

import heapq
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from consent.address import Address
from gateway.audit.encoding import KINDS
from gateway.audit.head import PROCESS
from gateway.audit.record import VERDICTS, Json, Sealed, Unseal, stamp
from gateway.audit.segments import Line, first_line, read_lines, segment_numbers, segment_path

Keys = Callable[[Address], Sequence[str]]
"""All keys an address may stand under: one for each version of the secret."""
ERASED = "(erased)"


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: all that is given must hold. Raises ValueError for what no record could be."""

    since: datetime | None = None
    """Not before."""
    until: datetime | None = None
    """Before."""
    customer: str | None = None
    credential: str | None = None
    sender: Address | None = None
    """In the reverse-path or in From."""
    recipient: Address | None = None
    """Or, of withdrawals, the address they are about."""
    message_id: str | None = None
    reference: str | None = None
    """As in a reply, or as the id in our Received field, whose check is left out."""
    verdict: str | None = None
    rule: str | None = None
    """Its code, in any finding, observed ones included; or why a recipient was refused, such as NO-CONSENT."""
    message_class: str | None = None
    """`C0` to `C5`: of the message, or of what its recipients were decided about."""
    list: str | None = None
    """The id of a list that recipients were decided about for."""
    kind: str | None = "decision"
    """None finds every kind, outcomes also by themselves."""
    limit: int | None = 100
    """Records at most, over all processes; None for all."""

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in KINDS:
            raise ValueError(f"no such kind: {self.kind!r}; known: {', '.join(KINDS)}")
        if self.verdict is not None and self.verdict not in VERDICTS:
            raise ValueError(f"no such verdict: {self.verdict!r}; known: {', '.join(sorted(VERDICTS))}")
        if self.limit is not None and self.limit < 0:
            raise ValueError("limit must not be negative")
        for time in (self.since, self.until):
            if time is not None and time.tzinfo is None:
                raise ValueError("times must be aware")


def search(audit_dir: Path, query: Query, keys: Keys, unseal: Unseal | None = None) -> Iterator[Json]:
    """The records that match, newest first over all processes. Verifies nothing.

    A decision has one member more, `outcome`: its outcome's record, or None while there is none. With `unseal` each
    address stands as its text, or as `(erased)` when its subject's key is destroyed; without, as it is written.
    """
    names = sorted(path.name for path in audit_dir.iterdir() if path.is_dir()) if audit_dir.is_dir() else []
    wanted = _Wanted(query, keys)
    found = [_Process(audit_dir / name, wanted).newest_first() for name in names if PROCESS.match(name)]
    merged: Iterator[Json] = heapq.merge(*found, key=lambda record: str(record["time"]), reverse=True)
    for record in islice(merged, query.limit):
        yield record if unseal is None else opened(record, unseal)


class _Wanted:
    """A query made ready to be asked of lines."""

    def __init__(self, query: Query, keys: Keys) -> None:
        self.query = query
        self.since = stamp(query.since) if query.since else None
        self.until = stamp(query.until) if query.until else None
        self._sender = frozenset(keys(query.sender)) if query.sender else None
        self._recipient = frozenset(keys(query.recipient)) if query.recipient else None
        plain = {
            "kind": query.kind,
            "customer": query.customer,
            "credential": query.credential,
            "message_id": query.message_id,
            "reference": query.reference and query.reference.partition("-")[0],
            "verdict": query.verdict,
        }
        self._plain = {name: value for name, value in plain.items() if value is not None}
        self._all = [f'"{name}":{json.dumps(value)}'.encode() for name, value in self._plain.items()]
        if query.rule is not None:
            self._all.append(f'"code":{json.dumps(query.rule)}'.encode())
        if query.message_class is not None:
            self._all.append(f'"class":{json.dumps(query.message_class)}'.encode())
        if query.list is not None:
            self._all.append(f'"list":{json.dumps(query.list)}'.encode())
        self._any = [[json.dumps(key).encode() for key in group] for group in (self._sender, self._recipient) if group]

    def may_be(self, raw: bytes) -> bool:
        """Whether a line can match, by its bytes alone."""
        return all(part in raw for part in self._all) and all(any(key in raw for key in keys) for keys in self._any)

    def outside(self, earliest: str | None, latest: str | None) -> bool:
        """Whether a segment with these times holds nothing that is asked for."""
        return bool(
            (self.since and latest and latest < self.since) or (self.until and earliest and earliest >= self.until)
        )

    def in_time(self, time: str) -> bool:
        """Whether a record of this time is asked for."""
        return not ((self.since and time < self.since) or (self.until and time >= self.until))

    def is_it(self, record: Json) -> bool:
        """Whether the record matches; one that somebody changed into something else does not."""
        try:
            return bool(record) and self._matches(record)
        except (TypeError, KeyError, AttributeError):
            return False

    def _matches(self, record: Json) -> bool:
        if any(record.get(name) != value for name, value in self._plain.items()):
            return False
        if self.query.rule is not None and self.query.rule not in {
            finding["code"] for finding in record.get("findings", ())
        }:
            return False
        mailing = record.get("mailing") or {}
        if self.query.message_class not in (None, record.get("class"), mailing.get("class")):
            return False
        if self.query.list not in (None, mailing.get("list")):
            return False
        if self._sender is not None:
            senders = [record.get("reverse_path"), *record.get("header_from", ())]
            if not any(sender and sender["key"] in self._sender for sender in senders):
                return False
        # Withdrawals are found by whom they are about.
        written_to = (*record.get("recipients", ()), *record.get("items", ()))
        return self._recipient is None or any(each["key"] in self._recipient for each in written_to)


class _Process:
    """One process's segments."""

    def __init__(self, directory: Path, wanted: _Wanted) -> None:
        self._directory, self._wanted = directory, wanted

    def newest_first(self) -> Iterator[Json]:
        """The matching records, the last written first. Segments that retention removes meanwhile are passed over."""
        later: Line | None = None
        for number in reversed(segment_numbers(self._directory)):
            path = segment_path(self._directory, number)
            try:
                checkpoint, first = later, first_line(path)
                later = first
                times = _members(checkpoint.raw) if checkpoint and checkpoint.kind == "segment" else {}
                if first is None or self._wanted.outside(times.get("earliest"), times.get("latest")):
                    continue
                yield from self._segment(number, path)
            except FileNotFoundError:
                return

    def _segment(self, number: int, path: Path) -> Iterator[Json]:
        places: list[tuple[int, int]] = []
        ended: list[tuple[int, bytes]] = []
        for offset, raw in read_lines(path):
            if _OUTCOME in raw:
                ended.append((offset, raw))
            if self._wanted.may_be(raw) and (line := Line.parse(raw)) and self._wanted.in_time(line.time):
                places.append((offset, len(raw)))
        if not places:
            return  # as most segments where one recipient is looked for
        outcomes: dict[str, tuple[int, int]] = {}
        for offset, raw in ended:
            if (line := Line.parse(raw)) and line.reference:
                outcomes[line.reference] = (offset, len(raw))
        ended.clear()
        with path.open("rb") as file:

            def read(place: tuple[int, int]) -> Json:
                file.seek(place[0])
                return _members(file.read(place[1]))

            while places:
                found = read(places.pop())
                if not self._wanted.is_it(found):
                    continue
                if found.get("kind") == "decision":
                    found["outcome"] = None
                    # A refusal of a recipient bears the same reference as the message that went on without it.
                    if found.get("verdict") == "accept" and isinstance(found.get("reference"), str):
                        place = outcomes.get(found["reference"])
                        found["outcome"] = read(place) if place else self._later(found["reference"], number)
                yield found

    def _later(self, reference: str, own: int) -> Json | None:
        """The outcome of a decision, when it stands in a segment behind the decision's own."""
        needle = f'"reference":{json.dumps(reference)}'.encode()
        # Listed anew: a running writer may have begun another since.
        for number in [number for number in segment_numbers(self._directory) if number > own]:
            for offset, raw in read_lines(segment_path(self._directory, number)):
                if offset == 0 and reference not in _members(raw).get("open", ()):
                    return None
                if _OUTCOME in raw and needle in raw and (line := Line.parse(raw)) and line.reference == reference:
                    return _members(raw)
        return None


_OUTCOME = b'"kind":"outcome"'


def _members(raw: bytes) -> Json:
    """The members of a record; none where it is torn, or changed by somebody: verification names it."""
    try:
        record = json.loads(raw)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def opened(record: Json, unseal: Unseal) -> Json:
    """The record with its addresses as text: one call for all of them."""
    sealed: list[Sealed] = []
    _walk(record, lambda item: sealed.append(Sealed(item["key"], item["sealed"])))
    if not sealed:
        return record
    texts = iter(unseal(sealed))
    return {
        name: _walk(value, lambda item: ERASED if (text := next(texts)) is None else text)
        for name, value in record.items()
    }


def _walk(value: object, change: Callable[[Json], object]) -> object:
    """The value with each sealed address in it replaced by what `change` makes of it, in order."""
    if isinstance(value, dict):
        if value.keys() == {"key", "sealed"}:
            return change(value)
        return {name: _walk(member, change) for name, member in value.items()}
    if isinstance(value, list):
        return [_walk(member, change) for member in value]
    return value
