"""Amazon SES: the account's suppression list, as the API gives it and as its bulk import takes it, and contact lists.

- The API's answer is a document with `SuppressedDestinationSummaries`, or several, one per page; the bulk files are
  NDJSON (`{"emailAddress": …, "reason": "BOUNCE"}`) or CSV without a header (`ann@example.com,BOUNCE`).
- The suppression list is that of a whole account, so it covers everything from the sender. Times are seconds since
  1970 with a fraction; the bulk files have none.
- A contact list knows topics: `topicPreferences.<topic>` in CSV, a list of objects in JSON. `unsubscribeAll` covers
  everything. An opt-out of a topic is for the import's list when the topic has its name, or is the only one; others are
  row errors that name the topic, so that nobody takes them for imported. Opt-ins have neither date nor proof, and the
  status of a topic that is not named is implied by a default that is not in the file.
"""

import json
import re
from collections.abc import Iterator, Sequence

from consent.address import Address
from consent.imports.columns import Columns
from consent.imports.row import Context, Format, ReadRow, Row, RowError
from consent.imports.statements import Statements, nothing

_TOPIC = "topicpreferences"
_REASONS = frozenset({"bounce", "complaint"})
_NOT_A_NAME = re.compile(r"[\W_]+")


class _Suppressed:
    """Reads rows of address, reason and perhaps a time."""

    def __init__(self, context: Context, columns: Columns | None) -> None:
        self._say = Statements(context, "ses", "Amazon SES")
        columns = columns or Columns(("emailaddress", "reason"))
        title = "Amazon SES suppressions"
        self._pick = columns.picker(
            columns.needed(title, "emailaddress"), columns.needed(title, "reason"), columns.first("lastupdatetime")
        )

    def read(self, cells: Sequence[str], line: int) -> Sequence[Row | RowError]:
        email, reason, when = self._pick(cells)
        subject = self._say.address(email, line)
        if isinstance(subject, RowError):
            return (subject,)
        reason = reason.strip().casefold()
        if reason == "complaint":
            return (self._say.complained(line, subject, when),)
        if reason == "bounce":
            return (self._say.undeliverable(line, subject, when),)
        return (RowError(line, "the reason is neither BOUNCE nor COMPLAINT"),)


class _Contacts:
    """Reads the rows of a contact list."""

    def __init__(self, header: Sequence[str], context: Context) -> None:
        columns = Columns(header)
        self._say, self._scope_all = Statements(context, "ses", "Amazon SES"), context.scope_all
        self._list = _name(context.list)
        self._topics = {name.partition(".")[2]: n for n, name in enumerate(header) if name.startswith(f"{_TOPIC}.")}
        self._pick = columns.picker(
            columns.needed("Amazon SES contacts", "emailaddress"),
            columns.first("unsubscribeall"),
            columns.first(_TOPIC),
            columns.first("lastupdatedtimestamp"),
        )

    def read(self, cells: Sequence[str], line: int) -> Sequence[Row | RowError]:
        email, everything, preferences, when = self._pick(cells)
        say = self._say
        subject = say.address(email, line)
        if isinstance(subject, RowError):
            return (subject,)
        if everything.strip().casefold() == "true":
            return (say.withdrawn(line, subject, when, everything=True),)
        try:
            topics = [*self._told(cells), *_preferences(preferences)]
        except ValueError:
            return (RowError(line, 'column "topicPreferences" is not the list of topics that SES writes'),)
        return list(self._outcomes(line, subject, when, topics))

    def _outcomes(
        self, line: int, subject: Address, when: str, topics: list[tuple[str, str]]
    ) -> Iterator[Row | RowError]:
        single = len(topics) == 1
        ours = [status for name, status in topics if single or _name(name) == self._list]
        others = [name for name, status in topics if status == "opt_out" and not single and _name(name) != self._list]
        if "opt_out" in ours or (others and self._scope_all):
            yield self._say.withdrawn(line, subject, when)
        elif "opt_in" in ours:
            yield nothing(line, "OPT_IN has no date, so nothing proves the consent")
        elif not others:
            yield nothing(line, "no preference for a topic of this list")
        if others and not self._scope_all:
            names = ", ".join(f'"{name[:60]}"' for name in others[:5])
            yield RowError(
                line, f"opted out of {names}, which is not this list: import it with --list {others[0][:60]}"
            )

    def _told(self, cells: Sequence[str]) -> Iterator[tuple[str, str]]:
        for topic, place in self._topics.items():
            status = cells[place].strip().casefold() if place < len(cells) else ""
            if status:
                yield topic, status


def _preferences(text: str) -> Iterator[tuple[str, str]]:
    """(topic, status) of a JSON list; raises ValueError for anything else."""
    if not text.strip():
        return
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ValueError("not a list of objects")
    for each in found:
        said = {str(name).casefold(): str(value) for name, value in each.items()}
        yield said.get("topicname", "").casefold(), said.get("subscriptionstatus", "").casefold()


def _name(text: str) -> str:
    return _NOT_A_NAME.sub("", text.casefold())


def _is_bulk(header: Sequence[str], _filename: str) -> bool:
    return len(header) >= 2 and "@" in header[0] and header[1] in _REASONS


def _is_suppressed(header: Sequence[str], _filename: str) -> bool:
    return {"emailaddress", "reason"} <= frozenset(header)


def _is_contacts(header: Sequence[str], _filename: str) -> bool:
    topics = any(name == _TOPIC or name.startswith(f"{_TOPIC}.") for name in header)
    return "emailaddress" in header and ("unsubscribeall" in header or topics)


def _contacts(header: Sequence[str], context: Context) -> ReadRow:
    return _Contacts(header, context).read


def _suppressed(header: Sequence[str], context: Context) -> ReadRow:
    return _Suppressed(context, Columns(header)).read


def _bulk(_header: Sequence[str], context: Context) -> ReadRow:
    return _Suppressed(context, None).read


FORMATS: tuple[Format, ...] = (
    Format("ses-contacts", "Amazon SES: contact list", _is_contacts, _contacts, suppresses_only=True),
    Format("ses-suppression", "Amazon SES: suppression list", _is_suppressed, _suppressed, suppresses_only=True),
    Format(
        "ses-bulk",
        "Amazon SES: suppressions in bulk, without a header",
        _is_bulk,
        _bulk,
        suppresses_only=True,
        headerless=True,
    ),
)
