"""stub."""

from datetime import datetime
from typing import NamedTuple


class Label(NamedTuple):
    name: str
    since: datetime
    by: str = ""


class Labels:
    def __init__(self) -> None:
        self.d: dict[tuple[str, str], Label] = {}

    def of(self, customer: str, cluster: str) -> Label | None:
        return self.d.get((customer, cluster))

    def note_observed(self, customer: str, cluster: str, now: datetime) -> None:
        self.d.setdefault((customer, cluster), Label("observed", now))
