"""Quality: what the consents of a file look like together, before any of them is recorded (R-249).

One time, or one address, for a fifth of a list is that of a machine or of an afternoon with a spreadsheet, not of
people who each consented. Rows that share it are capped at E1, and only those (spec/imports.md); so are rows whose time
lies after the import, or before there were such lists. The rest is for people to read: accounts that belong to a role,
rows without an address, rows that repeat one.
"""

from typing import Any

from consent.address import Address
from consent.imports.row import Row
from consent.imports.tally import Tally
from consent.model import Grade, State, moment

SHARE = 5
"""What covers more than one in so many consents proves nothing: 20 %."""
FEWEST = 3
"""But two rows of a short file that agree may be one household, or chance."""
_OLDEST = 946_684_800_000_000
"""2000-01-01, in microseconds."""
_CANDIDATES = 9
"""Of up to two addresses per row, whatever covers more than a fifth of the rows is among so many (Misra and Gries)."""
# fmt: off
ROLES = frozenset({
    "abuse", "accounting", "accounts", "admin", "administrator", "all", "billing", "careers", "compliance",
    "contact", "customerservice", "devnull", "dns", "enquiries", "everyone", "ftp", "hello", "help", "helpdesk",
    "hostmaster", "hr", "info", "inoc", "inquiries", "investorrelations", "it", "jobs", "legal", "list",
    "list-request", "mail", "mailer-daemon", "mailerdaemon", "marketing", "media", "news", "newsletter",
    "no-reply", "nobody", "noc", "noreply", "null", "office", "ops", "orders", "owner", "phish", "phishing",
    "post", "postbox", "postmaster", "press", "privacy", "purchasing", "recruitment", "registrar", "remove",
    "request", "reservations", "root", "sales", "security", "service", "services", "spam", "staff", "subscribe",
    "support", "sysadmin", "tech", "undisclosed-recipients", "unsubscribe", "usenet", "users", "uucp",
    "webmaster", "www",
})
# fmt: on
"""Local-parts that stand for a function rather than a person (RFC 2142 and usage)."""


class _Frequent:
    """Whatever is more than one in `_CANDIDATES` + 1 of a stream, found in one pass (Misra and Gries, 1982)."""

    def __init__(self) -> None:
        self.values: dict[Any, int] = {}

    def add(self, value: Any) -> None:
        values = self.values
        if value in values:
            values[value] += 1
        elif len(values) < _CANDIDATES:
            values[value] = 1
        else:
            self.values = {each: count - 1 for each, count in values.items() if count > 1}


class Survey:
    """Sees every consent of a file once, then tells which of them prove less than they seem to. Memory is bounded,
    counts are exact."""

    def __init__(self) -> None:
        self.rows = 0
        """Consents seen."""
        self._times, self._frequent_times = Tally(), _Frequent()
        self._addresses, self._frequent_addresses = Tally(), _Frequent()
        self._people = Tally()
        self._undated = self._future = self._old = self._bare = self._roles = 0
        self._grades = [0] * len(Grade)
        self._shared: tuple[dict[int, int], dict[str, int]] | None = None

    def add(self, row: Row) -> None:
        """Take a consent into account; what is no consent (a request, a relationship) is passed over."""
        event = row.event
        if event.state is not State.GIVEN and event.state is not State.CONFIRMED:
            return
        self.rows += 1
        self._shared = None
        self._grades[event.grade] += 1
        at = event.at
        if at is None:
            self._undated += 1
        else:
            self._future += at > event.recorded
            self._old += at < _OLDEST
            self._times.note(at)
            self._frequent_times.add(at)
        ip, confirm_ip = row.personal.get("ip", ""), row.personal.get("confirm_ip", "")
        if ip:
            self._addresses.note(hash(ip))
            self._frequent_addresses.add(ip)
        else:
            self._bare += 1
        if confirm_ip and confirm_ip != ip:
            self._addresses.note(hash(confirm_ip))
            self._frequent_addresses.add(confirm_ip)
        if isinstance(row.subject, Address):
            canonical = row.subject.canonical
            self._people.note(hash(canonical))
            self._roles += canonical.partition("@")[0] in ROLES

    def shared(self, row: Row) -> bool:
        """Whether a consent is to be capped at E1: its time or an address of it is shared by more than a fifth of the
        consents seen, or its time cannot be true."""
        times, addresses = self._found()
        at, personal = row.event.at, row.personal
        if at is not None and (at in times or at > row.event.recorded or at < _OLDEST):
            return True
        return bool(addresses) and (personal.get("ip") in addresses or personal.get("confirm_ip") in addresses)

    def report(self) -> dict[str, Any]:
        """All that was found, for people and as JSON; shares are parts of one."""
        times, addresses = self._found()
        return {
            "consents": self.rows,
            "grades": {grade.name: self._grades[grade] for grade in Grade if self._grades[grade]},
            "shared_times": [{"time": moment(at).isoformat()} | self._share(n) for at, n in _most(times)],
            "shared_addresses": [{"address": ip} | self._share(n) for ip, n in _most(addresses)],
            "future_times": self._share(self._future),
            "implausible_times": self._share(self._old),
            "without_time": self._share(self._undated),
            "without_address": self._share(self._bare),
            "role_accounts": self._share(self._roles),
            "repeated": self._share(self._people.total - self._people.distinct()),
        }

    def _found(self) -> tuple[dict[int, int], dict[str, int]]:
        if self._shared is None:
            self._shared = (
                {at: n for at in self._frequent_times.values if self._too_many(n := self._times.count(at))},
                {
                    ip: n
                    for ip in self._frequent_addresses.values
                    if self._too_many(n := self._addresses.count(hash(ip)))
                },
            )
        return self._shared

    def _too_many(self, rows: int) -> bool:
        return rows >= FEWEST and rows * SHARE > self.rows

    def _share(self, rows: int) -> dict[str, Any]:
        return {"rows": rows, "share": round(rows / self.rows, 4) if self.rows else 0.0}


def _most(found: dict[Any, int]) -> list[tuple[Any, int]]:
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))
