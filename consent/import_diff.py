"""Import diff: what a file would change, counted without writing anything (R-243)."""

from collections import Counter
from collections.abc import Sequence

from consent.database import Database
from consent.keys import Secrets
from consent.lookup import Lookup
from consent.model import ALL, NOTHING, Event, Standing, State
from consent.records import Entry
from consent.sealing import decode_standing
from consent.standing import apply

NEW_CONSENTS = "new_consents"
RAISED_GRADES = "raised_grades"
"""Consents better evidenced than those on record of the same party and list."""
MORE_CONSENTS = "more_consents"
"""Consents beside others of the same party and list, no better evidenced than they."""
WITHDRAWN_STAYS = "withdrawn_stays"
"""Consents whose address has withdrawn: the withdrawal stays in force (R-251)."""
NEW_REQUESTS = "new_requests"
NEW_WITHDRAWALS = "new_withdrawals"
NEW_SUPPRESSIONS = "new_suppressions"
NEW_RELATIONSHIPS = "new_relationships"
OTHER = "other"
KNOWN = "known"
"""Facts that are on record already."""
CAPPED = "capped"
ERRORS = "errors"
KINDS = (
    NEW_CONSENTS, RAISED_GRADES, MORE_CONSENTS, WITHDRAWN_STAYS, NEW_REQUESTS, NEW_WITHDRAWALS, NEW_SUPPRESSIONS,
    NEW_RELATIONSHIPS, OTHER, KNOWN, CAPPED, ERRORS,
)  # fmt: skip

_CONSENTS = (State.GIVEN, State.CONFIRMED)
_WITHDRAWALS = (State.WITHDRAWN, State.REFUSED, State.ERASED)
_PLAIN = {
    State.REQUESTED: NEW_REQUESTS,
    State.SUPPRESSED: NEW_SUPPRESSIONS,
    State.RELATED: NEW_RELATIONSHIPS,
    **dict.fromkeys(_WITHDRAWALS, NEW_WITHDRAWALS),
}


class Diff:
    """Counts kinds of change, block by block.

    Each block is compared with the registry and with itself: an address that the file names in two blocks is compared
    with the registry both times, and withdrawals of the same file are taken into account for the consents after them
    only within `_REMEMBERED` addresses, so that memory stays bounded.
    """

    _REMEMBERED = 1_000_000

    def __init__(self, database: Database, secrets: Secrets, customer: str) -> None:
        self._lookup, self._secrets, self._customer = Lookup(database), secrets, customer
        self._counts: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
        self._withdrawn: dict[bytes, list[Event]] = {}

    def close(self) -> None:
        """Close its connections."""
        self._lookup.close()

    def count(self, kind: str, times: int) -> None:
        """Count what blocks do not show."""
        self._counts[kind] += times

    def add(self, entries: Sequence[Entry]) -> None:
        """Compare one block's entries with the registry. Raises RegistryError."""
        keys = [self._secrets.subject_octets(entry.subject) for entry in entries]
        found = self._lookup.find(self._customer, list(dict.fromkeys(keys))) if keys else {}
        standings = {key: decode_standing(text) for (customer, key), text in found.items() if customer != ALL}
        for key, entry in zip(keys, entries, strict=True):
            before = standings.get(key, NOTHING)
            if key not in standings:
                for event in self._withdrawn.get(key, ()):
                    before = apply(before, event, 1) or before
            after = apply(before, entry.event, 1)
            if after is None:
                self._counts[KNOWN] += 1
                continue
            self._counts[_kind(before, entry.event)] += 1
            standings[key] = after
            if entry.event.state in _WITHDRAWALS and len(self._withdrawn) < self._REMEMBERED:
                self._withdrawn.setdefault(key, []).append(entry.event)

    @property
    def counts(self) -> dict[str, int]:
        """Kind -> how many, all kinds."""
        return dict(self._counts)


def _kind(before: Standing, event: Event) -> str:
    if event.state not in _CONSENTS:
        return _PLAIN.get(event.state, OTHER)
    if any(each.party in (ALL, event.party) and each.list in (ALL, event.list) for each in before.withdrawals):
        return WITHDRAWN_STAYS
    grades = [grant.grade for grant in before.grants if (grant.party, grant.list) == (event.party, event.list)]
    if not grades:
        return NEW_CONSENTS
    return RAISED_GRADES if event.grade > max(grades) else MORE_CONSENTS
